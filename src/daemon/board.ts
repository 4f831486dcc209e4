import equal from 'fast-deep-equal'
import type { InstanceName } from '../model/names.ts'
import type { Condition, EventRecord, InstanceStatus } from '../model/status.ts'
import type { Clock } from '../reconcile/clock.ts'
import type { StatusBoard } from '../reconcile/context.ts'
import { appendEvent, emptyEvents, type EventLog } from '../status/events.ts'
import { initialStatus } from '../status/summarize.ts'
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

const isReady = (status: InstanceStatus): boolean =>
  status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')

/** The one place where statuses and events are written; everyone else reads. */
export const createBoard = ({ store, clock }: { readonly store: Store; readonly clock: Clock }): Board => {
  let log: EventLog = emptyEvents
  const said = new Map<string, string>()
  const statusListeners = new Set<(instance: InstanceName) => void>()
  const goneListeners = new Set<(instance: InstanceName) => void>()
  const topologyListeners = new Set<(key: ObjectKey) => void>()
  const eventListeners = new Set<(event: EventRecord) => void>()
  const nowText = (): string => new Date(clock.now()).toISOString()

  const event: StatusBoard['event'] = (object, type, reason, message) => {
    const { events, appended } = appendEvent(log, { object, type, reason, message }, nowText())
    log = events
    for (const listener of eventListeners) listener(appended)
  }

  const told = (instance: InstanceName): void => {
    for (const listener of statusListeners) listener(instance)
  }

  const flips = (object: string, before: Conditions | undefined, after: Conditions): void => {
    for (const { type, status, reason, message } of after.conditions) {
      const old = before?.conditions.find((one) => one.type === type)
      if (type === 'Reconciling' || old?.status === status) continue
      const good = (type === 'Drifted' || type === 'Stalled') === (status === 'False')
      // What begins as it should be is no news.
      if (old === undefined && good && type !== 'Ready') continue
      event(
        object,
        good ? 'Normal' : 'Warning',
        good ? type : reason,
        message === '' ? `${type} is ${status}` : message,
      )
    }
  }

  return {
    status: (instance) => store.get('statuses', instance)?.status,
    statusFor: (entry) =>
      store.get('statuses', entry.document.metadata.name)?.status ?? initialStatus(entry, nowText()),
    setStatus: (instance, status) => {
      const before = store.get('statuses', instance)
      if (equal(before?.status, status)) return
      store.set('statuses', instance, { status, diagnostics: before?.diagnostics ?? [] })
      flips(`instance/${instance}`, before?.status, status)
      told(instance)
    },
    drop: (instance) => {
      store.delete('statuses', instance)
      for (const key of said.keys()) if (key.startsWith(`instance/${instance} `)) said.delete(key)
      event(`instance/${instance}`, 'Normal', 'Terminated', 'nothing of it is left')
      for (const listener of goneListeners) listener(instance)
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
        for (const listener of topologyListeners) listener(key)
      }
    },
    event,
    say: (object, type, reason, message) => {
      const key = `${object} ${reason} ${message}`
      if (said.has(key)) return
      said.set(key, message)
      event(object, type, reason, message)
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
    readyCount: () => [...store.list('statuses').values()].filter(({ status }) => isReady(status)).length,
  }
}
