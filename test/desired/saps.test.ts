import t from 'tap'
import { sapKey } from '../../src/desired/identity.ts'
import { name } from '../support/build.ts'
import { addresses, codes, dataCenter, desire, flowTexts, instance, linkNamed, point, trunk, vnf } from './samples.ts'

const abc = [vnf('a', 'in out mgmt'), vnf('b', 'in out mgmt'), vnf('c', 'in out mgmt')]
const saps = { deploySaps: true }
const points = ['ns:mgmt management', 'ns:input external', 'ns:output external']
const demo = {
  functions: abc,
  points,
  links: [
    'l1 E-Line ns:input a:in',
    'l2 E-Line a:out b:in',
    'm E-LAN a:mgmt b:mgmt ns:mgmt',
    'l3 E-Line b:out ns:output',
  ],
}

t.test('keep: without SAPs their links are skipped', (t) => {
  const result = desire(demo)
  t.strictSame(result.saps, [])
  t.match(linkNamed(result, 'l1').skipped, { code: 'END_MISSING', text: 'no SAP is made for ns:input' })
  t.strictSame(addresses(result), [
    'a:mgmt=10.20.0.1/24',
    'a:out=10.30.0.1/30',
    'b:in=10.30.0.2/30',
    'b:mgmt=10.20.0.2/24',
  ])
  t.end()
})

t.test('keep: a container, and two switches of their own', (t) => {
  const result = desire(demo, { settings: saps })
  t.strictSame(addresses(result), [
    'a:in=10.10.0.2/30',
    'a:mgmt=10.20.0.1/24',
    'a:out=10.30.0.1/30',
    'b:in=10.30.0.2/30',
    'b:mgmt=10.20.0.2/24',
    'b:out=10.10.1.2/30',
    'ns_mgmt:mgmt=10.20.0.3/24',
  ])
  t.match(result.desired.containers.at(-1), {
    name: 'sond.demo.0.ns_mgmt.0',
    role: 'sap',
    image: 'sonatanfv/son-emu-sap',
    env: { VNF_NAME: 'ns_mgmt' },
    limits: { cpuset: '', cpuQuota: 1_000_000, memoryBytes: 1024 ** 3 },
  })
  const [, input, output] = result.desired.bridges
  t.match(input, { role: 'sap', dataCenter: 'dc1', instance: 'demo', address: '10.10.0.1/30', nat: '10.10.0.0/30' })
  t.match(output, { role: 'sap', address: '10.10.1.1/30', nat: '10.10.1.0/30' })
  t.strictSame(
    result.desired.patches.map((patch) => patch.ends.map((end) => end.bridge)),
    [
      ['sond-dc1', input?.name],
      ['sond-dc1', output?.name],
    ],
  )
  t.strictSame(flowTexts(result).slice(-4), [
    'sap 10 in_port=LOCAL -> output:patch',
    'sap 10 in_port=patch -> LOCAL',
    'sap 10 in_port=LOCAL -> output:patch',
    'sap 10 in_port=patch -> LOCAL',
  ])
  t.strictSame(result.saps, [
    {
      name: 'ns_mgmt',
      copy: 0,
      type: 'management',
      dataCenter: name.object('dc1'),
      address: name.cidr('10.20.0.3/24'),
      subnet: name.cidr('10.20.0.0/24'),
      container: name.container('sond.demo.0.ns_mgmt.0'),
    },
    {
      name: 'ns_input',
      copy: 0,
      type: 'external',
      dataCenter: name.object('dc1'),
      address: name.cidr('10.10.0.1/30'),
      subnet: name.cidr('10.10.0.0/30'),
    },
    {
      name: 'ns_output',
      copy: 0,
      type: 'external',
      dataCenter: name.object('dc1'),
      address: name.cidr('10.10.1.1/30'),
      subnet: name.cidr('10.10.1.0/30'),
    },
  ])
  t.match(linkNamed(result, 'l1').endpoints[0], { vnf: 'ns_input', address: '10.10.0.1/30' })
  t.strictSame(codes(result), [])
  t.end()
})

t.test('mend: a SAP that no link names is a notice, and so is one of an unknown type', (t) => {
  const result = desire(
    { functions: abc, points: ['ns:x external', 'ns:y internal', 'ns:z interface'], links: [] },
    { settings: saps },
  )
  t.strictSame(codes(result), ['SAP_UNLINKED', 'SAP_UNLINKED', 'SAP_TYPE'])
  t.equal(result.desired.containers.length, 3)
  t.strictSame(
    result.desired.bridges.map((item) => item.role),
    ['datacenter'],
  )
  t.end()
})

t.test('mend: two SAPs on one link', (t) => {
  const result = desire(
    {
      functions: abc,
      points: ['p external', 'q external', 'r internal'],
      links: ['l1 E-Line p q', 'l2 E-Line p r', 'm E-LAN p q a:mgmt', 'l3 E-Line r a:in'],
    },
    { settings: saps },
  )
  t.equal(linkNamed(result, 'l1').skipped?.code, 'SAPS_ONLY')
  t.equal(linkNamed(result, 'l2').skipped?.code, 'SAPS_ONLY')
  t.equal(linkNamed(result, 'm').skipped, undefined)
  t.equal(linkNamed(result, 'm').endpoints[1]?.skipped?.code, 'SECOND_EXTERNAL_SAP')
  t.strictSame(addresses(result), ['a:in=10.30.0.2/30', 'a:mgmt=10.10.0.2/30', 'r:r=10.30.0.1/30'])
  t.end()
})

t.test('mend: an E-LAN with an external SAP: room for all, the SAP keeps the first address', (t) => {
  const result = desire(
    { functions: abc, points: ['ns:mgmt external'], links: ['m E-LAN a:mgmt b:mgmt c:mgmt ns:mgmt'] },
    { settings: saps },
  )
  t.strictSame(addresses(result), ['a:mgmt=10.10.0.2/29', 'b:mgmt=10.10.0.3/29', 'c:mgmt=10.10.0.4/29'])
  t.equal(result.saps[0]?.address, '10.10.0.1/29')
  t.equal(result.desired.patches[0]?.ends[0].vlan, 1, 'the LAN reaches the patch')
  t.equal(result.desired.patches[0]?.ends[1].vlan, undefined)
  t.end()
})

t.test('mend: several E-Lines to one external SAP: every peer has its own address', (t) => {
  const result = desire(
    {
      functions: abc,
      points: ['ns:in external'],
      links: ['l1 E-Line ns:in a:in', 'l2 E-Line b:in ns:in', 'back E-Line a:in ns:in', 'l3 E-Line c:in ns:in'],
    },
    { settings: saps },
  )
  t.strictSame(addresses(result), ['a:in=10.10.0.2/29', 'b:in=10.10.0.3/29', 'c:in=10.10.0.4/29'])
  t.equal(result.desired.patches.length, 4)
  t.strictSame(
    flowTexts(result).filter((text) => text.startsWith('sap') && text.includes('LOCAL ->')),
    ['sap 10 in_port=LOCAL -> output:patch,output:patch,output:patch,output:patch'],
  )
  t.end()
})

t.test('a SAP and a function of one name', (t) => {
  const result = desire(
    { functions: [vnf('in', 'x'), vnf('sap_sap-in', 'x')], points: ['in internal'], links: ['l1 E-Line in in:x'] },
    { settings: saps },
  )
  t.strictSame(codes(result), ['SAP_RENAMED'])
  t.equal(new Set(result.desired.containers.map((item) => item.name)).size, 3)
  t.equal(linkNamed(result, 'l1').skipped, undefined)
  t.match(sapKey('no good name!'), /^sap_no-good-name--[a-z2-7]{6}$/u)
  t.end()
})

t.test("management SAPs are left out on Docker's own network", (t) => {
  const result = desire(demo, { settings: { ...saps, dockerManagement: true } })
  t.strictSame(
    result.saps.map((sap) => sap.name),
    ['ns_input', 'ns_output'],
  )
  t.end()
})

t.test('keep: where SAPs stand, by policy', (t) => {
  const dataCenters = ['dc1', 'dc2', 'dc3'].map((item) => dataCenter(item))
  const trunks = [trunk('dc1-dc2'), trunk('dc2-dc3')]
  const text = {
    functions: abc,
    points: ['ns:i external', 'ns:m internal', 'ns:x internal'],
    links: ['m E-LAN c:mgmt ns:m', 'l E-Line ns:i b:in', 'n E-LAN ns:x gone:y'],
  }
  const places = (placement: 'First' | 'RoundRobin' | 'RoundRobinWithSaps') =>
    desire(text, { dataCenters, trunks, settings: { ...saps, placement } }).saps.map(
      (sap) => `${sap.name} ${sap.dataCenter ?? ''}`,
    )
  t.strictSame(places('First'), ['ns_i dc1', 'ns_m dc1', 'ns_x dc1'])
  t.strictSame(places('RoundRobin'), ['ns_i dc3', 'ns_m dc1', 'ns_x dc2'], 'their turn comes after the functions')
  t.strictSame(places('RoundRobinWithSaps'), ['ns_i dc2', 'ns_m dc3', 'ns_x dc1'], 'beside the function they serve')
  t.end()
})

t.test('a SAP without a place, a SAP pool without a subnet', (t) => {
  const full = [dataCenter('dc1', { cpu: 3 })]
  const noRoom = desire(demo, { dataCenters: full, settings: saps })
  t.match(noRoom.saps[0], { name: 'ns_mgmt', dataCenter: undefined, problem: /capacity/u })
  t.equal(noRoom.saps[0]?.container, undefined)
  const base = desire(demo, { settings: saps })
  t.ok(base.allocation)
  const taken = desire(demo, {
    settings: saps,
    ledger: { allocations: new Map(), reserved: [{ subnet: name.cidr('10.10.0.0/16'), holder: 'route via eth0' }] },
  })
  t.match(taken.saps[1], { name: 'ns_input', subnet: undefined, problem: /no subnet left/u })
  t.strictSame(
    taken.desired.bridges.map((item) => item.role),
    ['datacenter'],
  )
  t.equal(linkNamed(taken, 'l1').skipped?.code, 'EXHAUSTED')
  t.match(taken.exhausted[0], { pool: 'sap', holders: ['route via eth0'] })
  t.end()
})

t.test('an external SAP keeps to its data center, also one that no function stands in', (t) => {
  const dataCenters = [dataCenter('dc1', { cpu: 0 })]
  const result = desire(demo, { dataCenters, settings: saps })
  t.strictSame(result.desired.containers, [])
  t.equal(linkNamed(result, 'l1').skipped?.code, 'END_NOT_PLACED')
  t.strictSame(
    result.saps.map((sap) => sap.dataCenter),
    [undefined, 'dc1', 'dc1'],
  )
  t.end()
})

t.test('mend: copies have their own SAPs', (t) => {
  const result = desire(demo, { settings: saps, instance: instance({ replicas: 2 }) })
  t.equal(new Set(result.desired.bridges.map((item) => item.name)).size, 5)
  t.strictSame(
    result.saps.filter((sap) => sap.type === 'external').map((sap) => sap.subnet),
    ['10.10.0.0/30', '10.10.1.0/30', '10.10.2.0/30', '10.10.3.0/30'],
  )
  t.end()
})

t.test('keep: points without colon', (t) => {
  t.match(point('input external'), { name: 'input', interfaceName: 'input' })
  const result = desire(
    { functions: abc, points: ['input external'], links: ['l E-Line input a:in'] },
    { settings: saps },
  )
  t.strictSame(addresses(result), ['a:in=10.10.0.2/30'])
  t.end()
})
