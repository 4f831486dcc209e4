import equal from 'fast-deep-equal'
import type { Log } from '../model/log.ts'
import type { InstanceName } from '../model/names.ts'
import type { Condition, EventRecord, InstanceStatus } from '../model/status.ts'
import type { Clock } from '../reconcile/clock.ts'
import type { Note, StatusBoard } from '../reconcile/context.ts'
import { appendEvent, emptyEvents, eventsBy, type EventLog } from '../status/events.ts'
import { initialStatus } from '../status/summarize.ts'
import { summarizeUnseen } from '../status/unseen.ts'
import type { StatusMemory } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { CatalogInstance, ObjectKey } from '../watch/types.ts'

export interface Board extends StatusBoard {
  /** Of an instance of the catalog; what is known of one that had no turn yet. */
  statusFor(entry: CatalogInstance): InstanceStatus
  events(): readonly EventRecord[]
  onStatus(listener: (instance: InstanceName) => void): () => void
  /** Called when nothing is left of an instance. */
  onGone(listener: (instance: InstanceName) => void): () => void
  onEvent(listener: (event: EventRecord) => void): () => void
  /** Called with a data center or a link whose status has changed. */
  onTopology(listener: (key: ObjectKey) => void): () => void
  readyCount(): number
}

interface Conditions {
  readonly conditions: readonly Condition[]
}

/** Reasons of what is not ready because nobody wants it to be. */
const asAsked: ReadonlySet<string> = new Set(['Stopping', 'Stopped'])

/** When it is tried again differs with each failure and is the status's to tell: an event that comes again is the same one, counted. */
const withoutTime = (message: string): string => message.replaceAll(/; next (?:try|start) at [\d:T.-]+Z/g, '')

const notYet = 'not looked at since the daemon started'

const isReady = (status: InstanceStatus): boolean =>
  status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')

/** No generation was in place: they count from 1. */
const none = 0

/** Versions that did not keep it took what was ready, or had drifted since, for a generation in place. */
const inPlaceOf = (memory: StatusMemory | undefined): number =>
  memory?.inPlace ??
  (memory?.status.conditions.some(({ type, status }) => (type === 'Ready' || type === 'Drifted') && status === 'True')
    ? memory.status.observedGeneration
    : none)

/** The one place where statuses and events are written; everyone else reads. */
export const createBoard = ({
  store,
  clock,
  log: logger,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}): Board => {
  let log: EventLog = emptyEvents
  /** Instances of which this daemon has said something; what an earlier one said may be true no longer. */
  const looked = new Set<InstanceName>()
  const startedAt = new Date(clock.now()).toISOString()
  /** What was said last, by object and by what it is about. */
  const said = new Map<string, Map<string, ReadonlySet<string>>>()
  const statusListeners = new Set<(instance: InstanceName) => void>()
  const goneListeners = new Set<(instance: InstanceName) => void>()
  const topologyListeners = new Set<(key: ObjectKey) => void>()
  const eventListeners = new Set<(event: EventRecord) => void>()
  const nowText = (): string => new Date(clock.now()).toISOString()

  /** Whoever listens must not be able to stop the loop. */
  const tellAll = <T>(listeners: ReadonlySet<(item: T) => void>, item: T): void => {
    for (const listener of listeners) {
      try {
        listener(item)
      } catch (error) {
        logger.error('a listener of the status board failed', { error: String(error) })
      }
    }
  }

  const event: StatusBoard['event'] = (object, type, reason, message) => {
    const { events, appended } = appendEvent(log, { object, type, reason, message }, nowText())
    log = events
    tellAll(eventListeners, appended)
  }

  /** Says what was not in the list last said about this of the object; only that list is kept. */
  const sayNew = (object: string, about: string, notes: readonly Note[]): void => {
    const before = said.get(object)?.get(about)
    const texts = notes.map(({ reason, message }) => `${reason} ${message}`)
    if (notes.length > 0)
      said.set(object, (said.get(object) ?? new Map<string, ReadonlySet<string>>()).set(about, new Set(texts)))
    else if (said.get(object)?.delete(about) === true && said.get(object)?.size === 0) said.delete(object)
    for (const [index, { type, reason, message }] of notes.entries())
      if (before?.has(texts[index] ?? '') !== true) event(object, type, reason, message)
  }

  const flips = (object: string, before: Conditions | undefined, after: Conditions): void => {
    for (const { type, status, reason, message } of after.conditions) {
      const old = before?.conditions.find((one) => one.type === type)
      if (type === 'Reconciling' || old?.status === status) continue
      const isTrouble = type === 'Drifted' || type === 'Stalled'
      const good = status === (isTrouble ? 'False' : 'True')
      // What begins as it should be is no news, and neither is that nothing is known yet.
      if (old === undefined && (status === 'Unknown' || (good && type !== 'Ready'))) continue
      event(
        object,
        good || asAsked.has(reason) ? 'Normal' : 'Warning',
        good && !isTrouble ? type : reason,
        message === '' ? `${type} is ${status}` : withoutTime(message),
      )
    }
  }

  return {
    status: (instance) => store.get('statuses', instance)?.status,
    statusFor: (entry) => {
      const { name } = entry.document.metadata
      const previous = store.get('statuses', name)?.status
      if (previous === undefined) return initialStatus(entry, nowText())
      return looked.has(name)
        ? previous
        : summarizeUnseen({ entry: undefined, previous, problem: notYet, now: startedAt })
    },
    setStatus: (instance, status) => {
      const before = store.get('statuses', instance)
      const isFirst = !looked.has(instance)
      looked.add(instance)
      log = eventsBy(log, nowText())
      const inPlace = isReady(status) ? status.observedGeneration : inPlaceOf(before)
      if (equal(before?.status, status) && before?.inPlace === inPlace) {
        if (isFirst) tellAll(statusListeners, instance) // what was not known is as it was
        return
      }
      store.set('statuses', instance, { status, diagnostics: before?.diagnostics ?? [], inPlace })
      flips(`instance/${instance}`, before?.status, status)
      tellAll(statusListeners, instance)
    },
    inPlace: (instance) => inPlaceOf(store.get('statuses', instance)),
    leave: (instance) => {
      const before = store.get('statuses', instance)
      if (before !== undefined && before.inPlace !== none) store.set('statuses', instance, { ...before, inPlace: none })
    },
    drop: (instance) => {
      store.delete('statuses', instance)
      looked.delete(instance)
      said.delete(`instance/${instance}`)
      event(`instance/${instance}`, 'Normal', 'Terminated', 'nothing of it is left')
      tellAll(goneListeners, instance)
    },
    topology: (key) => store.get('topology', key)?.status,
    setTopology: (statuses) => {
      // The keys of these records are keys of objects.
      const gone = [...store.list('topology').keys()].map((key) => key as ObjectKey).filter((key) => !statuses.has(key))
      for (const key of gone) store.delete('topology', key)
      for (const [key, status] of statuses) {
        const before = store.get('topology', key)
        if (equal(before?.status, status)) continue
        store.set('topology', key, { status })
        flips(key.toLowerCase(), before?.status, status)
        tellAll(topologyListeners, key)
      }
    },
    event,
    say: (object, type, reason, message) => {
      sayNew(object, reason, [{ type, reason, message }])
    },
    sayAll: (object, notes) => {
      sayNew(object, 'notes', notes)
    },
    events: () => log.records,
    onStatus: (listener) => {
      statusListeners.add(listener)
      return () => void statusListeners.delete(listener)
    },
    onGone: (listener) => {
      goneListeners.add(listener)
      return () => void goneListeners.delete(listener)
    },
    onEvent: (listener) => {
      eventListeners.add(listener)
      return () => void eventListeners.delete(listener)
    },
    onTopology: (listener) => {
      topologyListeners.add(listener)
      return () => void topologyListeners.delete(listener)
    },
    readyCount: () =>
      [...looked].filter((name) => {
        const status = store.get('statuses', name)?.status
        return status !== undefined && isReady(status)
      }).length,
  }
}
