import type { DesireResult } from '../desired/result.ts'
import type { SapUnit } from '../desired/settings.ts'
import type { Engines } from '../engine/ports.ts'
import type { SondConfiguration } from '../model/documents.ts'
import type { Log } from '../model/log.ts'
import type { ContainerName, InstanceName, Owner } from '../model/names.ts'
import type { StepId, StepOutcome } from '../model/plan.ts'
import type { InstanceStatus, TopologyStatus } from '../model/status.ts'
import type { Store } from '../store/store.ts'
import type { ObjectKey, Watcher } from '../watch/types.ts'
import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { Crashes } from './crashes.ts'
import type { LedgerBook } from './ledger.ts'
import type { ScriptJournal } from './script-journal.ts'
import type { ScriptRetries } from './script-retries.ts'

/** What the daemon tells of its work, for metrics. */
export interface Observer {
  turn(kind: 'instance' | 'fabric' | 'resync', ms: number, result: 'done' | 'failed'): void
  step(outcome: StepOutcome): void
}

/** Where statuses and events go; one writer, many readers. */
export interface StatusBoard {
  status(instance: InstanceName): InstanceStatus | undefined
  setStatus(instance: InstanceName, status: InstanceStatus): void
  /** Generation that was last ready; 0 before the first. */
  inPlace(instance: InstanceName): number
  /** What was in place is being taken away: one that comes back meanwhile, its generations counted anew, is to be put in place again. */
  leave(instance: InstanceName): void
  /** Forgets an instance that has gone. */
  drop(instance: InstanceName): void
  /** Status of a data center or a link. */
  topology(key: ObjectKey): TopologyStatus | undefined
  /** Of all data centers and links there are. */
  setTopology(statuses: ReadonlyMap<ObjectKey, TopologyStatus>): void
  event(object: string, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** A thing that happens over and over: said once until its text changes. */
  say(object: string, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** All that is to be noted of an object now: what is new in the list is said. */
  sayAll(object: string, notes: readonly Note[]): void
}

/** Something to tell the user of an object. */
export interface Note {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** Steps that failed, and when they are tried again. */
export interface Stuck {
  readonly outcomes: ReadonlyMap<StepId, StepOutcome>
  /** ISO 8601. */
  readonly nextTry: string
}

/** Everything a turn works with, made once by the composition root. */
export interface LoopContext {
  readonly engines: Engines
  readonly watcher: Pick<Watcher, 'catalog'>
  readonly store: Store
  readonly board: StatusBoard
  readonly book: LedgerBook
  /** Last outcome of `desireInstance`, by instance: what it needs of the fabric and uses of data centers. */
  readonly wishes: Map<InstanceName, DesireResult>
  readonly crashes: Crashes
  /** Containers whose last step failed. */
  readonly failures: Backoff
  /** Keys whose turn failed. */
  readonly troubles: Backoff
  /** Steps that failed in the last turn of a key; they wait as long as the key's trouble does. */
  readonly stuck: Map<string, Stuck>
  readonly restarts: (name: ContainerName) => number
  readonly scripts: ScriptJournal
  readonly scriptRetries: ScriptRetries
  /** Milliseconds for stop scripts, by instances that have their own; kept while one goes, when its document is gone already. */
  readonly stopWaits: Map<InstanceName, number>
  readonly settings: SondConfiguration['spec']
  readonly sapUnit: SapUnit
  readonly owner: Owner
  readonly host: { readonly cpus: number }
  readonly txOffloadBreaks: boolean
  /** Folder of a package as an uncompressed tar, for building an image. */
  readonly buildContext: (digest: string, folder: string) => Promise<Uint8Array>
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Log
  /** Puts fields on every line that is logged by this work, also by those it calls. */
  readonly trace: <T>(fields: Readonly<Record<string, unknown>>, work: () => T) => T
  /** A short text that no other turn has. */
  readonly newId: () => string
}
