import { parseObjectReference } from '../../api/kinds.ts'
import type { EventRecord } from '../../model/status.ts'
import { showReference } from '../reference.ts'
import { ageOf } from './columns.ts'

const head = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'COUNT', 'MESSAGE']

const eventRow = ({ lastSeen, type, reason, object, count, message }: EventRecord, now: number): readonly string[] => [
  ageOf(lastSeen, now),
  type,
  reason,
  objectName(object),
  String(count),
  message,
]

export const eventRows = (events: readonly EventRecord[], now: number): readonly (readonly string[])[] => [
  head,
  ...events.map((event) => eventRow(event, now)),
]

/** One event as it comes: the time of day instead of an age, which would stand still. */
export const eventLine = ({ lastSeen, type, reason, object, message, count }: EventRecord): string =>
  [lastSeen, type.padEnd(7), reason, objectName(object), message, ...(count > 1 ? [`(x${count})`] : [])].join('  ')

/** As users write it, `instance/demo`. */
const objectName = (object: string): string => {
  const { kind, name } = parseObjectReference(object)
  return kind === undefined || name === undefined ? object : showReference({ kind, name })
}
