import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerInfo } from 'dockerode'
import type { DesiredContainer } from '../../model/desired.ts'
import { EngineError } from '../../model/errors.ts'
import type { ContainerName } from '../../model/names.ts'
import { labels } from '../../model/ownership.ts'
import type { ContainerEngine } from '../ports.ts'
import { listOf, objectOf } from './answers.ts'
import { createClient } from './client.ts'
import { tellCrowd } from './crowds.ts'
import { credentialsFrom } from './credentials.ts'
import { isCode, reasonOf, statusOf, toEngineError } from './errors.ts'
import { createEvents } from './events.ts'
import { createGates } from './gate.ts'
import { createImages } from './images.ts'
import { toDockerUpdate } from './limits.ts'
import type { Inspected } from './observed.ts'
import { createObserver } from './observer.ts'
import { defaultTimeouts } from './options.ts'
import type { DockerEngineOptions } from './options.ts'
import { createRegistry } from './registry.ts'
import { createScriptRecords } from './script-records.ts'
import { createScripts } from './scripts.ts'
import { createOptions } from './spec.ts'
import { createTalk } from './talk.ts'

/** A volume's source on the host: a directory is made where nothing is; a file that is there is mounted as it is. */
const ensureSource = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/** The Docker adapter. Nothing is asked of the engine before the first call. */
export const createDockerEngine = (options: DockerEngineOptions): ContainerEngine => {
  const { owner, log, monotonic = () => performance.now() } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const client = createClient(options.url, timeouts.call)
  const { docker } = client

  const events = createEvents({
    client,
    owner,
    log,
    pingEvery: timeouts.pingEvery,
    pingTimeout: timeouts.ping,
    onChange: ({ kind, action, id }) => {
      if (kind === 'image') images.forget()
      else if (kind === 'everything') {
        images.forget()
        registry.forget()
      } else if (action === 'destroy') registry.gone(id)
      else registry.changed(id)
    },
  })
  const images = createImages({
    client,
    credentials: credentialsFrom(
      options.dockerConfig ?? join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json'),
    ),
    trusted: events.live,
    timeouts,
  })
  let cpus: Promise<string> | undefined
  const onlineCpus = (): Promise<string> =>
    (cpus ??= readFile('/sys/devices/system/cpu/online', 'utf8').then((text) => text.trim()))
  const registry = createRegistry({
    client,
    owner,
    trusted: events.live,
    maxAge: timeouts.maxAge,
    monotonic,
    onlineCpus,
  })
  const gates = createGates({
    directory: join(options.stateDir, 'gates'),
    busybox: options.busybox,
    signal: client.closing,
  })
  const scripts = createScripts({
    client,
    log,
    records: createScriptRecords(join(options.stateDir, 'scripts')),
    onEnd: ({ container }, script) => events.tell({ instance: container.instance, cause: `${script} script ended` }),
  })
  const talk = createTalk({ client, registry, timeouts })
  /** Names that are being made: their gates are there before Docker knows them. */
  const making = new Set<string>()

  const running = async (name: ContainerName): Promise<Inspected> => {
    const inspected = await registry.inspect(name)
    const { pid, state } = inspected.container
    if (pid === 0) throw new EngineError('NOT_FOUND', { container: name, reason: `it does not run, it is ${state}` })
    return inspected
  }

  const observer = createObserver({ registry, gates, scripts, making })

  const make = async (container: DesiredContainer): Promise<void> => {
    const { name, image } = container
    const about = { container: name, image }
    const gate = gates.pathOf(name)
    const [program] = await Promise.all([
      images.program(image),
      gates.prepare(gate),
      ...container.volumes.map(({ host }) => ensureSource(host)),
    ])
    try {
      const made = await client.call(
        (abortSignal) =>
          objectOf(docker.createContainer({ ...createOptions(container, program, gate, owner), abortSignal })),
        { about, timeout: timeouts.work },
      )
      registry.created(name, { id: made.id, gate, sources: container.volumes.map(({ host }) => host) })
    } catch (error) {
      if (!isCode(error, 'CONFLICT')) throw error
      const there = await registry.inspect(name).catch(() => undefined)
      if (there?.container.specHash !== container.specHash) throw error
    }
  }

  /** Docker removes in its own time what another call has begun to remove. */
  const waitUntilGone = async (id: string): Promise<void> => {
    const deadline = performance.now() + timeouts.work
    for (let pause = 10; ; pause = Math.min(pause * 2, 250)) {
      try {
        await client.call((abortSignal) => docker.getContainer(id).inspect({ abortSignal }), {
          about: { container: id },
        })
      } catch (error) {
        if (isCode(error, 'NOT_FOUND')) return
        throw error
      }
      if (performance.now() > deadline)
        throw new EngineError('TIMEOUT', { container: id, reason: 'its removal does not end' })
      await delay(pause)
    }
  }

  return {
    ...observer,
    ...talk,
    ping: () => client.ping(timeouts.ping),
    subscribe: events.subscribe,
    close: async () => {
      events.close()
      client.close()
    },
    conflicts: async (names) => {
      if (names.length === 0) return []
      const wanted = new Map(names.map((name) => [`/${name}`, name]))
      // The filter is a regular expression; the only special character that names have is the dot.
      const filter = names.map((name) => `^/${name.replaceAll('.', '\\.')}$`)
      const listed = await client.call<ContainerInfo[]>((abortSignal) =>
        listOf(docker.listContainers({ all: true, filters: { name: filter }, abortSignal })),
      )
      return listed.flatMap(({ Names, Labels, Image, Id }) => {
        const name = Names.map((one) => wanted.get(one)).find((one) => one !== undefined)
        if (name === undefined || Labels[labels.owner] === owner) return []
        return [
          {
            kind: 'container' as const,
            name,
            holder: `container ${Id.slice(0, 12)} of image ${Image}, not made by ${owner}`,
          },
        ]
      })
    },
    presentImages: images.present,
    pullImage: images.pull,
    buildImage: images.build,
    create: async (container) => {
      making.add(container.name)
      try {
        await make(container)
      } catch (error) {
        throw toEngineError(error, { container: container.name, image: container.image })
      } finally {
        making.delete(container.name)
      }
    },
    start: async (name) => {
      making.add(name)
      try {
        // What it mounts may be gone with the state directory; Docker makes none of it.
        const { gate = gates.pathOf(name), sources } = registry.known(name) ?? (await registry.inspect(name))
        await Promise.all([gates.prepare(gate), ...sources.map(ensureSource)])
        await registry.withId(
          name,
          async (id, abortSignal) => {
            try {
              await docker.getContainer(id).start({ abortSignal })
            } catch (error) {
              if (statusOf(error) === 304) return // it runs already
              // Its engine ended in the middle of an earlier start, or lost its layer: this one never will, another in its place does.
              if (
                /\balready exists|\balready in use|\bfile exists|\bRWLayer\b.* is unexpectedly nil/.test(
                  reasonOf(error),
                )
              )
                await docker.getContainer(id).remove({ force: true, v: true, abortSignal })
              throw error
            } finally {
              registry.changed(id)
            }
          },
          { purpose: 'start', timeout: timeouts.work },
        )
      } catch (error) {
        throw await tellCrowd(toEngineError(error, { container: name }, 'start'), options.url.startsWith('unix:'))
      } finally {
        making.delete(name)
      }
    },
    unpause: (name) =>
      registry.withId(
        name,
        async (id, abortSignal) => {
          try {
            await docker.getContainer(id).unpause({ abortSignal })
          } catch (error) {
            if (!/is not paused/i.test(reasonOf(error))) throw error
          } finally {
            registry.changed(id)
          }
        },
        { timeout: timeouts.work },
      ),
    updateLimits: async (name, limits) => {
      const update = toDockerUpdate(limits, await onlineCpus())
      await registry.withId(
        name,
        async (id, abortSignal) => {
          try {
            await docker.getContainer(id).update({ ...update, abortSignal })
          } finally {
            registry.changed(id)
          }
        },
        { timeout: timeouts.work, purpose: 'limits' },
      )
    },
    remove: async ({ id, name }) => {
      const about = { container: name }
      try {
        await client.call((abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal }), {
          about,
          timeout: timeouts.work,
        })
      } catch (error) {
        if (isCode(error, 'CONFLICT')) await waitUntilGone(id)
        else if (!isCode(error, 'NOT_FOUND')) throw error
      }
      const known = registry.known(name)
      registry.gone(id)
      // The name may have gone to a new container meanwhile, whose gate it is now.
      if (making.has(name) || (known !== undefined && known.id !== id)) return
      await gates.remove(name)
      await scripts.remove(name)
    },
    openGate: async (name) => {
      const { container, gate } = await running(name)
      if (gate === undefined) return
      try {
        await gates.open(gate, container.pid, timeouts.gate)
      } catch (error) {
        if (isCode(error, 'CANCELLED')) throw error
        log.warn('gate cannot be opened, ending the container', { container: name, error })
        // Its gate was replaced while it waited: only a new run comes to the new one.
        await client
          .call((abortSignal) => docker.getContainer(container.id).kill({ abortSignal }), {
            about: { container: name },
          })
          .catch(() => undefined)
        throw toEngineError(error, { container: name })
      }
    },
    pidOf: async (name) => (await running(name)).container.pid,
    runScript: async (name, script, wait) => {
      const { ended } = await scripts.run(await running(name), script)
      if (wait === undefined) return
      const { closing: signal } = client
      await Promise.race([ended, delay(wait.ms, undefined, { ref: false, signal }).catch(() => undefined)])
      if (signal.aborted) throw new EngineError('CANCELLED', { container: name, script })
    },
    scriptOutput: async (name, script) => scripts.output(await registry.inspect(name), script),
  }
}
