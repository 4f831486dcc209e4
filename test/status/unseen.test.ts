import t from 'tap'
import { summarizeTopologyUnseen, summarizeUnseen } from '../../src/status/unseen.ts'
import { chainSketch } from '../support/service.ts'
import { createDemo, earlier, later } from './pass.ts'

const problem = 'the engine does not answer'

void t.test('what was known of the parts stays; whether it works is not known', async (t) => {
  const demo = await createDemo({ service: chainSketch('svc', 2, 'img:1') })
  await demo.converge()
  const previous = demo.status(await demo.look())
  const status = summarizeUnseen({ entry: demo.entry, previous, problem, now: later })
  const of = (type: string) => status.conditions.find((one) => one.type === type)
  t.match(of('Ready'), { status: 'Unknown', reason: 'NotObserved', message: problem, lastTransitionTime: later })
  t.match(of('Stalled'), { status: 'True', reason: 'NotObserved', message: problem })
  t.match(of('Reconciling'), { status: 'False', reason: 'Waiting' })
  t.match(of('Drifted'), { status: 'Unknown' })
  for (const type of ['ContainersReady', 'LinksReady', 'Accepted'])
    t.match(of(type), { status: 'True', lastTransitionTime: earlier }, type)
  t.same(status.functions, previous.functions)
  t.same(status.links, previous.links)
  t.same(status.saps, previous.saps)
  t.same(status.package, previous.package)
  t.equal(status.observedGeneration, previous.observedGeneration)
  t.same(
    summarizeUnseen({ entry: demo.entry, previous: status, problem, now: '2026-01-01T00:09:00.000Z' }),
    status,
    'told again, it is the same',
  )
})

void t.test('of a data center or a link that cannot be looked at, only what its file is stays known', (t) => {
  const since = { observedGeneration: 2, lastTransitionTime: earlier }
  const previous = {
    observedGeneration: 2,
    conditions: [
      { type: 'Ready' as const, status: 'True' as const, reason: 'Joined', message: '', ...since },
      { type: 'Accepted' as const, status: 'False' as const, reason: 'Invalid', message: 'x', ...since },
    ],
  }
  const status = summarizeTopologyUnseen(previous, problem, later)
  t.match(status.conditions[0], {
    status: 'Unknown',
    reason: 'NotObserved',
    message: problem,
    lastTransitionTime: later,
  })
  t.same(status.conditions[1], previous.conditions[1])
  t.equal(status.observedGeneration, 2)
  t.same(summarizeTopologyUnseen(status, problem, 'even later'), status, 'told again, it is the same')
  t.end()
})

void t.test('before files were read again, what was said of them stays', async (t) => {
  const demo = await createDemo({ service: chainSketch('svc', 2, 'img:1') })
  const entry = { ...demo.entry, accepted: false, package: undefined }
  const previous = summarizeUnseen({ entry, previous: undefined, problem, now: earlier })
  const status = summarizeUnseen({ entry: undefined, previous, problem, now: later })
  for (const type of ['Accepted', 'PackageResolved'])
    t.match(
      status.conditions.find((one) => one.type === type),
      { status: 'False', lastTransitionTime: earlier },
      type,
    )
})

void t.test('of one that was never looked at nothing is known; its file and its package are', async (t) => {
  const demo = await createDemo({ service: chainSketch('svc', 2, 'img:1') })
  const entry = { ...demo.entry, package: undefined, accepted: false }
  const status = summarizeUnseen({ entry, previous: undefined, problem, now: later })
  const of = (type: string) => status.conditions.find((one) => one.type === type)
  t.match(of('Accepted'), { status: 'False' })
  t.match(of('PackageResolved'), { status: 'False' })
  t.match(of('ContainersReady'), { status: 'Unknown' })
  t.equal(status.observedGeneration, 0)
  t.same([status.functions, status.links, status.saps, status.package], [[], [], [], null])
})
