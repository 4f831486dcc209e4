import type { EventRecord } from '../model/status.ts'

/** Oldest first, by `lastSeen`. */
export interface EventLog {
  readonly records: readonly EventRecord[]
}

export const emptyEvents: EventLog = { records: [] }

const mostInAll = 1000
const mostPerObject = 100

export type Occurrence = Pick<EventRecord, 'object' | 'type' | 'reason' | 'message'>

/** The same object, reason and message again is counted; the oldest go when there are too many, of one object or in all. */
export const appendEvent = (
  { records }: EventLog,
  occurrence: Occurrence,
  now: string,
): { readonly events: EventLog; readonly appended: EventRecord } => {
  const { object, reason, message } = occurrence
  const before = records.find((one) => one.object === object && one.reason === reason && one.message === message)
  const appended: EventRecord = {
    ...occurrence,
    count: (before?.count ?? 0) + 1,
    firstSeen: before?.firstSeen ?? now,
    lastSeen: now,
  }
  const rest = records.filter((one) => one !== before)
  const ofObject = rest.filter((one) => one.object === object)
  const dropped = ofObject.length >= mostPerObject ? ofObject[0] : rest.length >= mostInAll ? rest[0] : undefined
  return { events: { records: [...rest.filter((one) => one !== dropped), appended] }, appended }
}
