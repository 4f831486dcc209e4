import t from 'tap'
import type { DesireResult } from '../../src/desired/result.ts'
import type { FunctionOverride } from '../../src/model/documents.ts'
import { name } from '../support/build.ts'
import { codes, dataCenter, desire, instance, vnf } from './samples.ts'

const abc = { functions: [vnf('a', 'in'), vnf('b', 'in'), vnf('c', 'in')] }
const two = [dataCenter('dc2'), dataCenter('dc1')]
const override = (id: string, more: Omit<FunctionOverride, 'vnfId'>): FunctionOverride => ({
  vnfId: name.vnf(id),
  ...more,
})

const places = (result: DesireResult): readonly string[] =>
  result.functions.map(
    (item) =>
      `${item.copy === 0 ? '' : `${item.copy}/`}${item.vnf}${item.replica === 0 ? '' : `#${item.replica}`} ${item.dataCenter ?? '-'}`,
  )

t.test('keep: policies, in the order of the NSD, data centers by name', (t) => {
  const by = (placement: 'First' | 'RoundRobin' | 'RoundRobinWithSaps') =>
    places(desire(abc, { dataCenters: two, settings: { placement } }))
  t.strictSame(by('First'), ['a dc1', 'b dc1', 'c dc1'])
  t.strictSame(by('RoundRobin'), ['a dc1', 'b dc2', 'c dc1'])
  t.strictSame(by('RoundRobinWithSaps'), ['a dc1', 'b dc2', 'c dc1'])
  const copies = desire(abc, { dataCenters: two, instance: instance({ replicas: 2 }) })
  t.strictSame(places(copies).slice(3), ['1/a dc2', '1/b dc1', '1/c dc2'], 'the round goes on in the next copy')
  t.end()
})

t.test('sticky: a change elsewhere moves nothing', (t) => {
  const before = desire(abc, { dataCenters: two })
  const more = [...two, dataCenter('dc0')]
  t.strictSame(places(desire(abc, { dataCenters: more, previous: before.allocation })), places(before))
  const fewer = { functions: abc.functions.slice(1) }
  t.strictSame(places(desire(fewer, { dataCenters: two, previous: before.allocation })), ['b dc2', 'c dc1'])
  t.end()
})

t.test('the user names a data center', (t) => {
  const at = (dataCenterName: string, more: object = {}): DesireResult =>
    desire(abc, {
      dataCenters: [dataCenter('dc1'), dataCenter('dc2'), dataCenter('full', { cpu: 0.5 })],
      instance: instance({ functions: [override('a', { dataCenter: name.object(dataCenterName) })] }),
      ...more,
    })
  t.equal(places(at('dc2'))[0], 'a dc2')
  const before = at('dc2')
  t.equal(places(at('dc1', { previous: before.allocation }))[0], 'a dc1', 'the word wins over where it stands')
  t.equal(places(at('dc2', { previous: before.allocation }))[0], 'a dc2')
  t.strictSame(codes(at('nowhere')), ['DATA_CENTER_UNKNOWN'])
  t.match(at('nowhere').functions[0]?.problem, /dc1, dc2, full/u)
  t.strictSame(codes(at('full')), ['UNPLACEABLE'])
  t.strictSame(places(at('full')).slice(1), ['b dc2', 'c dc1'], 'the rest goes on')
  t.end()
})

t.test('a data center in use that is not declared any more keeps what it has', (t) => {
  const before = desire(abc, { dataCenters: two })
  const after = desire(abc, { dataCenters: [dataCenter('dc1')], previous: before.allocation })
  t.strictSame(places(after), places(before))
  t.strictSame(codes(after), ['DATA_CENTER_GONE'])
  t.ok(after.desired.bridges.some((bridge) => bridge.dataCenter === 'dc2'))
  t.end()
})

t.test('capacity', (t) => {
  const small = [dataCenter('dc1', { cpu: 1.5 }), dataCenter('dc2', { memoryBytes: 2 * 1024 ** 3 })]
  const result = desire(abc, { dataCenters: small })
  t.strictSame(places(result), ['a dc1', 'b dc2', 'c -'])
  t.strictSame(codes(result), ['UNPLACEABLE'])
  t.strictSame(
    [...result.usage],
    [
      ['dc1', { cpu: 1, memoryBytes: 2 * 1024 ** 3 }],
      ['dc2', { cpu: 1, memoryBytes: 2 * 1024 ** 3 }],
    ],
  )
  const othersUsage = new Map([[name.object('dc1'), { cpu: 1, memoryBytes: 0, holders: ['instance other'] }]])
  t.strictSame(places(desire(abc, { dataCenters: small, othersUsage })), ['a dc2', 'b -', 'c -'])
  const shrunk = desire(abc, { dataCenters: [dataCenter('dc1', { cpu: 0 })], previous: desire(abc).allocation })
  t.strictSame(places(shrunk), ['a dc1', 'b dc1', 'c dc1'], 'what stands stays')
  t.end()
})

t.test('fractions of CPUs add up to the whole', (t) => {
  const functions = ['a', 'b', 'c'].map((id, index) =>
    vnf(id, 'in', { cpu: { bandwidth: [0.1, 0.2, 0.3][index] ?? 0 } }),
  )
  t.strictSame(places(desire({ functions }, { dataCenters: [dataCenter('dc1', { cpu: 0.6 })] })), [
    'a dc1',
    'b dc1',
    'c dc1',
  ])
  t.end()
})

t.test('replicas stand together, as many as there is room for', (t) => {
  const with3 = instance({ functions: [override('b', { replicas: 3 })] })
  const result = desire(abc, { dataCenters: [dataCenter('dc1', { cpu: 3 })], instance: with3 })
  t.strictSame(places(result), ['a dc1', 'b dc1', 'b#1 dc1', 'b#2 -', 'c -'])
  t.match(result.functions[3]?.problem, /room for 2 of 3 replicas/u)
  const linked = { ...abc, links: ['m E-LAN a:in b:in c:in'] }
  const roomy = desire(linked, { instance: with3 })
  const tight = desire(linked, {
    dataCenters: [dataCenter('dc1', { cpu: 1 })],
    instance: with3,
    previous: roomy.allocation,
  })
  t.strictSame(places(tight), places(roomy), 'replicas that ran stay')
  const none = desire(abc, { instance: instance({ functions: [override('b', { replicas: 0 })] }) })
  t.strictSame(places(none), ['a dc1', 'c dc1'])
  t.end()
})
