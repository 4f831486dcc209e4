import type { EventRecord } from '../model/status.ts'
import { notAfter } from './conditions.ts'

/** What was told of all objects: deduplicated, counted, bounded. A value: appending gives a new one. */
export interface EventLog {
  /** In the order in which they were told last. */
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

/**
 * The log as the clock is set now: what was told before was not told later. Also so that ages go on, and in order, after the clock
 * was set back.
 *
 * @param now - ISO 8601.
 */
export const eventsBy = (log: EventLog, now: string): EventLog => {
  // The last is the latest.
  if ((log.records.at(-1)?.lastSeen ?? '') <= now) return log
  return {
    records: log.records.map((record) => ({
      ...record,
      firstSeen: notAfter(now, record.firstSeen),
      lastSeen: notAfter(now, record.lastSeen),
    })),
  }
}

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
  earlier: EventLog,
  event: NewEvent,
  now: string,
  limits: EventLimits = defaultLimits,
): { readonly events: EventLog; readonly appended: EventRecord } => {
  const { records } = eventsBy(earlier, now)
  const before = records.find((record) => sameEvent(record, event))
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
  const others = records.filter((record) => record !== before)
  return { events: { records: bounded([...others, appended], object, limits) }, appended }
}
