import t from 'tap'
import type { PlannedLink } from '../../src/desired/result.ts'
import { name } from '../support/build.ts'
import {
  addresses,
  codes,
  configuration,
  dataCenter,
  desire,
  flowTexts,
  instance,
  linkNamed,
  trunk,
  vnf,
} from './samples.ts'

const abc = [vnf('a', 'in out mgmt'), vnf('b', 'in out mgmt'), vnf('c', 'in out mgmt')]

const outcome = (planned: PlannedLink): string | undefined => planned.skipped?.code

t.test('keep: an E-Line that is not chained says why', (t) => {
  const cases: readonly [string, string, string, RegExp][] = [
    ['an end that exists nowhere', 'l1 E-Line a:out x:in', 'END_MISSING', /x:in names no function.*a, b, c/u],
    [
      'an interface that the function lacks',
      'l1 E-Line a:out b:inn',
      'END_MISSING',
      /b has no interface inn.*in, out/u,
    ],
    ['both ends are missing', 'l1 E-Line x y', 'END_MISSING', /x names.*; y names/u],
    ['one end', 'l1 E-Line a:out', 'TOO_FEW_ENDS', /names 1/u],
    ['no end', 'l1 E-Line', 'TOO_FEW_ENDS', /names 0/u],
    ['the same interface twice', 'l1 E-Line a:out a:out', 'SELF_LINK', /same interface/u],
    ['a type that nobody knows', 'l1 E-Mesh a:out b:in', 'UNKNOWN_TYPE', /"E-Mesh"/u],
    ['an E-LAN of nothing', 'l1 E-LAN', 'TOO_FEW_ENDS', /no ends/u],
    ['an E-LAN of missing ends', 'l1 E-LAN x:y z', 'END_MISSING', /none of its ends/u],
  ]
  for (const [title, text, code, why] of cases) {
    const result = desire({ functions: abc, links: [text, 'l2 E-Line b:out c:in'] })
    const planned = linkNamed(result, 'l1')
    t.equal(outcome(planned), code, title)
    t.match(planned.skipped?.text, why, title)
    t.ok(codes(result).includes('LINK_SKIPPED'), title)
    t.equal(outcome(linkNamed(result, 'l2')), undefined, 'the others go on')
    t.match(linkNamed(result, 'l2').subnet, '10.30.0.0/30', 'a skipped E-Line takes no subnet')
  }
  t.end()
})

t.test('mend: a function without interfaces, and an end without a container', (t) => {
  const none = desire({ functions: [vnf('a'), vnf('b', '')], links: ['l1 E-Line a:out b:in'] })
  t.match(linkNamed(none, 'l1').skipped?.text, /it has none/u)
  const { image: _, ...rest } = vnf('b').descriptor.units[0]
  const bare = { ...vnf('b'), descriptor: { ...vnf('b').descriptor, units: [rest] as const } }
  const result = desire({
    functions: [vnf('a'), bare],
    links: ['l1 E-Line a:out b:in', 'l2 E-LAN a:in b:out', 'l3 E-LAN b:out', 'l4 E-Line b:in a:out'],
  })
  t.equal(outcome(linkNamed(result, 'l1')), 'END_NOT_PLACED')
  t.strictSame(addresses(result), ['a:in=10.20.0.1/24', 'a:out=10.30.0.1/30'], 'what is there has its address')
  t.match(linkNamed(result, 'l1').endpoints[1], { vnf: 'b', interface: 'in', address: '10.30.0.2/30' })
  t.equal(outcome(linkNamed(result, 'l2')), undefined)
  t.equal(linkNamed(result, 'l2').endpoints[1]?.skipped?.code, 'END_NOT_PLACED')
  t.equal(outcome(linkNamed(result, 'l3')), 'INTERFACE_TAKEN')
  t.equal(outcome(linkNamed(result, 'l4')), 'END_NOT_PLACED')
  t.end()
})

t.test('keep: an E-Line with three ends joins the first two', (t) => {
  const result = desire({ functions: abc, links: ['l1 E-Line a:out b:in c:in'] })
  t.strictSame(addresses(result), ['a:out=10.30.0.1/30', 'b:in=10.30.0.2/30'])
  t.strictSame(codes(result), ['EXTRA_ENDS'])
  t.end()
})

t.test('mend: an E-Line for the way back is the same subnet, chained both ways', (t) => {
  const links = ['l1 E-Line a:out b:in', 'back E-Line b:in a:out', 'l2 E-Line b:out c:in']
  const both = ['dc1 10 in_port=a:out -> output:b:in', 'dc1 10 in_port=b:in -> output:a:out']
  for (const bidirectional of [true, false]) {
    const result = desire({ functions: abc, links }, { settings: { bidirectional } })
    t.strictSame(addresses(result), [
      'a:out=10.30.0.1/30',
      'b:in=10.30.0.2/30',
      'b:out=10.30.1.1/30',
      'c:in=10.30.1.2/30',
    ])
    t.strictSame(flowTexts(result).slice(0, 2), both)
    t.equal(linkNamed(result, 'back').subnet, '10.30.0.0/30')
    t.strictSame(linkNamed(result, 'back').carriedBy, bidirectional ? ['l1'] : [])
    t.strictSame(codes(result), [])
  }
  t.end()
})

t.test('keep: one direction only', (t) => {
  const result = desire({ functions: abc, links: ['l1 E-Line a:out b:in'] }, { settings: { bidirectional: false } })
  t.strictSame(flowTexts(result), ['dc1 10 in_port=a:out -> output:b:in'])
  t.end()
})

t.test('mend: an interface keeps its first address and serves every link it is on', (t) => {
  const result = desire({
    functions: abc,
    links: ['lan E-LAN a:out c:out', 'l1 E-Line a:out b:in', 'l2 E-Line c:in a:out', 'l3 E-Line b:in c:in'],
  })
  t.strictSame(addresses(result), [
    'a:out=10.30.0.1/30',
    'b:in=10.30.0.2/30',
    'c:in=10.30.1.1/30',
    'c:out=10.20.0.2/24',
  ])
  t.strictSame(flowTexts(result).slice(0, 3), [
    'dc1 10 in_port=a:out -> output:b:in,output:c:in,NORMAL',
    'dc1 10 in_port=c:out -> NORMAL',
    'dc1 10 in_port=b:in -> output:a:out,output:c:in',
  ])
  t.equal(linkNamed(result, 'l3').subnet, undefined, 'no end of it wants an address')
  t.strictSame(linkNamed(result, 'l2').carriedBy, ['lan'])
  t.strictSame(codes(result), ['ADDRESS_KEPT', 'ADDRESS_KEPT', 'ADDRESS_KEPT', 'ADDRESS_KEPT'])
  const port = result.desired.interfaces.find((item) => item.container.includes('.a.') && item.name === 'out')
  t.match(port, { vlan: 1, link: 'l1' })
  t.strictSame(JSON.parse(port?.externalIds['also'] ?? ''), [
    ['lan', 1],
    ['l2', 0],
  ])
  t.end()
})

t.test('keep: E-LAN: addresses by position, also of what does not exist', (t) => {
  const result = desire({ functions: abc, links: ['m E-LAN a:mgmt ns:x b:mgmt', 'n E-LAN gone', 'o E-LAN c:mgmt'] })
  t.strictSame(addresses(result), ['a:mgmt=10.20.0.1/24', 'b:mgmt=10.20.0.3/24', 'c:mgmt=10.20.2.1/24'])
  t.match(linkNamed(result, 'm'), { subnet: '10.20.0.0/24', vlan: 1, type: 'E-LAN' })
  t.equal(linkNamed(result, 'm').endpoints[1]?.skipped?.code, 'END_MISSING')
  t.equal(linkNamed(result, 'o').vlan, 2, 'a link that is not wired takes no VLAN')
  const ports = result.desired.interfaces.filter((item) => item.vlan === 1)
  t.strictSame(
    ports.map((item): string => item.container),
    ['sond.demo.0.a.0', 'sond.demo.0.b.0'],
  )
  t.end()
})

t.test('mend: E-LAN: an interface on two, or named twice', (t) => {
  const result = desire({ functions: abc, links: ['m E-LAN a:mgmt a:mgmt b:mgmt', 'n E-LAN a:mgmt c:mgmt'] })
  t.strictSame(addresses(result), ['a:mgmt=10.20.0.1/24', 'b:mgmt=10.20.0.3/24', 'c:mgmt=10.20.1.2/24'])
  t.equal(linkNamed(result, 'm').endpoints[1]?.skipped?.code, 'REPEATED_END')
  t.equal(linkNamed(result, 'n').endpoints[0]?.skipped?.code, 'INTERFACE_TAKEN')
  t.end()
})

t.test('mend: E-Tree is switched like an E-LAN, and says so', (t) => {
  const result = desire({ functions: abc, links: ['m E-Tree a:mgmt b:mgmt'] })
  t.strictSame(addresses(result), ['a:mgmt=10.20.0.1/24', 'b:mgmt=10.20.0.2/24'])
  t.strictSame(codes(result), ['E_TREE_AS_LAN'])
  t.end()
})

t.test('mend: names of references are cleaned like those of declarations', (t) => {
  const functions = [vnf('a', 'out_1'), vnf('b', 'in.1')]
  t.strictSame(addresses(desire({ functions, links: ['l E-Line a:out_1 b:in.1'] })), [
    'a:out-1=10.30.0.1/30',
    'b:in-1=10.30.0.2/30',
  ])
  t.end()
})

t.test('two links of one id are told apart', (t) => {
  const result = desire({
    functions: abc,
    links: [
      'l E-Line a:out b:in',
      'l E-Line b:out c:in',
      'l#2 E-LAN a:mgmt',
      `${'x'.repeat(256)} E-LAN b:mgmt`,
      `${'x'.repeat(256)} E-LAN c:mgmt`,
    ],
  })
  t.strictSame(codes(result), ['DUPLICATE_LINK_ID', 'DUPLICATE_LINK_ID', 'DUPLICATE_LINK_ID'])
  t.equal(new Set(result.links.map((item) => item.id)).size, 5)
  t.ok(result.links.every((item) => item.skipped === undefined && item.id.length <= 256))
  t.end()
})

t.test('mend: links without forwarding graph: wired, unless the old way is asked for', (t) => {
  const text = { functions: abc, links: ['l E-Line a:out b:in'], hasForwardingGraphs: false }
  t.equal(outcome(linkNamed(desire(text), 'l')), undefined)
  const old = desire(text, { settings: { requireForwardingGraphs: true } })
  t.equal(outcome(linkNamed(old, 'l')), 'NO_FORWARDING_GRAPH')
  t.strictSame(old.desired.flows, [])
  t.equal(old.desired.interfaces.length, 9, 'interfaces are there all the same')
  const has = desire({ ...text, hasForwardingGraphs: true }, { settings: { requireForwardingGraphs: true } })
  t.equal(outcome(linkNamed(has, 'l')), undefined)
  t.end()
})

t.test("management on Docker's own network", (t) => {
  const text = {
    functions: [vnf('a', 'in out mgmt!'), vnf('b', 'in out mgmt!'), vnf('c', 'in out mgmt')],
    points: ['ns:mgmt management'],
    links: ['m E-LAN a:mgmt c:mgmt ns:mgmt', 'n E-LAN b:mgmt'],
  }
  const off = desire(text)
  t.strictSame(addresses(off), ['a:mgmt=10.20.0.1/24', 'b:mgmt=10.20.1.1/24', 'c:mgmt=10.20.0.2/24'])
  const on = desire(text, { settings: { dockerManagement: true, deploySaps: true } })
  t.equal(outcome(linkNamed(on, 'm')), 'MANAGEMENT_NETWORK')
  t.strictSame(addresses(on), ['b:mgmt=10.20.0.1/24'], 'only links that reach a management point')
  t.strictSame(
    on.desired.containers.map((item) => item.network),
    [{ kind: 'bridge', interface: 'mgmt' }, { kind: 'none' }, { kind: 'none' }],
  )
  t.strictSame(
    on.desired.interfaces.filter((item) => item.container.includes('.a.')).map((item): string => item.name),
    ['in', 'out'],
  )
  t.strictSame(codes(on), [])
  t.end()
})

t.test('keep: over two switches a chain has a VLAN of its own', (t) => {
  const options = {
    dataCenters: ['dc1', 'dc2', 'dc3'].map((item) => dataCenter(item)),
    trunks: [trunk('dc1-dc2'), trunk('dc2-dc3')],
  }
  const pinned = (id: string, at: string) => ({ vnfId: name.vnf(id), dataCenter: name.object(at) })
  const result = desire(
    { functions: abc, links: ['l1 E-Line a:out b:in', 'l2 E-Line a:out c:in', 'm E-LAN a:mgmt c:mgmt'] },
    { ...options, instance: instance({ functions: [pinned('a', 'dc1'), pinned('b', 'dc3'), pinned('c', 'dc2')] }) },
  )
  t.strictSame(flowTexts(result), [
    'dc1 10 in_port=a:out -> push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk,set_field:4098->vlan_vid,output:trunk',
    'dc2 10 in_port=trunk,dl_vlan=1 -> output:trunk',
    'dc3 10 in_port=trunk,dl_vlan=1 -> pop_vlan,output:b:in',
    'dc3 10 in_port=b:in -> push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk',
    'dc2 10 in_port=trunk,dl_vlan=1 -> output:trunk',
    'dc1 10 in_port=trunk,dl_vlan=1 -> pop_vlan,output:a:out',
    'dc2 10 in_port=trunk,dl_vlan=2 -> pop_vlan,output:c:in',
    'dc2 10 in_port=c:in -> push_vlan:0x8100,set_field:4098->vlan_vid,output:trunk',
    'dc1 10 in_port=trunk,dl_vlan=2 -> pop_vlan,output:a:out',
    'dc1 10 in_port=a:mgmt -> NORMAL',
    'dc2 10 in_port=c:mgmt -> NORMAL',
    'dc1 10 in_port=trunk,dl_vlan=3 -> NORMAL',
    'dc2 10 in_port=trunk,dl_vlan=3 -> NORMAL',
  ])
  t.strictSame(result.fabric.lans, [{ vlan: 3, links: ['dc1-dc2'] }])
  t.strictSame(result.fabric.dataCenters, ['dc1', 'dc2', 'dc3'])
  t.strictSame(
    result.desired.bridges.map((item): string => item.name),
    ['sond-dc1', 'sond-dc2', 'sond-dc3'],
  )
  const flow = result.desired.flows[0]
  t.equal(flow?.needs.length, 2, 'both tags leave by the same trunk')
  t.end()
})

t.test('no way between two data centers', (t) => {
  const pinned = (id: string, at: string) => ({ vnfId: name.vnf(id), dataCenter: name.object(at) })
  const functions = [pinned('a', 'dc1'), pinned('b', 'dc2'), pinned('c', 'dc1')]
  const links = ['l1 E-Line a:out b:in', 'm E-LAN a:mgmt b:mgmt c:mgmt']
  const result = desire(
    { functions: abc, links },
    { dataCenters: [dataCenter('dc1'), dataCenter('dc2')], instance: instance({ functions }) },
  )
  t.equal(outcome(linkNamed(result, 'l1')), 'NO_PATH')
  t.match(linkNamed(result, 'l1').skipped?.text, /dc1 to dc2/u)
  t.equal(outcome(linkNamed(result, 'm')), undefined)
  t.strictSame(
    linkNamed(result, 'm').endpoints.map((end) => end.skipped?.code),
    [undefined, 'NO_PATH', undefined],
  )
  t.strictSame(addresses(result).length, 5, 'addresses stay for when a way is there')
  t.end()
})

t.test('replicas: one address on an E-Line, each its own on an E-LAN', (t) => {
  const functions = [{ vnfId: name.vnf('b'), replicas: 3 }]
  const text = {
    functions: abc,
    links: ['l1 E-Line a:out b:in', 'l2 E-Line b:out c:in', 'm E-LAN a:mgmt b:mgmt c:mgmt'],
  }
  const before = desire(text)
  const result = desire(text, { instance: instance({ functions }), previous: before.allocation })
  t.strictSame(addresses(result), [
    'a:mgmt=10.20.0.1/24',
    'a:out=10.30.0.1/30',
    'b#1:in=10.30.0.2/30',
    'b#1:mgmt=10.20.0.4/24',
    'b#1:out=10.30.1.1/30',
    'b#2:in=10.30.0.2/30',
    'b#2:mgmt=10.20.0.5/24',
    'b#2:out=10.30.1.1/30',
    'b:in=10.30.0.2/30',
    'b:mgmt=10.20.0.2/24',
    'b:out=10.30.1.1/30',
    'c:in=10.30.1.2/30',
    'c:mgmt=10.20.0.3/24',
  ])
  const macs = (port: string): number =>
    new Set(
      result.desired.interfaces
        .filter((item) => item.name === port && item.container.includes('.b.'))
        .map((item) => item.mac),
    ).size
  t.strictSame([macs('in'), macs('out'), macs('mgmt')], [1, 1, 3])
  const untouched = (of: typeof result) =>
    of.desired.interfaces
      .filter((item) => !item.container.includes('.b.'))
      .map((item) => [item.name, item.mac, item.address])
  t.strictSame(untouched(result), untouched(before), 'neighbours keep everything')
  t.end()
})

t.test('a pool that is too small for anything', (t) => {
  const pools = { ...configuration.pools, eline: { ...configuration.pools.eline, count: 0 } }
  const result = desire({ functions: abc, links: ['l E-Line a:out b:in'] }, { settings: { pools } })
  t.equal(outcome(linkNamed(result, 'l')), 'EXHAUSTED')
  t.match(result.notices[0]?.message, /it is too small/u)
  t.strictSame(result.exhausted[0]?.holders, [])
  t.strictSame(result.desired.flows, [])
  t.end()
})
