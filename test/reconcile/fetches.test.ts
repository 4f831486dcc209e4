import t from 'tap'
import { EngineError } from '../../src/model/errors.ts'
import type { Clock } from '../../src/reconcile/clock.ts'
import { createFetchEvents } from '../../src/reconcile/fetch-events.ts'
import { createFetches } from '../../src/reconcile/fetches.ts'
import { name } from '../support/build.ts'

const image = name.image('img:1')

/** Time that is moved by hand, an engine whose work ends by hand, and what is told. */
const setUp = () => {
  let now = 0
  const timers: { due: number; callback: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, callback) => {
      const timer = { due: now + ms, callback }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    },
  }
  const work: { say: (line: string) => void; end: (error?: Error) => void }[] = []
  const long = (say: (line: string) => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    work.push({ say, end: (error) => (error === undefined ? resolve(undefined) : reject(error)) })
    return promise
  }
  const events: string[] = []
  let looks = 0
  const listener = createFetchEvents({
    board: { event: (object, type, reason, message) => void events.push(`${object} ${type} ${reason}: ${message}`) },
    usersOf: () => [name.object('demo')],
    poke: () => void (looks += 1),
    clock,
  })
  const engine = {
    pullImage: (_: unknown, say: (line: string) => void) => long(say),
    buildImage: (_: unknown, _context: Uint8Array, say: (line: string) => void) => long(say),
  }
  return {
    fetches: createFetches(engine, listener, clock),
    work,
    events,
    looks: () => looks,
    pass: (ms: number) => {
      now += ms
      for (const { due, callback } of [...timers]) if (due <= now) callback()
    },
  }
}

const quiet = (): void => undefined

t.test('one that is there soon is waited for', async (t) => {
  const { fetches, work, events } = setUp()
  const pulling = fetches.pullImage(image, quiet)
  work[0]?.end()
  await pulling
  t.same(events, [
    'instance/demo Normal ImagePulling: pulling img:1',
    'instance/demo Normal ImagePulled: pulled img:1 in 0.0 s',
  ])
})

t.test('one that takes long goes on beside; who asks again joins in', async (t) => {
  const { fetches, work, events, looks, pass } = setUp()
  const first = t.rejects(fetches.pullImage(image, quiet), { code: 'FETCHING' })
  pass(1_000)
  await first
  work[0]?.say('10 %')
  const second = t.rejects(fetches.pullImage(image, quiet), { code: 'FETCHING', details: { progress: '10 %' } })
  pass(0)
  await second
  pass(4_500)
  work[0]?.say('50 %')
  work[0]?.say('51 %')
  t.equal(work.length, 1)
  t.equal(events.at(-1), 'instance/demo Normal ImagePulling: pulling img:1: 50 %', 'not every line')
  t.equal(looks(), 1)
  work[0]?.end()
  await fetches.pullImage(image, quiet)
  t.equal(looks(), 2, 'its end asks for a look')
  const again = fetches.pullImage(image, quiet)
  t.equal(work.length, 2, 'an outcome is taken once')
  work[1]?.end()
  await again
})

t.test('a failure is kept for who comes for it, not for ever', async (t) => {
  const { fetches, work, pass } = setUp()
  const first = t.rejects(fetches.pullImage(image, quiet), { code: 'FETCHING' })
  pass(1_000)
  await first
  work[0]?.end(new EngineError('IMAGE_NOT_FOUND', { image, reason: 'no such thing' }))
  await t.rejects(fetches.pullImage(image, quiet), { code: 'IMAGE_NOT_FOUND' })
  const second = t.rejects(fetches.pullImage(image, quiet), { code: 'FETCHING' })
  pass(1_000)
  await second
  work[1]?.end(new Error('old'))
  await Promise.resolve()
  pass(61_000)
  const third = fetches.pullImage(image, quiet)
  t.equal(work.length, 3)
  work[2]?.end()
  await third
})

t.test('a build that fails tells its last lines', async (t) => {
  const { fetches, work, events } = setUp()
  const building = t.rejects(fetches.buildImage(image, new Uint8Array(), quiet), {
    code: 'REFUSED',
    details: { output: '2 | 3 | 4 | 5 | 6' },
  })
  for (const line of ['1', '2', '3', '4', '5', '6']) work[0]?.say(line)
  work[0]?.end(new EngineError('REFUSED', { image, reason: 'code 1' }))
  await building
  t.equal(events.at(-1), 'instance/demo Warning ImageBuildFailed: img:1: 2 | 3 | 4 | 5 | 6')
})
