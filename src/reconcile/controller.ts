import { EngineError } from '../model/errors.ts'
import type { EngineHint, Subscription } from '../engine/ports.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import type { CatalogChange, Watcher } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { turnFabric } from './fabric.ts'
import { forgetFailures } from './holds.ts'
import { turnGone, turnInstance, wish } from './instance.ts'
import { fabricKey, instanceKey, instanceOfKey, resyncKey } from './keys.ts'
import { createOrphans } from './orphans.ts'
import { createQueue, type Turn } from './queue.ts'
import { findGone, lookAtAll } from './resync.ts'

/** Turns under way at one time. */
const concurrency = 6

export interface Controller {
  /** Begins; resolves at once. Engines that are away are waited for. */
  start(): Promise<void>
  /** Look at this instance soon. */
  poke(instance: InstanceName): void
  /** Files and engines have been read in full since start. */
  ready(): { readonly ready: boolean; readonly message: string }
  /** Keys waiting, for metrics. */
  depth(): number
  /** Resolves when no turn is under way or due. */
  idle(): Promise<void>
  /** Takes every service down, whatever its manifest says, with the switches they stood on; resolves when nothing is left. */
  terminate(): Promise<void>
  /** Ends the loop; turns under way are cut at their next step. Services stay as they are. */
  close(): Promise<void>
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const createController = (
  context: LoopContext & { readonly watcher: Pick<Watcher, 'catalog' | 'onChange'> },
): Controller => {
  const orphans = createOrphans(context.clock)
  const subscriptions: Subscription[] = []
  let unwatch: () => void = () => undefined
  let readAll = false
  let trouble = 'engines have not been read yet'
  let fabricNeeds = ''
  /** Set for good by `terminate`. */
  let ending: { readonly left: Set<InstanceName>; readonly over: PromiseWithResolvers<undefined> } | undefined

  const everything = (): readonly InstanceName[] => {
    const names = new Set([...context.watcher.catalog().instances.keys(), ...context.book.view().allocations.keys()])
    return [...names].sort()
  }

  const addAll = (): void => {
    queue.add(fabricKey)
    for (const name of everything()) queue.add(instanceKey(name))
  }

  /** The fabric follows what instances need of it; looked at again when that changes. */
  const fabricMayChange = (): void => {
    const needs = JSON.stringify([...context.wishes].map(([name, { fabric }]) => [name, fabric]))
    if (needs === fabricNeeds) return
    fabricNeeds = needs
    queue.add(fabricKey)
  }

  const resync = async (turn: Turn): Promise<number> => {
    turn.look()
    if (!(await context.engines.switches.claim()))
      throw new EngineError('CONFLICT', { owner: context.owner, holder: 'another running sond' })
    const world = await lookAtAll(context)
    if (!context.watcher.catalog().complete)
      throw new Error(`the directory ${context.watcher.catalog().directory} cannot be read`)
    if (!readAll) bookInOrder()
    readAll = true
    trouble = ''
    const { gone, again } = findGone(context, world, orphans)
    for (const name of gone) context.store.set('tombstones', `ServiceInstance/${name}`, tombstone(name))
    addAll()
    for (const name of gone) queue.add(instanceKey(name))
    return Math.min(context.settings.resyncMs, again ?? Infinity)
  }

  const tombstone = (name: InstanceName) =>
    context.store.get('tombstones', `ServiceInstance/${name}`) ?? {
      key: `ServiceInstance/${name}`,
      deletedAt: new Date(context.clock.now()).toISOString(),
      file: '',
      generation: 0,
    }

  /** First bookings go by name, so that the same files give the same addresses whatever the order of turns. */
  const bookInOrder = (): void => {
    for (const [, entry] of [...context.watcher.catalog().instances].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (entry.document.spec.state === 'Running') wish(context, entry)
  }

  const turnFor = async (name: InstanceName, turn: Turn): Promise<number | undefined> => {
    if (ending !== undefined) {
      if (!ending.left.has(name)) return undefined
      const { gone, again } = await turnGone(context, name, turn)
      if (gone) ending.left.delete(name)
      if (ending.left.size === 0) queue.add(fabricKey)
      return again
    }
    const entry = context.watcher.catalog().instances.get(name)
    if (entry !== undefined) {
      const again = await turnInstance(context, entry, turn)
      fabricMayChange()
      return again
    }
    const key = `ServiceInstance/${name}`
    if (context.store.get('tombstones', key) === undefined) return undefined
    const { gone, again } = await turnGone(context, name, turn)
    if (gone && !context.watcher.catalog().instances.has(name)) context.store.delete('tombstones', key)
    fabricMayChange()
    return again
  }

  const turnFabrics = async (turn: Turn): Promise<number | undefined> => {
    if (ending === undefined) {
      const { again, concerned } = await turnFabric(context, turn, 'asWanted')
      for (const name of concerned) queue.add(instanceKey(name))
      return again
    }
    // Switches go last: what stands on them tells by its ports what is its own.
    if (ending.left.size > 0) return undefined
    const { done, again } = await turnFabric(context, turn, 'gone')
    if (done) ending.over.resolve(undefined)
    return again
  }

  const work = async (key: string, turn: Turn): Promise<number | undefined> => {
    const began = context.clock.monotonic()
    const kind = key === fabricKey ? 'fabric' : key === resyncKey ? 'resync' : 'instance'
    const measure = (result: 'done' | 'failed'): void => {
      context.observer.turn(kind, context.clock.monotonic() - began, result)
    }
    try {
      const name = instanceOfKey(key)
      // Nothing is decided before files and engines have been read in full once; that look asks for every key again.
      if (!readAll && key !== resyncKey) return undefined
      const again =
        key === resyncKey
          ? await resync(turn)
          : name === undefined
            ? await turnFabrics(turn)
            : await turnFor(name, turn)
      measure('done')
      return again
    } catch (error) {
      measure('failed')
      throw error
    }
  }

  const failed = (key: string, error: unknown): number => {
    const wait = context.troubles.fail(key, message(error))
    if (key === resyncKey) trouble = message(error)
    const name = instanceOfKey(key)
    context.log.warn('turn failed', {
      key,
      error: message(error),
      again: wait,
      stack: error instanceof EngineError ? undefined : error instanceof Error ? error.stack : undefined,
    })
    if (name !== undefined) context.board.say(`instance/${name}`, 'Warning', 'ReconcileFailed', message(error))
    return wait
  }

  const queue = createQueue({ work, failed, concurrency, clock: context.clock })

  const hinted = (hint: EngineHint): void => {
    context.log.debug('hint', { ...hint })
    if (hint.instance !== undefined) queue.add(instanceKey(hint.instance))
    else if (hint.fabric === true) queue.add(fabricKey)
    else queue.add(resyncKey)
  }

  const changed = (change: CatalogChange): void => {
    let topology = false
    for (const key of change.objects) {
      const [kind = '', name = ''] = key.split('/')
      if (kind !== 'ServiceInstance') topology = true
      const instance = parseObjectName(name)
      if (kind === 'ServiceInstance' && instance !== undefined) {
        context.troubles.succeed(instanceKey(instance))
        forgetFailures(context, `${context.owner}.${instance}.`)
        queue.add(instanceKey(instance))
      }
    }
    if (topology) addAll()
    if (change.objects.size > 0 && !readAll) queue.add(resyncKey)
  }

  return {
    start: async () => {
      unwatch = context.watcher.onChange(changed)
      const { containers, switches, links } = context.engines
      for (const engine of [containers, switches, links]) subscriptions.push(await engine.subscribe(hinted))
      queue.add(resyncKey)
    },
    poke: (instance) => {
      queue.add(instanceKey(instance))
    },
    ready: () => ({ ready: readAll && trouble === '', message: trouble }),
    depth: () => queue.depth(),
    idle: () => queue.idle(),
    terminate: () => {
      ending ??= { left: new Set(everything()), over: Promise.withResolvers() }
      for (const name of ending.left) queue.add(instanceKey(name))
      queue.add(fabricKey)
      return ending.over.promise
    },
    close: async () => {
      unwatch()
      await queue.close()
      for (const subscription of subscriptions) await subscription.close()
    },
  }
}
