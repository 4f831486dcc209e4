import type { EngineHint, Engines } from '../engine/ports.ts'
import { Awaited, EngineError } from '../model/errors.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import type { CatalogChange, CatalogInstance, Watcher } from '../watch/types.ts'
import { answerDistance, createAnswers } from './answers.ts'
import { createAsked } from './asked.ts'
import type { LoopContext } from './context.ts'
import { tellFabricUnseen, turnFabric } from './fabric.ts'
import { bookAhead, tellUnseen, turnGone, turnInstance } from './instance.ts'
import { answerKey, fabricKey, instanceKey, instanceOfKey, resyncKey } from './keys.ts'
import { createClaims } from './needs.ts'
import { createOrphans } from './orphans.ts'
import { createQueue, type Turn } from './queue.ts'
import { findGone, lookAtAll } from './resync.ts'
import { createSubscriptions } from './subscriptions.ts'
import { buriedInstances, bury, tombstoneKey } from './tombstones.ts'
import { isWanting, takesLess } from './wanting.ts'
import { messageOf, watched } from './watched.ts'
import { within } from './within.ts'

/** Turns under way at one time. */
const concurrency = 6
/** Hints for everywhere within this time of a look at everything wait for its end. Milliseconds. */
const resyncDistance = 500
/** Turns of an instance that fail in a row before its status says so: a thing that went between two looks is no trouble. */
const patience = 3
/** `close` waits so long for calls to engines that cannot be cut, such as the pull of an image. Milliseconds. */
const closePatience = 2_000
/** `terminate` waits so long: engines may be away. Milliseconds. */
const terminatePatience = 60_000

export interface Controller {
  /** Begins; engines that are away are waited for. `refused`: called when another daemon has the claim from the outset. */
  start(refused?: () => void): void
  /** Look at this instance soon. */
  poke(instance: InstanceName): void
  /** Files and engines have been read in full since start, and can be now. */
  ready(): { readonly ready: boolean; readonly message: string }
  /** Keys waiting, for metrics. */
  depth(): number
  /** Resolves when no turn is under way or due. */
  idle(): Promise<void>
  /**
   * Takes every service down, whatever its manifest says, with the switches they stood on; resolves when nothing is left, or when
   * that takes too long.
   */
  terminate(): Promise<void>
  /** Ends the loop; turns under way are cut at their next step. Services stay as they are. */
  close(): Promise<void>
}

export const createController = (
  context: LoopContext & { readonly watcher: Pick<Watcher, 'catalog' | 'onChange'> },
): Controller => {
  const { book, wishes, troubles, clock, log, store, board } = context
  const orphans = createOrphans(clock)
  let unwatch: () => void = () => undefined
  /** Files and engines were read in full, and the claim on the engines holds: turns may act. */
  let readAll = false
  let claimed = false
  let trouble = ''
  let onRefused: () => void = () => undefined
  /** Engines that have not answered since start. */
  const awaited = new Set<keyof Engines>(['containers', 'switches', 'links'])
  const claims = createClaims()
  let fabricIsWider = false
  let lastResync = -Infinity
  /** Set for good by `terminate`. */
  let ending: { readonly left: Set<InstanceName>; readonly over: PromiseWithResolvers<undefined> } | undefined
  const asked = createAsked(context)

  const everything = (): readonly InstanceName[] => {
    const { instances } = context.watcher.catalog()
    return [
      ...new Set([...instances.keys(), ...book.view().allocations.keys(), ...buriedInstances(store).keys()]),
    ].sort()
  }

  const addAll = (): void => {
    queue.add(fabricKey)
    for (const name of everything()) queue.add(instanceKey(name))
  }

  /** The fabric follows what instances need of it, and what they leave; looked at again when that changes. */
  const fabricMayChange = (name: InstanceName): void => {
    if (claims.change(name, wishes.get(name)?.fabric) || fabricIsWider) queue.renew(fabricKey)
  }

  /** What was given back is used again at once, by those that go without. */
  const serveWanting = (): void => {
    for (const [name, wish] of wishes) if (isWanting(wish)) queue.add(instanceKey(name))
  }

  const claim = async (): Promise<void> => {
    claimed = await context.engines.switches.claim()
    if (claimed) return
    if (!readAll) onRefused()
    throw new EngineError('CONFLICT', { owner: context.owner, holder: 'another running sond' })
  }

  const resync = async (turn: Turn): Promise<number> => {
    turn.look()
    // One that hangs is found out sooner by this than by a question that may take its time.
    await answers.ask()
    await subscriptions.open()
    await claim()
    const world = await lookAtAll(context)
    const catalog = context.watcher.catalog()
    if (!catalog.complete) {
      throw new Awaited(`the directory ${catalog.directory} cannot be read: make it, or name another with --manifests`)
    }
    // First bookings go by name, so that the same files give the same addresses whatever the order of turns.
    if (!readAll) for (const [, entry] of [...catalog.instances].sort(([a], [b]) => (a < b ? -1 : 1))) ahead(entry)
    readAll = true
    trouble = ''
    troubles.succeed(resyncKey)
    const { gone, again } = findGone(context, world, orphans)
    for (const name of gone) bury(store, name, clock.now())
    addAll()
    lastResync = clock.monotonic()
    return Math.min(context.settings.resyncMs, again ?? Infinity)
  }

  const ahead = (entry: CatalogInstance): void => {
    const { name } = entry.document.metadata
    bookAhead(context, entry)
    claims.change(name, wishes.get(name)?.fabric)
    asked.note(entry)
  }

  const turnFor = async (name: InstanceName, turn: Turn): Promise<number | undefined> => {
    const before = wishes.get(name)
    try {
      return await turnFound(name, turn)
    } finally {
      if (takesLess(before, wishes.get(name))) serveWanting()
    }
  }

  const turnFound = async (name: InstanceName, turn: Turn): Promise<number | undefined> => {
    if (ending !== undefined) {
      if (!ending.left.has(name)) return undefined
      const { gone, again } = await turnGone(context, name, turn)
      if (gone) ending.left.delete(name)
      if (ending.left.size === 0) queue.renew(fabricKey)
      return again
    }
    const entry = context.watcher.catalog().instances.get(name)
    if (entry !== undefined) {
      const again = await turnInstance(context, entry, turn)
      fabricMayChange(name)
      return again
    }
    const key = tombstoneKey(name)
    if (store.get('tombstones', key) === undefined) return undefined
    const { gone, again } = await turnGone(context, name, turn)
    if (gone) {
      // Its document may have come back at the last moment: then the turn that follows begins anew.
      if (!context.watcher.catalog().instances.has(name)) store.delete('tombstones', key)
      asked.forget(name)
      queue.renew(fabricKey) // switches that stood for it alone
    }
    fabricMayChange(name)
    return again
  }

  const turnSwitches = async (turn: Turn): Promise<number | undefined> => {
    if (ending === undefined) {
      const { again, concerned, isWider } = await turnFabric(context, turn, 'asWanted')
      fabricIsWider = isWider
      for (const name of concerned) queue.add(instanceKey(name))
      return again
    }
    // Switches go last: what stands on them tells by its ports what is its own.
    if (ending.left.size > 0) return undefined
    const { done, again } = await turnFabric(context, turn, 'gone')
    if (done) ending.over.resolve(undefined)
    return again
  }

  const turnOf = (key: string, turn: Turn): Promise<number | undefined> => {
    const name = instanceOfKey(key)
    if (key === resyncKey) return resync(turn)
    // Nothing is decided before files and engines have been read in full, nor while another daemon has the engines; the look
    // that ends this asks for every key again.
    if (!readAll || !claimed) return Promise.resolve(undefined)
    return name === undefined ? turnSwitches(turn) : turnFor(name, turn)
  }

  const watchedTurn = watched(context, turnOf)
  const work = (key: string, turn: Turn): Promise<number | undefined> =>
    key === answerKey ? answers.await() : watchedTurn(key, turn)

  const failed = (key: string, error: unknown): number => {
    const wait = troubles.fail(key, messageOf(error))
    context.stuck.delete(key)
    const isSilent = error instanceof EngineError && error.code === 'TIMEOUT' // for long enough already
    const isLasting = isSilent || troubles.failures(key) >= patience
    const { instances } = context.watcher.catalog()
    const name = instanceOfKey(key)
    if (key === resyncKey) {
      trouble = answers.away() || messageOf(error)
      board.say('daemon/sond', 'Warning', 'EnginesNotRead', trouble)
      if (answers.missing()) queue.addAfter(answerKey, answerDistance)
      if (isLasting) for (const entry of instances.values()) tellUnseen(context, entry, trouble)
    }
    // The fabric needs no containers: while it may be looked at, it tells of itself.
    if (isLasting && (key === fabricKey || (key === resyncKey && !(readAll && claimed))))
      tellFabricUnseen(context, key === resyncKey ? trouble : messageOf(error))
    else if (isLasting && key === resyncKey) queue.add(fabricKey)
    const entry = name === undefined ? undefined : instances.get(name)
    if (name !== undefined) board.say(`instance/${name}`, 'Warning', 'ReconcileFailed', messageOf(error))
    if (entry !== undefined && isLasting) tellUnseen(context, entry, messageOf(error))
    return wait
  }

  const queue = createQueue({ work, failed, concurrency, clock })

  /** Looks at everything; many hints of one moment are one look, and looks leave time for other work. */
  const resyncSoon = (): void => {
    const wait = lastResync + resyncDistance - clock.monotonic()
    if (wait > 0) queue.addAfter(resyncKey, wait)
    else queue.add(resyncKey)
  }

  /** An engine is there again, or new to all: what failed before may work now. */
  const cameBack = (): void => {
    context.stuck.clear()
    resyncSoon()
  }

  const hinted = (hint: EngineHint): void => {
    log.debug('hint', { ...hint })
    if (hint.instance !== undefined) queue.add(instanceKey(hint.instance))
    else if (hint.fabric === true) queue.add(fabricKey)
    else cameBack()
  }

  const answers = createAnswers(context.engines, clock, cameBack)

  // What engines tell, now and later, belongs to no turn.
  const subscriptions = createSubscriptions(context.engines, (hint) => {
    context.trace({}, () => hinted(hint))
  })

  const changedInstance = (name: InstanceName): void => {
    asked.compare(name, context.watcher.catalog().instances.get(name))
    queue.renew(instanceKey(name))
  }

  const changed = (change: CatalogChange): void => {
    let topology = false
    for (const key of change.objects) {
      const [kind = '', text = ''] = key.split('/')
      const name = parseObjectName(text)
      if (kind !== 'ServiceInstance') topology = true
      else if (name !== undefined) changedInstance(name)
    }
    if (topology) {
      queue.renew(fabricKey)
      for (const name of everything()) queue.renew(instanceKey(name))
    }
    if (change.objects.size > 0 && !readAll) queue.add(resyncKey)
  }

  return {
    start: (refused) => {
      onRefused = refused ?? onRefused
      for (const kind of [...awaited])
        void context.engines[kind].ping().then(
          () => awaited.delete(kind),
          () => undefined, // the look at everything tells why
        )
      unwatch = context.watcher.onChange(changed)
      book.onFree(serveWanting)
      queue.add(resyncKey)
    },
    poke: (instance) => {
      queue.add(instanceKey(instance))
    },
    ready: () => {
      const waiting = awaited.size === 0 ? 'engines are being read' : `waiting for ${[...awaited].join(', ')} to answer`
      if (trouble === '') return { ready: readAll, message: readAll ? '' : waiting }
      return { ready: false, message: answers.away() || trouble }
    },
    depth: () => queue.depth(),
    idle: () => queue.idle(),
    terminate: () => {
      ending ??= { left: new Set(everything()), over: Promise.withResolvers() }
      const { left, over } = ending
      for (const name of left) queue.renew(instanceKey(name))
      queue.renew(fabricKey)
      return within(context, terminatePatience, over.promise, 'not every service could be ended')
    },
    close: async () => {
      unwatch()
      await within(context, closePatience, queue.close(), 'a call to an engine does not end, going without it')
      await subscriptions.close()
    },
  }
}
