import fc from 'fast-check'
import t from 'tap'
import { appendEvent, emptyEvents, eventsBy, type EventLog } from '../../src/status/events.ts'

const event = (object: string, message: string) => ({ object, type: 'Normal', reason: 'Started', message }) as const

t.test('an event told again is counted and moves to the end', (t) => {
  let log: EventLog = emptyEvents
  log = appendEvent(log, event('instance/a', 'one'), 't1').events
  log = appendEvent(log, event('instance/a', 'two'), 't2').events
  const { events, appended } = appendEvent(log, event('instance/a', 'one'), 't3')
  t.match(appended, { count: 2, firstSeen: 't1', lastSeen: 't3' })
  t.strictSame(
    events.records.map(({ message, count }) => [message, count]),
    [
      ['two', 1],
      ['one', 2],
    ],
  )
  t.equal(appendEvent(events, { ...event('instance/a', 'one'), type: 'Warning' }, 't4').appended.count, 1)
  t.equal(appendEvent(events, event('instance/b', 'one'), 't4').appended.count, 1)
  t.equal(log.records.length, 2, 'the old log is as it was')
  t.end()
})

t.test('a clock that was set back: nothing was told in the future, and the order stays', (t) => {
  let log: EventLog = emptyEvents
  for (const [message, now] of [
    ['one', 't1'],
    ['two', 't5'],
    ['three', 't7'],
    ['two', 't8'],
  ] as const)
    log = appendEvent(log, event('instance/a', message), now).events
  const { events, appended } = appendEvent(log, event('instance/a', 'three'), 't4')
  t.match(appended, { count: 2, firstSeen: 't4', lastSeen: 't4' })
  t.strictSame(
    events.records.map(({ message, firstSeen, lastSeen }) => [message, firstSeen, lastSeen]),
    [
      ['one', 't1', 't1'],
      ['two', 't4', 't4'],
      ['three', 't4', 't4'],
    ],
  )
  t.equal(eventsBy(events, 't4'), events, 'once is enough')
  t.equal(eventsBy(emptyEvents, 't4'), emptyEvents)
  t.end()
})

t.test('no object has too many, all together are not too many, the newest are kept, none is doubled', (t) => {
  const limits = { total: 12, perObject: 5 }
  const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 9 })), {
    maxLength: 80,
    size: 'max',
  })
  fc.assert(
    fc.property(events, (list) => {
      let log = emptyEvents
      for (const [index, [object, message]] of list.entries()) {
        log = appendEvent(
          log,
          event(`instance/${object}`, String(message)),
          String(index).padStart(3, '0'),
          limits,
        ).events
      }
      const { records } = log
      const times = records.map(({ lastSeen }) => lastSeen)
      const counts = new Map<string, number>()
      for (const { object } of records) counts.set(object, (counts.get(object) ?? 0) + 1)
      const keys = new Set(records.map(({ object, message }) => `${object} ${message}`))
      const newest = list.at(-1)
      return (
        records.length <= limits.total &&
        [...counts.values()].every((count) => count <= limits.perObject) &&
        keys.size === records.length &&
        times.join() === times.toSorted().join() &&
        (newest === undefined || records.at(-1)?.message === String(newest[1]))
      )
    }),
  )
  t.end()
})
