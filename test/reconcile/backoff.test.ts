import t from 'tap'
import { createBackoff } from '../../src/reconcile/backoff.ts'
import { createHandClock } from '../support/hand-clock.ts'

const start = () => {
  const clock = createHandClock()
  const backoff = createBackoff({ first: 100, longest: 1000, reset: 5000 }, clock)
  return { clock, backoff }
}

void t.test('waits double, up to the longest', (t) => {
  const { backoff } = start()
  t.same(
    [1, 2, 3, 4, 5, 6].map(() => backoff.fail('a', 'no')),
    [100, 200, 400, 800, 1000, 1000],
  )
  t.equal(backoff.failures('a'), 6)
  t.equal(backoff.failures('b'), 0)
  t.end()
})

void t.test('a wait counts down, and keeps what was said', (t) => {
  const { backoff, clock } = start()
  backoff.fail('a', 'no')
  clock.step(60)
  const waiting = { ms: 40, reason: 'no', failures: 1, until: '2026-01-01T00:00:00.100Z' }
  t.same(backoff.waiting('a'), waiting)
  t.same([...backoff.all()], [['a', waiting]])
  clock.step(40)
  t.equal(backoff.waiting('a'), undefined)
  t.equal(backoff.all().size, 0)
  t.equal(backoff.fail('a', 'no'), 200, 'it is tried, and fails again')
  t.end()
})

void t.test('the end of a wait is told by the clock as it is set, and does not tremble with it', (t) => {
  const { backoff, clock } = start()
  for (let n = 0; n < 5; n += 1) backoff.fail('a', 'no')
  const until = () => backoff.waiting('a')?.until
  t.equal(until(), '2026-01-01T00:00:01.000Z')
  clock.jump(300)
  t.equal(until(), '2026-01-01T00:00:01.000Z', 'as it was told')
  for (const [ms, text] of [
    [3_600_000, '2026-01-01T01:00:01.300Z'],
    [-7_200_000, '2025-12-31T23:00:01.300Z'],
  ] as const) {
    clock.jump(ms)
    t.equal(until(), text)
  }
  clock.step(1_000)
  t.equal(until(), undefined)
  t.end()
})

void t.test('after a long time without a failure, or a success, the next failure is the first', (t) => {
  const { backoff, clock } = start()
  backoff.fail('a', 'no')
  backoff.fail('a', 'no')
  clock.step(5201)
  t.equal(backoff.fail('a', 'no'), 100)
  backoff.succeed('a')
  t.equal(backoff.waiting('a'), undefined)
  t.equal(backoff.fail('a', 'no'), 100)
  t.end()
})

void t.test('a wait that began earlier is taken over; what matches is forgotten', (t) => {
  const { backoff } = start()
  backoff.hold('x.a', 3, 700, 'since before')
  t.match(backoff.waiting('x.a'), { ms: 700, reason: 'since before', failures: 3 })
  t.equal(backoff.fail('x.a', 'again'), 800)
  backoff.fail('y.a', 'no')
  backoff.forget((key) => key.startsWith('x.'))
  t.same([...backoff.all().keys()], ['y.a'])
  t.end()
})
