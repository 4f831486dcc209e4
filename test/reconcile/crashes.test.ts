import t from 'tap'
import type { ObservedContainer } from '../../src/model/actual.ts'
import type { ContainerName } from '../../src/model/names.ts'
import { createBackoff } from '../../src/reconcile/backoff.ts'
import { createCrashes, type Crashes } from '../../src/reconcile/crashes.ts'
import type { ContainerHistory } from '../../src/store/records.ts'
import { name } from '../support/build.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'

const fw = name.container('sond.demo.0.fw.0')
const policy = { first: 10_000, longest: 300_000, reset: 600_000 }

type Kept = Map<ContainerName, ContainerHistory>

const make = (clock: HandClock, kept: Kept = new Map()): Crashes =>
  createCrashes(createBackoff(policy, clock), clock, {
    get: (of) => kept.get(of),
    set: (of, history) => void kept.set(of, history),
    delete: (of) => void kept.delete(of),
    names: () => kept.keys(),
  })

/** A container, seen. */
const seen = (clock: HandClock, more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  ...{ instance: name.object('demo'), copy: 0, vnf: name.vnf('fw'), vdu: '', replica: 0 },
  ...{ id: 'x', name: fw, role: 'vnf', state: 'running', pid: 7, exitCode: 0, image: name.image('img:1') },
  ...{ specHash: 'v1:1', dataCenter: 'dc1', gate: 'open', scripts: {}, network: 'none' },
  limits: { cpuset: '', cpuPeriod: 0, cpuQuota: 0, memoryBytes: 0 },
  startedAt: new Date(clock.now()).toISOString(),
  ...more,
})

/** A run of so many milliseconds that ends with a code; gives the milliseconds it is held back then, 0 for not at all. */
const run = (crashes: Crashes, clock: HandClock, ms: number, exitCode: number): number => {
  const begun = seen(clock)
  crashes.look([begun])
  clock.step(ms)
  const ended = { ...begun, state: 'exited', pid: 0, exitCode } as const
  crashes.look([ended])
  crashes.look([ended]) // seen twice, it is one end
  return crashes.nextDue([fw]) ?? 0
}

void t.test('an end that its engine can tell nothing of is no crash, and no start', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  const begun = seen(clock)
  crashes.look([begun])
  for (let look = 0; look < 3; look += 1)
    crashes.look([{ ...begun, state: 'exited', pid: 0, startedAt: '', exitCode: 1, unread: 'no layer' }])
  crashes.look([begun])
  t.equal(crashes.restarts(fw), 0)
  t.equal(crashes.held().size, 0)
  t.end()
})

void t.test('the first crash is forgiven, those after it wait longer and longer', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  t.equal(run(crashes, clock, 100, 1), 0)
  t.equal(crashes.held().size, 0)
  t.equal(run(crashes, clock, 100, 1), 10_000)
  t.match(
    crashes.held().get(fw),
    /ended with code 1 after 0 s, 2 times in a row; next start at 2026-01-01T00:00:10\.200Z/,
  )
  clock.step(10_000)
  t.equal(crashes.held().size, 0, 'its time has come')
  t.equal(run(crashes, clock, 100, 1), 20_000)
  t.equal(crashes.restarts(fw), 2)
  t.end()
})

void t.test('a long run makes good for all before', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  run(crashes, clock, 100, 1)
  run(crashes, clock, 100, 1)
  clock.step(10_000)
  t.equal(run(crashes, clock, 600_001, 1), 0)
  t.end()
})

void t.test('a program that the kernel kills for want of memory has crashed, and that is told', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  const limits = { cpuset: '', cpuPeriod: 0, cpuQuota: 0, memoryBytes: 16 << 20 }
  const runOut = (): number => {
    const begun = seen(clock, { limits })
    crashes.look([begun])
    clock.step(20_000)
    crashes.look([{ ...begun, state: 'exited', pid: 0, exitCode: 137, outOfMemory: true }])
    return crashes.nextDue([fw]) ?? 0
  }
  t.equal(runOut(), 0)
  t.equal(runOut(), 10_000, 'not as one that somebody killed')
  t.match(
    crashes.held().get(fw),
    /code 137 \(out of memory, its limit is 16 MiB\) after 20 s, 2 times in a row; next start/,
  )
  t.end()
})

void t.test('a kill from outside is no crash, unless it goes on and on', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  for (let n = 0; n < 6; n += 1) t.equal(run(crashes, clock, 50, 137), 0)
  t.equal(run(crashes, clock, 50, 137), 10_000)
  const others = make(clock)
  for (let n = 0; n < 20; n += 1) t.equal(run(others, clock, 10_001, 143), 0, 'not when it ran a while each time')
  t.end()
})

void t.test('what was never started has no ends', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  crashes.look([seen(clock, { state: 'created', startedAt: '0001-01-01T00:00:00Z' })])
  t.equal(crashes.restarts(fw), 0)
  t.end()
})

void t.test('another daemon takes over counts and the rest of the wait', (t) => {
  const clock = createHandClock()
  const kept: Kept = new Map()
  const first = make(clock, kept)
  run(first, clock, 100, 1)
  run(first, clock, 100, 1)
  const written = JSON.stringify([...kept])
  clock.step(1)
  const last = seen(clock, { state: 'exited', exitCode: 1, startedAt: kept.get(fw)?.startedAt ?? '' })
  first.look([last])
  t.equal(JSON.stringify([...kept]), written, 'a look at what waits writes nothing')
  clock.step(3_999)
  const second = make(clock, kept)
  second.look([last])
  t.equal(second.nextDue([fw]), 6_000)
  t.equal(second.restarts(fw), 1)
  t.match(second.held().get(fw), /2 times in a row/)
  clock.step(6_000)
  t.equal(run(second, clock, 100, 1), 20_000, 'and goes on counting')
  t.end()
})

void t.test('an end that an earlier daemon has counted is not counted again', (t) => {
  const clock = createHandClock()
  const kept: Kept = new Map()
  run(make(clock, kept), clock, 100, 1)
  const second = make(clock, kept)
  second.look([seen(clock, { state: 'exited', exitCode: 1, startedAt: kept.get(fw)?.startedAt ?? '' })])
  t.equal(second.held().size, 0)
  t.equal(run(second, clock, 100, 1), 10_000)
  t.end()
})

void t.test('a daemon that comes when the wait is over does not hold it', (t) => {
  const clock = createHandClock()
  const kept: Kept = new Map()
  const first = make(clock, kept)
  run(first, clock, 100, 1)
  run(first, clock, 100, 1)
  clock.step(20_000)
  const second = make(clock, kept)
  second.look([seen(clock, { startedAt: kept.get(fw)?.startedAt ?? '' })])
  t.equal(second.held().size, 0)
  t.equal(run(second, clock, 100, 1), 20_000, 'and goes on counting')
  t.end()
})

void t.test(
  'a daemon that comes while the program runs once more goes on counting, unless that run is a long one',
  (t) => {
    for (const [ms, first, next] of [
      [50_000, 20_000, 40_000],
      [601_000, 0, 10_000],
    ] as const) {
      const clock = createHandClock()
      const kept: Kept = new Map()
      const before = make(clock, kept)
      run(before, clock, 100, 1)
      run(before, clock, 100, 1)
      clock.step(10_000)
      const begun = seen(clock)
      before.look([begun])
      clock.step(ms - 1_000)
      const after = make(clock, kept)
      after.look([begun])
      t.equal(after.held().size, 0, 'it runs')
      clock.step(1_000)
      after.look([{ ...begun, state: 'exited', pid: 0, exitCode: 1 }])
      t.equal(after.nextDue([fw]) ?? 0, first)
      t.equal(run(after, clock, 100, 1), next)
    }
    t.end()
  },
)

void t.test('pardoned, it may start at once, and its next crash is the first; its restarts still count', (t) => {
  const clock = createHandClock()
  const crashes = make(clock)
  run(crashes, clock, 100, 1)
  run(crashes, clock, 100, 1)
  crashes.pardon((of) => of.startsWith('sond.other.'))
  t.equal(crashes.held().size, 1)
  crashes.pardon((of) => of.startsWith('sond.demo.'))
  t.equal(crashes.held().size, 0)
  t.equal(crashes.restarts(fw), 1)
  t.equal(run(crashes, clock, 100, 1), 0)
  t.end()
})

void t.test('forgotten, nothing is kept, not of an earlier daemon either', (t) => {
  const clock = createHandClock()
  const kept: Kept = new Map()
  run(make(clock, kept), clock, 100, 1)
  const crashes = make(clock, kept)
  crashes.forget((of) => of.startsWith('sond.other.'))
  t.equal(kept.size, 1)
  crashes.forget((of) => of.startsWith('sond.demo.'))
  t.equal(kept.size, 0)
  t.equal(crashes.restarts(fw), 0)
  t.end()
})

void t.test('a clock that is set makes no long run of a short one, and no years of a wait', (t) => {
  const year = 365 * 24 * 3_600_000
  for (const jump of [year, -year]) {
    const clock = createHandClock()
    const kept: Kept = new Map()
    const crashes = make(clock, kept)
    t.equal(run(crashes, clock, 100, 1), 0)
    const begun = seen(clock)
    crashes.look([begun])
    clock.step(100)
    clock.jump(jump)
    crashes.look([{ ...begun, state: 'exited', pid: 0, exitCode: 1 }])
    t.equal(crashes.nextDue([fw]), 10_000, 'the second crash in a row')
    t.match(crashes.held().get(fw), /after 0 s, 2 times in a row/)
    clock.jump(-2 * jump)
    const later = make(clock, kept)
    later.look([{ ...begun, state: 'exited', pid: 0, exitCode: 1 }])
    t.ok((later.nextDue([fw]) ?? 0) <= policy.longest, 'also after a restart of the daemon')
    for (const told of [later.held().get(fw)?.split('next start at ')[1], kept.get(fw)?.nextStart]) {
      if (told === undefined) continue // its time has come
      t.ok(Date.parse(told) - clock.now() <= policy.longest, `no far instant is told or kept: ${told}`)
    }
  }
  t.end()
})
