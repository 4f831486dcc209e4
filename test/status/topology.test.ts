import t from 'tap'
import { desireFabric } from '../../src/desired/fabric.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import type { Link } from '../../src/model/documents.ts'
import { asOwned } from '../../src/model/ownership.ts'
import type { TopologyStatus } from '../../src/model/status.ts'
import { observe } from '../../src/observe/observe.ts'
import { plan } from '../../src/plan/plan.ts'
import { summarizeDataCenter, summarizeLink, type FabricPass } from '../../src/status/topology.ts'
import { dataCenter, trunk } from '../desired/samples.ts'
import { name } from '../support/build.ts'
import { calm, converge, pass } from '../support/converge.ts'

const owner = name.owner('sond')
const now = '2026-01-01T00:00:00.000Z'
const entry = <D>(document: D) => ({ document, generation: 2, accepted: true, diagnostics: [] })

/** A fabric that is in place. */
const built = async (links: readonly Link[], dataCenters: readonly string[] = ['dc1', 'dc2']): Promise<FabricPass> => {
  const engines = createMemoryEngines({ owner: 'sond' })
  const topology = { dataCenters: dataCenters.map((one) => dataCenter(one)), links }
  const desired = desireFabric({ owner, topology, needs: [] })
  const outcomes = await converge(desired, engines, { cookie: 0 })
  const actual = await observe(desired, engines, 0)
  return { desired, actual, plan: plan(desired, actual, calm), outcomes }
}

const told = (status: TopologyStatus, type: string): string => {
  const found = status.conditions.find((condition) => condition.type === type)
  return `${found?.status} ${found?.reason}: ${found?.message}`
}
const link = (document: Link, seen: FabricPass): TopologyStatus => summarizeLink(entry(document), seen, undefined, now)

t.test('a data center: its switch', async (t) => {
  const seen = await built([])
  const one = entry(dataCenter('dc1'))
  const status = summarizeDataCenter(one, seen, undefined, now)
  t.match(status, {
    observedGeneration: 2,
    conditions: [{ type: 'Ready', lastTransitionTime: now }, { type: 'Accepted' }],
  })
  t.equal(told(status, 'Ready'), 'True SwitchUp: switch sond-dc1')
  t.equal(told(status, 'Accepted'), 'True Valid: ')
  const again = summarizeDataCenter(one, seen, status, 'later')
  t.same(again.conditions, status.conditions, 'nothing has flipped')

  const without = { ...seen.actual, bridges: [] }
  const missing = { ...seen, actual: without, outcomes: [], plan: plan(seen.desired, without, calm) }
  t.equal(
    told(summarizeDataCenter(one, missing, status, 'later'), 'Ready'),
    'False SwitchMissing: bridge:sond-dc1: bridge is missing',
  )
  const conflicts = [{ kind: 'bridge' as const, name: 'sond-dc1', holder: 'a bridge of someone else' }]
  const taken = { ...seen, actual: { ...seen.actual, conflicts } }
  t.match(
    told(summarizeDataCenter(one, taken, status, 'later'), 'Ready'),
    /^False SwitchMissing: bridge sond-dc1 is not ours/,
  )
  const broken = { ...one, accepted: false }
  t.match(told(summarizeDataCenter(broken, seen, status, 'later'), 'Accepted'), /^False Invalid/)
  t.equal(
    told(summarizeDataCenter(entry(dataCenter('late')), seen, undefined, now), 'Ready'),
    'True NotInUse: its switch is made with its first function',
  )
})

t.test('a link: joined', async (t) => {
  const plain = trunk('dc1-dc2')
  const status = link(plain, await built([plain]))
  t.equal(told(status, 'Ready'), 'True Joined: dc1 and dc2 are joined by patch ports')
  t.equal(told(status, 'Shaped'), 'True NotAsked: ')
  const far = trunk('dc1-dc9', { delayMs: 5 })
  const nowhere = link(far, await built([far]))
  t.match(told(nowhere, 'Ready'), /^False DataCenterUnknown: there is no data center dc9; declared or in use: dc1, dc2/)
  t.match(told(nowhere, 'Shaped'), /^Unknown NotJoined/, 'so that what is lacking is news once it is there')
  t.match(told(link(far, await built([far], [])), 'Ready'), /no data center dc1, nor dc9; declared or in use: none/)
})

t.test('a link: why it is not joined', async (t) => {
  const shaped = trunk('dc1-dc2', { delayMs: 10 })
  const engines = createMemoryEngines({ owner: 'sond' })
  const topology = { dataCenters: ['dc1', 'dc2'].map((one) => dataCenter(one)), links: [shaped] }
  const desired = desireFabric({ owner, topology, needs: [] })
  const createTrunk = (): Promise<void> => Promise.reject(new Error('no room for it'))
  const failing = { ...engines, links: { ...engines.links, createTrunk } }
  const { outcomes } = await pass(desired, failing, { cookie: 0 })
  const actual = await observe(desired, engines, 0)
  const seen = { desired, actual, outcomes, plan: plan(desired, actual, calm) }
  t.match(told(link(shaped, seen), 'Ready'), /^False NotJoined: trunk:dc1-dc2: no room for it/)
  t.match(told(link(shaped, seen), 'Shaped'), /^False NotInForce: /)
})

t.test('a link: shaped as asked, or why not', async (t) => {
  const all = trunk('dc1-dc2', { bandwidthBitsPerSecond: 1e8, delayMs: 10, jitterMs: 1, lossPercent: 1 })
  const seen = await built([all])
  t.equal(told(link(all, seen), 'Shaped'), 'True InForce: bandwidth, delay, jitter, loss')
  t.equal(told(link(all, seen), 'Ready'), 'True Joined: dc1 and dc2 are joined by a veth pair')
  const on = (...shapers: readonly ('netem' | 'tbf')[]): FabricPass => ({
    ...seen,
    actual: { ...seen.actual, shapers: new Set(shapers) },
  })
  t.equal(
    told(link(all, on('tbf')), 'Shaped'),
    'False KernelLacksShaper: no delay, no jitter, no loss: the kernel has no netem (sch_netem); bandwidth is in force',
  )
  t.match(told(link(all, on()), 'Shaped'), /no bandwidth, .*netem.*; frames pass unshaped$/)
  const slow = trunk('dc1-dc2', { bandwidthBitsPerSecond: 1e6 })
  const narrow = await built([slow])
  const bare = { ...narrow, actual: { ...narrow.actual, shapers: new Set<never>() } }
  t.match(told(link(slow, bare), 'Shaped'), /no bandwidth: the kernel has no tbf \(sch_tbf\); frames pass unshaped/)
  const wires = seen.actual.wires.map(({ shaper: _, ...wire }) => asOwned(wire))
  const off = { ...seen.actual, wires }
  const left = { ...seen, actual: off, outcomes: [], plan: plan(seen.desired, off, calm) }
  t.equal(told(link(all, left), 'Shaped'), 'False NotInForce: shape:dc1-dc2: shaped by nothing → netem')
})

t.test('what has not flipped keeps its time', async (t) => {
  const document = trunk('dc1-dc2')
  const seen = await built([document])
  const first = link(document, seen)
  t.same(summarizeLink(entry(document), seen, first, 'later').conditions, first.conditions)
})
