// A loop over engines in memory: files that tests set, time that they move, engines that they break.
import type { Test } from 'tap'
import { createEdited, type Edited } from './catalog.ts'
import { createHands, type Hands } from '../../src/engine/memory/hands.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createWorld, type World } from '../../src/engine/memory/world.ts'
import type { Engines } from '../../src/engine/ports.ts'
import type { SondConfiguration } from '../../src/model/documents.ts'
import { EngineError } from '../../src/model/errors.ts'
import type { InstanceName } from '../../src/model/names.ts'
import type { Condition } from '../../src/model/status.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { createLoopWorld, type LoopWorld } from '../../src/main/loop.ts'
import { createController, type Controller } from '../../src/reconcile/controller.ts'
import { createTracing } from '../../src/reconcile/tracing.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { name } from '../support/build.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'
import { memoryLog } from '../support/log.ts'

export type EngineKind = keyof Engines

export interface TestLoop extends LoopWorld {
  readonly clock: HandClock
  readonly world: World
  readonly hands: Hands
  /** As the loop has them: they can be away. */
  readonly engines: Engines
  /** Engines that do not answer. */
  readonly away: Set<EngineKind>
  /** Something that happens before each call of that name goes on; one at a time. */
  readonly slow: (call: string, before: () => Promise<void>) => void
  /** A call that never succeeds, `links.createWire`, or only for what it is about, `links.createWire PORT`; empty: all do. */
  readonly failing: Set<string>
  readonly files: Edited
  readonly store: Store
  readonly log: ReturnType<typeof memoryLog>
  readonly controller: Controller
  /** Ends the loop as the daemon does; services stay. */
  readonly stop: () => Promise<void>
  /** Turns under way and due have ended. */
  readonly settled: () => Promise<void>
  /** Lets time pass, with all that happens meanwhile. */
  readonly pass: (ms: number) => Promise<void>
  readonly condition: (instance: string, type: Condition['type']) => Condition | undefined
  /** `Ready=True`, or with reason and message when it is not. */
  readonly told: (instance: string) => string
  /** `REASON: message` of the events of an object. */
  readonly events: (object: string) => readonly string[]
  /** Calls that changed something since the last question. */
  readonly calls: () => readonly string[]
  /** Names of containers that run. */
  readonly running: () => readonly string[]
}

interface LoopOptions {
  readonly settings?: Partial<SondConfiguration['spec']>
  /** Of an earlier loop, for a restart. */
  readonly before?: Pick<TestLoop, 'world' | 'files' | 'clock'>
  readonly refused?: () => void
  /** State directory; a fresh one where absent. */
  readonly state?: string
  /** Called before `controller.start`. */
  readonly prepare?: (loop: TestLoop) => void
}

/** Counts calls to engines: a loop that makes none for a while, and is not idle, waits for time. */
interface Activity {
  calls: number
}

/** Rounds of the event loop without a call after which nothing more is to come: between two calls the loop waits for nothing else. */
const quietRounds = 25

const standsStill = async (activity: Activity): Promise<void> => {
  let seen = -1
  for (let quiet = 0; quiet < quietRounds; quiet += 1) {
    if (activity.calls !== seen) quiet = 0
    seen = activity.calls
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Engines whose clock is the one that the test moves; no two instants of theirs are the same. */
const createWorldAt = (clock: HandClock): World => {
  const world = createWorld()
  const nanoseconds = (): string => String(world.next() % 1_000_000).padStart(6, '0')
  return { ...world, instant: () => `${new Date(clock.now()).toISOString().slice(0, -1)}${nanoseconds()}Z` }
}

/** What a call is about: the name or the port in its first argument. */
const subjectOf = (first: unknown): string => {
  if (typeof first !== 'object' || first === null) return String(first)
  if ('port' in first) return String(first.port)
  return 'name' in first ? String(first.name) : ''
}

const breakable = (
  engines: Engines,
  away: ReadonlySet<EngineKind>,
  failing: ReadonlySet<string>,
  activity: Activity,
  slow: ReadonlyMap<string, () => Promise<void>>,
): Engines => {
  const wrap = <K extends EngineKind>(kind: K): Engines[K] =>
    new Proxy(engines[kind], {
      get: (target, property, receiver) => {
        const value: unknown = Reflect.get(target, property, receiver)
        if (typeof value !== 'function' || property === 'close') return value
        return (...args: unknown[]): unknown => {
          activity.calls += 1
          if (away.has(kind)) return Promise.reject(new EngineError('UNAVAILABLE', { engine: kind }))
          const call = `${kind}.${String(property)}`
          if (failing.has(call) || failing.has(`${call} ${subjectOf(args[0])}`)) {
            return Promise.reject(new EngineError('REFUSED', { call: String(property) }))
          }
          const before = slow.get(call)
          if (before === undefined) return Reflect.apply(value, target, args)
          return before().then((): unknown => Reflect.apply(value, target, args))
        }
      },
    })
  return { containers: wrap('containers'), switches: wrap('switches'), links: wrap('links') }
}

/** Starts a loop and waits for its first turns; ends it after the test. */
export const startLoop = async (t: Test, options: LoopOptions = {}): Promise<TestLoop> => {
  // Registered before the test's directory is made: node-tap then runs it before it removes that directory.
  let end = async (): Promise<void> => undefined
  t.teardown(() => end())
  const clock = options.before?.clock ?? createHandClock()
  const world = options.before?.world ?? createWorldAt(clock)
  const files = options.before?.files ?? createEdited(clock)
  const log = memoryLog()
  const store = await createStore({ directory: options.state ?? t.testdir({}), log })
  const away = new Set<EngineKind>()
  const failing = new Set<string>()
  const activity: Activity = { calls: 0 }
  const slow = new Map<string, () => Promise<void>>()
  const engines = breakable(createMemoryEngines({ owner: 'sond', world }), away, failing, activity, slow)
  const { context, board } = createLoopWorld({
    settings: { ...defaultConfiguration().spec, ...options.settings },
    owner: name.owner('sond'),
    sapUnit: { image: name.image('sap:1'), bandwidth: 1, memoryBytes: 0 },
    running: { engines, datapath: 'system' },
    store,
    observer: { turn: () => undefined, step: () => undefined },
    tracing: createTracing(log),
    clock,
    poke: (instance: InstanceName) => controller.poke(instance),
  })
  const controller = createController({ ...context, watcher: files.watcher(store) })
  const stop = async (): Promise<void> => {
    await controller.close()
    await store.close()
    await engines.switches.close()
  }
  end = stop
  const settled = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve)) // hints that were given are on their way
    // A turn may wait for time, as those do that fetch an image: then nothing more happens by itself.
    await Promise.race([controller.idle(), standsStill(activity)])
  }
  let asked = 0
  const condition = (instance: string, type: Condition['type']): Condition | undefined =>
    board.status(name.object(instance))?.conditions.find((one) => one.type === type)
  const loop: TestLoop = {
    ...{
      context,
      board,
      clock,
      world,
      hands: createHands(world),
      engines,
      away,
      failing,
      slow: (call, before) => void slow.set(call, before),
      files,
      store,
      log,
      controller,
    },
    stop,
    settled,
    pass: async (ms) => {
      const end = clock.monotonic() + ms
      do await settled()
      while (clock.step(end - clock.monotonic()))
      await settled()
    },
    condition,
    told: (instance) => {
      const ready = condition(instance, 'Ready')
      return ready?.status === 'True' ? 'Ready' : `${ready?.status} ${ready?.reason}: ${ready?.message}`
    },
    events: (object) =>
      board
        .events()
        .filter((one) => one.object === object)
        .map(({ reason, message }) => `${reason}: ${message}`),
    calls: () => {
      const since = world.calls.slice(asked)
      asked = world.calls.length
      return since
    },
    running: () =>
      [...world.containers.values()]
        .filter(({ state }) => state === 'running')
        .map((one) => one.name)
        .sort(),
  }
  options.prepare?.(loop)
  controller.start(options.refused)
  await settled()
  return loop
}
