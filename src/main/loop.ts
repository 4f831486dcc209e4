import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { createBoard, type Board } from '../daemon/board.ts'
import { packageFolder } from '../daemon/build-context.ts'
import type { SapUnit } from '../desired/settings.ts'
import type { SondConfiguration } from '../model/documents.ts'
import type { ContainerName, ImageRef, InstanceName, Owner } from '../model/names.ts'
import { parseManifestFile } from '../parse/manifest.ts'
import { parsePackage } from '../parse/package.ts'
import { createBackoff } from '../reconcile/backoff.ts'
import type { Clock } from '../reconcile/clock.ts'
import type { LoopContext, Observer } from '../reconcile/context.ts'
import { createCrashes } from '../reconcile/crashes.ts'
import { createFetchEvents } from '../reconcile/fetch-events.ts'
import { createFetches } from '../reconcile/fetches.ts'
import { createLedgerBook } from '../reconcile/ledger.ts'
import { createScriptJournal } from '../reconcile/script-journal.ts'
import { createScriptRetries } from '../reconcile/script-retries.ts'
import type { Tracing } from '../reconcile/tracing.ts'
import type { Store } from '../store/store.ts'
import type { Parsers, Watcher } from '../watch/types.ts'
import { createWatcher } from '../watch/watch.ts'
import type { RunningEngines } from './engines.ts'

export const parsers: Parsers = {
  manifest: (file, bytes) => parseManifestFile(file, bytes),
  package: (file, source) => parsePackage(file, source),
}

const waits = {
  crash: { first: 10_000, longest: 300_000, reset: 600_000 },
  failure: { first: 2_000, longest: 300_000, reset: 600_000 },
  trouble: { first: 500, longest: 60_000, reset: 600_000 },
} as const

export interface LoopParts {
  readonly settings: SondConfiguration['spec']
  readonly owner: Owner
  readonly sapUnit: SapUnit
  readonly running: Pick<RunningEngines, 'engines' | 'datapath'>
  readonly store: Store
  readonly observer: Observer
  readonly tracing: Tracing
  readonly clock: Clock
  /** Look at this instance soon. */
  readonly poke: (instance: InstanceName) => void
}

export interface LoopWorld {
  readonly context: LoopContext & { readonly watcher: Watcher }
  readonly board: Board
}

/** What the loop works with, over engines and a store that are there. */
export const createLoopWorld = (parts: LoopParts): LoopWorld => {
  const { settings, store, clock } = parts
  const { log, trace } = parts.tracing
  const { directory, settleMs, maxPrunePercent } = settings.manifests
  const watcher = createWatcher({ directory, settleMs, maxPrunePercent, parsers, store, log, clock })
  const board = createBoard({ store, clock, log })
  const crashes = createCrashes(createBackoff(waits.crash, clock), clock, {
    get: (name) => store.get('histories', name),
    set: (name, history) => {
      store.set('histories', name, history)
    },
    delete: (name) => {
      store.delete('histories', name)
    },
    names: () => [...store.list('histories').keys()].map((name) => name as ContainerName), // written by `set` alone
  })
  const { engines, datapath } = parts.running
  const wishes: LoopContext['wishes'] = new Map()
  const usersOf = (image: ImageRef): readonly InstanceName[] =>
    [...wishes]
      .filter(([, { desired }]) => desired.containers.some((container) => container.image === image))
      .map(([name]) => name)
  const fetches = createFetches(
    engines.containers,
    createFetchEvents({ board, usersOf, poke: parts.poke, clock }),
    clock,
  )
  const context = {
    engines: { ...engines, containers: { ...engines.containers, ...fetches } },
    watcher,
    store,
    board,
    book: createLedgerBook([]),
    wishes,
    crashes,
    failures: createBackoff(waits.failure, clock),
    troubles: createBackoff(waits.trouble, clock),
    stuck: new Map(),
    restarts: (name: ContainerName) => crashes.restarts(name),
    scripts: createScriptJournal({ containers: engines.containers, store, board, clock }),
    scriptRetries: createScriptRetries(createBackoff(waits.crash, clock)),
    stopWaits: new Map(),
    settings,
    sapUnit: parts.sapUnit,
    owner: parts.owner,
    host: { cpus: availableParallelism() },
    txOffloadBreaks: datapath === 'netdev',
    buildContext: (digest: string, folder: string) => packageFolder(store, digest, folder),
    observer: parts.observer,
    clock,
    log,
    trace,
    newId: () => randomUUID().slice(0, 8),
  }
  return { context, board }
}
