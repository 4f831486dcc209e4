import type { EventRecord } from '../model/status.ts'

/** What was told of all objects: deduplicated, counted, bounded. A value: appending gives a new one. */
export interface EventLog {
  /** Oldest first, by `lastSeen`. */
  readonly records: readonly EventRecord[]
}

/** Most records kept: of all objects together, and of one. */
export interface EventLimits {
  readonly total: number
  readonly perObject: number
}

export type NewEvent = Pick<EventRecord, 'object' | 'type' | 'reason' | 'message'>

export const emptyEvents: EventLog = { records: [] }

const defaultLimits: EventLimits = { total: 1000, perObject: 100 }

const sameEvent = (a: NewEvent, b: NewEvent): boolean =>
  a.object === b.object && a.reason === b.reason && a.message === b.message && a.type === b.type

/** Leaves the oldest out, first of the object that has too many, then of all. */
const bounded = (records: readonly EventRecord[], object: string, limits: EventLimits): readonly EventRecord[] => {
  let surplus = records.filter((record) => record.object === object).length - limits.perObject
  const kept = records.filter((record) => {
    if (record.object !== object || surplus <= 0) return true
    surplus -= 1
    return false
  })
  return kept.slice(Math.max(0, kept.length - limits.total))
}

/**
 * Notes an event. One that was told before is counted and moves to the end.
 *
 * @param now - ISO 8601.
 */
export const appendEvent = (
  log: EventLog,
  event: NewEvent,
  now: string,
  limits: EventLimits = defaultLimits,
): { readonly events: EventLog; readonly appended: EventRecord } => {
  const before = log.records.find((record) => sameEvent(record, event))
  const { object, type, reason, message } = event
  const appended: EventRecord = {
    object,
    type,
    reason,
    message,
    count: (before?.count ?? 0) + 1,
    firstSeen: before?.firstSeen ?? now,
    lastSeen: now,
  }
  const others = log.records.filter((record) => record !== before)
  return { events: { records: bounded([...others, appended], object, limits) }, appended }
}
