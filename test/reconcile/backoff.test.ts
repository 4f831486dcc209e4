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
  t.same(backoff.waiting('a'), { ms: 40, reason: 'no', failures: 1 })
  backoff.reword('a', 'not yet')
  backoff.reword('b', 'is not there')
  t.same([...backoff.all()], [['a', { ms: 40, reason: 'not yet' }]])
  clock.step(40)
  t.equal(backoff.waiting('a'), undefined)
  t.equal(backoff.all().size, 0)
  t.equal(backoff.fail('a', 'no'), 200, 'it is tried, and fails again')
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
  t.same(backoff.waiting('x.a'), { ms: 700, reason: 'since before', failures: 3 })
  t.equal(backoff.fail('x.a', 'again'), 800)
  backoff.fail('y.a', 'no')
  backoff.forget((key) => key.startsWith('x.'))
  t.same([...backoff.all().keys()], ['y.a'])
  t.end()
})
