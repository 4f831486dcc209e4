import t from 'tap'
import { createQueue, type QueueOptions, type Turn } from '../../src/reconcile/queue.ts'
import { createHandClock } from '../support/hand-clock.ts'

interface Work {
  readonly key: string
  readonly turn: Turn
  readonly end: (again?: number) => void
  readonly fail: (error: Error) => void
}

/** A queue whose work ends when the test says so. */
const start = (options: Partial<QueueOptions> = {}) => {
  const clock = createHandClock()
  const begun: Work[] = []
  const queue = createQueue({
    work: (key, turn) =>
      new Promise((resolve, reject) => {
        begun.push({ key, turn, end: resolve, fail: reject })
      }),
    failed: () => 100,
    concurrency: 2,
    clock,
    ...options,
  })
  const last = (): Work => {
    const work = begun.at(-1)
    if (work === undefined) throw new Error('nothing was begun')
    return work
  }
  const keys = (): string => begun.map(({ key }) => key).join(' ')
  return { clock, queue, begun, last, keys }
}

/** Lets promises that are settled have their say, and what waits for a worker begin. */
const tick = async (): Promise<void> => {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

void t.test('a key is in the queue once, and has one worker at a time', async (t) => {
  const { queue, keys, last } = start()
  for (let n = 0; n < 5; n += 1) queue.add('a')
  t.equal(keys(), 'a')
  last().end()
  await tick()
  t.equal(keys(), 'a a', 'asked for while it ran: once more')
  last().end()
  await tick()
  t.equal(keys(), 'a a')
})

void t.test('turns that wait for nothing leave room for everything else', async (t) => {
  let done = 0
  const { queue } = start({
    work: async (key) => {
      done += 1
      queue.add(`${key}+`.slice(0, 8)) // as a turn does that leaves work for another key
      return undefined
    },
  })
  for (let n = 0; n < 100; n += 1) queue.add(String(n))
  await tick()
  t.ok(done < 100, `${done} turns before anything else had its say`)
  await queue.close()
})

void t.test('so many work at a time, the others wait for their turn', async (t) => {
  const { queue, keys, begun } = start()
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
  t.equal(keys(), 'a b')
  t.equal(queue.depth(), 2)
  begun[1]?.end()
  await tick()
  t.equal(keys(), 'a b c')
})

void t.test('a look makes up for what was asked before it, not for what is asked after', async (t) => {
  const { queue, keys, last } = start()
  queue.add('a')
  queue.add('a')
  last().turn.look()
  last().end()
  await tick()
  t.equal(keys(), 'a')
  queue.add('a')
  last().turn.look()
  queue.add('a')
  last().end()
  await tick()
  t.equal(keys(), 'a a a')
})

void t.test('what a key stands for was changed: no look makes up for that', async (t) => {
  const { queue, keys, last } = start()
  queue.renew('a')
  t.equal(last().turn.stale(), false)
  queue.renew('a')
  t.equal(last().turn.stale(), true)
  last().turn.look()
  last().end()
  await tick()
  t.equal(keys(), 'a a')
  t.equal(last().turn.stale(), false)
})

void t.test('looks again after the time that work gives, and earlier when asked', async (t) => {
  const { queue, keys, last, clock } = start()
  queue.add('a')
  last().end(1000)
  await tick()
  t.equal(clock.step(999), false)
  t.equal(keys(), 'a')
  t.equal(clock.step(1), true)
  t.equal(keys(), 'a a')
  last().end(1000)
  await tick()
  queue.add('a')
  t.equal(keys(), 'a a a')
  t.equal(clock.timers(), 0, 'the later look is made up for')
})

void t.test('of several times the first counts', async (t) => {
  const { queue, clock, keys } = start()
  queue.addAfter('a', 500)
  queue.addAfter('a', 900)
  queue.addAfter('a', 200)
  t.equal(clock.timers(), 1)
  t.equal(clock.step(200), true)
  t.equal(keys(), 'a')
})

void t.test('work that fails is tried again after the wait, and nothing else suffers', async (t) => {
  const errors: string[] = []
  const { queue, keys, last, clock } = start({
    failed: (key, error) => {
      errors.push(`${key} ${String(error)}`)
      return 300
    },
  })
  queue.add('a')
  last().fail(new Error('no'))
  await tick()
  t.same(errors, ['a Error: no'])
  queue.add('b')
  t.equal(keys(), 'a b')
  clock.step(300)
  t.equal(keys(), 'a b a')
})

void t.test('even a failure to tell of a failure leaves the queue going', async (t) => {
  const { queue, keys, last, clock } = start({
    failed: () => {
      throw new Error('the disk of the log is full')
    },
  })
  queue.add('a')
  last().fail(new Error('no'))
  await tick()
  queue.add('b')
  t.equal(keys(), 'a b')
  clock.step(1000)
  t.equal(keys(), 'a b a')
})

void t.test('work that throws before it waits is a failure too', async (t) => {
  let count = 0
  const { queue } = start({
    work: () => {
      count += 1
      throw new Error('at once')
    },
  })
  queue.add('a')
  await tick()
  t.equal(count, 1)
  await queue.idle()
})

void t.test('idle: nothing is under way or due now', async (t) => {
  const { queue, last } = start()
  await queue.idle()
  queue.add('a')
  let idle = false
  const waiting = queue.idle().then(() => (idle = true))
  await tick()
  t.equal(idle, false)
  last().end(1000)
  await waiting
  t.equal(idle, true, 'a look that is due later is not waited for')
})

void t.test('close: no timer is left, no work begins, and what is under way is told and waited for', async (t) => {
  const { queue, last, keys, clock } = start()
  queue.add('a')
  queue.add('a')
  queue.addAfter('b', 10)
  const closed = queue.close()
  t.equal(last().turn.signal.aborted, true)
  t.equal(clock.timers(), 0)
  let over = false
  void closed.then(() => (over = true))
  await tick()
  t.equal(over, false)
  last().end(5)
  await closed
  queue.add('c')
  queue.renew('c')
  queue.addAfter('c', 1)
  t.equal(keys(), 'a')
  t.equal(clock.timers(), 0)
})
