import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import { EngineError } from '../../model/errors.ts'
import type { ContainerName, InstanceName, Owner } from '../../model/names.ts'
import { labels } from '../../model/ownership.ts'
import { listOf, objectOf } from './answers.ts'
import type { CallOptions, DockerClient } from './client.ts'
import { isCode } from './errors.ts'
import { isLifeless, toInspected, toUnread } from './observed.ts'
import type { Inspected } from './observed.ts'

/** Our containers by name and id, and what was inspected of them. */
export interface Registry {
  /**
   * Our containers as the engine lists them, each inspected unless what is known of it still holds. Of all, one that cannot be inspected
   * is given by its listing; of an instance, only where it does not run.
   */
  list(instance: InstanceName | undefined): Promise<readonly Inspected[]>
  /** Looks at one now. @throws EngineError NOT_FOUND when there is none of ours by that name */
  inspect(name: ContainerName): Promise<Inspected>
  /** Runs a call about one of our containers, by its id; when that id has gone, once more with the id that has the name now. */
  withId<T>(
    name: ContainerName,
    work: (id: string, signal: AbortSignal) => Promise<T>,
    options?: CallOptions,
  ): Promise<T>
  /** What is known without asking. */
  known(name: ContainerName): Known | undefined
  created(name: ContainerName, known: Known): void
  /** What was inspected of it holds no longer. */
  changed(id: string): void
  gone(id: string): void
  /** Nothing that was inspected holds any longer. */
  forget(): void
}

/** What stays true of a container as long as it has its name. */
export interface Known {
  readonly id: string
  /** Its gate's directory on the host. */
  readonly gate: string | undefined
  /** Directories of the host that it mounts, those of its gate aside. */
  readonly sources: readonly string[]
}

export interface RegistryOptions {
  readonly client: DockerClient
  readonly owner: Owner
  /** True while events tell of every change. */
  readonly trusted: () => boolean
  /** Milliseconds after which a container is looked at again in any case: a lost event costs no more. */
  readonly maxAge: number
  readonly monotonic: () => number
  /** CPUs of this host, `0-3`. */
  readonly onlineCpus: () => Promise<string>
}

interface Entry {
  readonly inspected: Inspected
  readonly at: number
}

export const createRegistry = ({
  client,
  owner,
  trusted,
  maxAge,
  monotonic,
  onlineCpus,
}: RegistryOptions): Registry => {
  const { docker } = client
  const names = new Map<string, Known>()
  const entries = new Map<string, Entry>()
  /** Changes of all so far. */
  let count = 0
  /** Which of them was the last of an id: an answer that was asked for before it, by id or by name, is not kept. */
  const changes = new Map<string, number>()
  let epoch = 0

  const changed = (id: string): void => {
    entries.delete(id)
    count += 1
    changes.set(id, count)
  }

  const look = async (idOrName: string): Promise<Inspected | undefined> => {
    const before = epoch
    const counted = count
    const [info, cpus] = await Promise.all([
      client.call<ContainerInspectInfo>(
        (abortSignal) => objectOf(docker.getContainer(idOrName).inspect({ abortSignal })),
        { about: { container: idOrName } },
      ),
      onlineCpus(),
    ])
    const inspected = toInspected(info, owner, cpus)
    if (inspected === undefined) return undefined
    const { id, name } = inspected.container
    names.set(name, { id, gate: inspected.gate, sources: inspected.sources })
    if (epoch === before && (changes.get(id) ?? 0) <= counted) {
      entries.set(id, { inspected, at: monotonic() })
    }
    return inspected
  }

  const stillTrue = (id: string, listedState: string): Inspected | undefined => {
    const entry = entries.get(id)
    if (entry === undefined || !trusted() || monotonic() - entry.at > maxAge) return undefined
    return entry.inspected.container.state === listedState ? entry.inspected : undefined
  }

  /** One broken container holds up no other: where the listing says enough of it, the listing must do. */
  const lookListed = async (listed: ContainerInfo, marksDo: boolean): Promise<Inspected | undefined> => {
    try {
      return await look(listed.Id)
    } catch (error) {
      if (isCode(error, 'NOT_FOUND')) return undefined // removed since it was listed
      if (!isCode(error, 'REFUSED') || !(marksDo || isLifeless(listed))) throw error
      const unread = toUnread(listed, owner, error.details['reason'] ?? '')
      if (unread === undefined) throw error
      const { name } = unread.container
      if (names.get(name)?.id !== listed.Id) names.set(name, { id: listed.Id, gate: undefined, sources: [] })
      return unread
    }
  }

  const gone = (id: string): void => {
    entries.delete(id)
    changes.delete(id)
    for (const [name, known] of names) if (known.id === id) names.delete(name)
  }

  const inspect = async (name: ContainerName): Promise<Inspected> => {
    const inspected = await look(name)
    if (inspected === undefined)
      throw new EngineError('NOT_FOUND', { container: name, reason: 'that container is not ours' })
    return inspected
  }

  return {
    list: async (instance) => {
      const label = [`${labels.owner}=${owner}`, ...(instance === undefined ? [] : [`${labels.instance}=${instance}`])]
      const listed = await client.call<ContainerInfo[]>((abortSignal) =>
        listOf(docker.listContainers({ all: true, filters: { label }, abortSignal })),
      )
      const marksDo = instance === undefined
      const all = await Promise.all(
        listed.map(async (one) => stillTrue(one.Id, one.State) ?? (await lookListed(one, marksDo))),
      )
      return all.filter((inspected) => inspected !== undefined)
    },
    inspect,
    withId: async (name, work, options = {}) => {
      const about = { container: name, ...options.about }
      const run = (id: string): Promise<Awaited<ReturnType<typeof work>>> =>
        // The promise's own type, which the compiler does not see through `Awaited`.
        client.call((signal) => work(id, signal), { ...options, about }) as Promise<Awaited<ReturnType<typeof work>>>
      const first = names.get(name)?.id
      if (first !== undefined) {
        try {
          return await run(first)
        } catch (error) {
          if (!isCode(error, 'NOT_FOUND')) throw error
          gone(first)
        }
      }
      const { container } = await inspect(name)
      return run(container.id)
    },
    known: (name) => names.get(name),
    created: (name, known) => {
      names.set(name, known)
      changed(known.id)
    },
    changed,
    gone,
    forget: () => {
      epoch += 1
      entries.clear()
    },
  }
}
