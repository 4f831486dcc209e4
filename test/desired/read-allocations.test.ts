import t from 'tap'
import { readAllocations } from '../../src/desired/read-allocations.ts'
import type { DesireResult } from '../../src/desired/result.ts'
import type { Allocation } from '../../src/model/allocation.ts'
import { name } from '../support/build.ts'
import { configuration, dataCenter, desire, instance, trunk, vnf } from './samples.ts'

const { pools } = configuration

/** What would be observed of it. */
const readBack = (result: DesireResult): readonly Allocation[] =>
  readAllocations(
    result.desired.containers,
    [...result.desired.interfaces, ...result.desired.patches.flatMap((patch) => patch.ends)],
    pools,
    result.desired.bridges,
  )

const sorted = (allocation: Allocation | undefined): unknown => {
  const order = (items: readonly unknown[]): readonly string[] =>
    items.map((item) => JSON.stringify(Object.entries(item ?? {}).sort())).sort()
  if (allocation === undefined) return undefined
  const { subnets, vlans, addresses, placements, ...rest } = allocation
  return {
    ...rest,
    subnets: order(subnets),
    vlans: order(vlans),
    addresses: order(addresses),
    placements: order(placements),
  }
}

const text = {
  functions: [vnf('a', 'in out mgmt'), vnf('b', 'in out mgmt', { units: [{}, {}] }), vnf('c', 'in out mgmt')],
  points: ['ns:x external', 'ns:y internal', 'ns:z external'],
  links: [
    'l1 E-Line ns:x a:in',
    'l2 E-Line a:out b:in',
    'l3 E-Line b:out c:in',
    'l4 E-Line a:out c:in',
    'm E-LAN a:mgmt b:mgmt c:mgmt ns:y',
    'n E-LAN c:out a:out ns:z',
  ],
}

t.test('everything is read back from ports, bridges and containers', (t) => {
  const options = {
    dataCenters: [dataCenter('dc1'), dataCenter('dc2')],
    trunks: [trunk('dc1-dc2')],
    settings: { deploySaps: true },
    instance: instance({ replicas: 2, functions: [{ vnfId: name.vnf('b'), replicas: 2 }] }),
  }
  const result = desire(text, options)
  const [allocation, ...rest] = readBack(result)
  t.strictSame(rest, [])
  t.strictSame(sorted(allocation), sorted(result.allocation))
  t.strictSame(
    desire(text, { ...options, previous: allocation }),
    desire(text, { ...options, previous: result.allocation }),
  )
  t.end()
})

t.test('without bridges a SAP is known from its patches', (t) => {
  const result = desire(text, { settings: { deploySaps: true } })
  const ports = [...result.desired.interfaces, ...result.desired.patches.flatMap((patch) => patch.ends)]
  const [allocation] = readAllocations(result.desired.containers, ports, pools)
  t.strictSame(sorted(allocation), sorted(result.allocation))
  t.end()
})

const port = (marks: Readonly<Record<string, string>>) => ({
  externalIds: { instance: 'demo', copy: '0', vnf: 'a', ...marks },
})

t.test('text that is not whole is passed over', (t) => {
  const cases: readonly Readonly<Record<string, string>>[] = [
    { instance: 'No Name' },
    { copy: 'x', cookie: '99999999999' },
    { vnf: '-' },
    { link: 'l', address: '10.30.0.1/30' },
    { link: 'l', interface: 'in', address: '300.1.1.1/30' },
    { interface: 'in', address: '10.30.0.1/30' },
    { link: 'l', vlan: '4095', also: 'no JSON' },
    { also: '{"a":1}' },
    { also: '[1, [2, 3], ["l", 0], ["m", "x"], ["\\u0000", 5]]' },
  ]
  for (const marks of cases) {
    const [allocation] = readAllocations([], [port(marks)], pools)
    t.match(allocation ?? {}, marks['instance'] === undefined ? { subnets: [], vlans: [], addresses: [] } : {})
  }
  t.strictSame(readAllocations([], [{ externalIds: {} }], pools), [])
  t.end()
})

t.test('the pool is told by the address where it is not written; a foreign address has none', (t) => {
  const marks = { link: 'l', interface: 'in', address: '10.20.3.1/24', datacenter: 'dc1', cookie: '5' }
  const [told] = readAllocations([], [port(marks)], pools)
  t.match(told, {
    cookie: 5,
    subnets: [{ link: 'l', pool: 'elan', subnet: '10.20.3.0/24' }],
    placements: [{ vnf: 'a', dataCenter: 'dc1' }],
  })
  const [foreign] = readAllocations([], [port({ ...marks, address: '192.168.1.1/24' })], pools)
  t.strictSame(foreign?.subnets, [])
  t.equal(foreign?.addresses.length, 1)
  t.end()
})

t.test('containers alone tell where functions stand; instances come by name', (t) => {
  const container = (instanceName: string, at: string) => ({
    instance: name.object(instanceName),
    copy: 0,
    vnf: name.vnf('a'),
    dataCenter: at,
  })
  const read = readAllocations(
    [container('two', 'dc1'), container('one', 'No Name'), container('two', 'dc2'), container('zero', 'dc1')],
    [],
    pools,
  )
  t.strictSame(
    read.map((item) => [item.instance, item.placements.map((at) => at.dataCenter)]),
    [
      ['one', []],
      ['two', ['dc1']],
      ['zero', ['dc1']],
    ],
  )
  t.ok(
    read.every((item) => item.cookie > 0),
    'a cookie that was lost comes from the name',
  )
  t.end()
})
