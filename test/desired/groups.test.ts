import t from 'tap'
import { groupRules, groupZones, makeGroup } from '../../src/desired/groups.ts'
import type { DesireResult } from '../../src/desired/result.ts'
import { name } from '../support/build.ts'
import { dataCenter, desire, flowTexts, instance, trunk, vnf, type Options } from './samples.ts'

const abc = [vnf('a', 'in out'), vnf('b', 'in out'), vnf('c', 'in out')]

const chain = ['l1 E-Line a:out b:in', 'l2 E-Line b:out c:in']

/** The chain with so many replicas of each function. */
const scaled = (counts: Readonly<Record<string, number>>, links = chain, options: Options = {}): DesireResult => {
  const functions = Object.entries(counts).map(([id, replicas]) => ({ vnfId: name.vnf(id), replicas }))
  return desire({ functions: abc, links }, { instance: instance({ functions }), ...options })
}

/** Zones and metadata by number in the order in which they occur: `Z1`, `M1`. */
const readable = (texts: readonly string[]): readonly string[] => {
  const seen = new Map<string, string>()
  const named = (letter: string, value: string): string => {
    const key = `${letter} ${value}`
    const count = [...seen.keys()].filter((one) => one.startsWith(letter)).length
    seen.set(key, seen.get(key) ?? `${letter}${count + 1}`)
    return seen.get(key) ?? ''
  }
  return texts.map((text) =>
    text
      .replaceAll(/zone=(\d+)/gu, (_, zone: string) => `zone=${named('Z', zone)}`)
      .replaceAll(
        /set_field:(0x\w+)->metadata|metadata=(0x\w+)/gu,
        (whole, set: string | undefined, match: string | undefined) =>
          whole.replace(/0x\w+/u, named('M', set ?? match ?? '')),
      ),
  )
}

t.test('a scaled function: what comes to it and from it', (t) => {
  const texts = readable(flowTexts(scaled({ b: 2 }, ['l1 E-Line a:out b:in'])))
  t.strictSame(texts, [
    'dc1 10 in_port=a:out -> bundle(symmetric_l3l4,0,hrw,ofport,members:b:in,b#1:in)',
    'dc1 11 arp,in_port=a:out -> output:b:in,output:b#1:in',
    'dc1 11 ip,in_port=a:out -> set_field:M1->metadata,ct(table=1,zone=Z1)',
    'dc1 11 ipv6,in_port=a:out -> set_field:M1->metadata,ct(table=1,zone=Z1)',
    'dc1 12 icmp6,in_port=a:out,icmp_type=135 -> output:b:in,output:b#1:in',
    'dc1 12 icmp6,in_port=a:out,icmp_type=136 -> output:b:in,output:b#1:in',
    'dc1 10 in_port=b:in -> output:a:out',
    'dc1 11 ip,in_port=b:in -> ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:a:out',
    'dc1 11 ipv6,in_port=b:in -> ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:a:out',
    'dc1 10 in_port=b#1:in -> output:a:out',
    'dc1 11 ip,in_port=b#1:in -> ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),output:a:out',
    'dc1 11 ipv6,in_port=b#1:in -> ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),output:a:out',
    'dc1 10 table=1,ct_mark=0,metadata=M1 -> bundle_load(symmetric_l3l4,0,hrw,ofport,NXM_OF_IN_PORT[],members:b:in,b#1:in),resubmit(,2)',
    'dc1 11 table=1,ct_mark=0,udp,metadata=M1,nw_frag=no -> bundle_load(symmetric_l3l4+udp,0,hrw,ofport,NXM_OF_IN_PORT[],members:b:in,b#1:in),resubmit(,2)',
    'dc1 11 table=1,ct_mark=0,udp6,metadata=M1,nw_frag=no -> bundle_load(symmetric_l3l4+udp,0,hrw,ofport,NXM_OF_IN_PORT[],members:b:in,b#1:in),resubmit(,2)',
    'dc1 11 table=1,ct_mark=0,tcp,metadata=M1,tcp_flags=-syn -> bundle_load(eth_src,0,active_backup,ofport,NXM_OF_IN_PORT[],members:b:in),resubmit(,2)',
    'dc1 11 table=1,ct_mark=0,tcp6,metadata=M1,tcp_flags=-syn -> bundle_load(eth_src,0,active_backup,ofport,NXM_OF_IN_PORT[],members:b:in),resubmit(,2)',
    'dc1 12 table=1,ct_mark=0x1,metadata=M1 -> bundle_load(eth_src,0,active_backup,ofport,NXM_OF_IN_PORT[],members:b:in),resubmit(,2)',
    'dc1 12 table=1,ct_mark=0x2,metadata=M1 -> bundle_load(eth_src,0,active_backup,ofport,NXM_OF_IN_PORT[],members:b#1:in),resubmit(,2)',
    'dc1 9 table=1,ip,metadata=M1 -> ct(table=3,zone=Z1)',
    'dc1 9 table=1,ipv6,metadata=M1 -> ct(table=3,zone=Z1)',
    'dc1 9 table=2,ip,metadata=M1 -> ct(table=3,zone=Z1)',
    'dc1 9 table=2,ipv6,metadata=M1 -> ct(table=3,zone=Z1)',
    'dc1 10 table=3,metadata=M1 -> bundle(symmetric_l3l4,0,hrw,ofport,members:b:in,b#1:in)',
    'dc1 10 table=2,ip,metadata=M1,in_port=b:in -> set_field:0->in_port,ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:b:in',
    'dc1 10 table=2,ipv6,metadata=M1,in_port=b:in -> set_field:0->in_port,ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:b:in',
    'dc1 10 table=2,ip,metadata=M1,in_port=b#1:in -> set_field:0->in_port,ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),output:b#1:in',
    'dc1 10 table=2,ipv6,metadata=M1,in_port=b#1:in -> set_field:0->in_port,ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),output:b#1:in',
  ])
  t.end()
})

t.test('which rules count on which ports', (t) => {
  const { desired } = scaled({ b: 2 }, ['l1 E-Line a:out b:in'])
  const told = new Map(
    desired.interfaces.map((one) => [one.port, one.container.replace(/^.*\.(\w+)\.(\d+)$/u, '$1$2')]),
  )
  const counts = desired.flows.map(({ needs, replicas }) => {
    const spread = (replicas ?? []).map((ports) => ports.map((port) => told.get(port)).join('|'))
    return [...needs.map((port) => told.get(port)), ...spread].join(' ')
  })
  t.strictSame(
    [...new Set(counts)],
    ['a0 b0|b1', 'b0 a0', 'b1 a0', 'b0|b1', 'b0', 'b1'],
    'none that spreads needs all replicas',
  )
  t.ok(desired.flows.every(({ copy, link }) => copy === 0 && link === 'l1'))
  t.end()
})

t.test('one replica needs none of this', (t) => {
  t.notMatch(flowTexts(scaled({ b: 1 })).join('\n'), /table=|ct\(|bundle|arp/u)
  t.end()
})

t.test('scaled neighbours: each side is tracked for itself', (t) => {
  const texts = readable(flowTexts(scaled({ a: 2, b: 3 }, ['l1 E-Line a:out b:in'])))
  t.ok(
    texts.includes(
      'dc1 11 ip,in_port=a#1:out -> ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),set_field:M1->metadata,ct(table=1,zone=Z2)',
    ),
    'first whose it is, then whose it shall be',
  )
  t.ok(
    texts.includes(
      'dc1 11 ip,in_port=b#2:in -> ct(commit,zone=Z2,exec(set_field:0x3->ct_mark)),set_field:M2->metadata,ct(table=1,zone=Z1)',
    ),
  )
  t.equal(texts.filter((text) => text.includes('dc1 9 table=2')).length, 4)
  t.end()
})

t.test('one way only', (t) => {
  const one = flowTexts(scaled({ b: 2 }, ['l1 E-Line a:out b:in'], { settings: { bidirectional: false } }))
  t.equal(one.length, 6 + 16, 'nothing comes from the replicas')
  const other = readable(flowTexts(scaled({ b: 2 }, ['l1 E-Line b:in a:out'], { settings: { bidirectional: false } })))
  t.strictSame(other.slice(1, 3), [
    'dc1 11 ip,in_port=b:in -> ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:a:out',
    'dc1 11 ipv6,in_port=b:in -> ct(commit,zone=Z1,exec(set_field:0x1->ct_mark)),output:a:out',
  ])
  t.equal(other.length, 6, 'nothing comes to them')
  const pair = ['l1 E-Line a:out b:in', 'back E-Line b:in a:out']
  t.strictSame(
    new Set(flowTexts(scaled({ b: 2 }, pair, { settings: { bidirectional: false } }))),
    new Set(flowTexts(scaled({ b: 2 }, ['l1 E-Line a:out b:in']))),
    'a second link for the way back is the same as one for both',
  )
  t.end()
})

t.test('two links on a scaled interface are one group', (t) => {
  const texts = readable(flowTexts(scaled({ b: 2 }, ['l1 E-Line a:out b:in', 'l2 E-Line c:out b:in'])))
  t.equal(texts.filter((text) => text.includes('table=1,ct_mark=0,metadata=')).length, 1)
  t.ok(texts.includes('dc1 11 ip,in_port=c:out -> set_field:M1->metadata,ct(table=1,zone=Z1)'))
  t.ok(
    texts.includes(
      'dc1 11 ip,in_port=b#1:in -> ct(commit,zone=Z1,exec(set_field:0x2->ct_mark)),output:a:out,output:c:out',
    ),
  )
  t.end()
})

t.test('over a trunk they are chosen where they are', (t) => {
  const pinned = (id: string, at: string, replicas = 1) => ({
    vnfId: name.vnf(id),
    dataCenter: name.object(at),
    replicas,
  })
  const functions = [pinned('a', 'dc1'), pinned('b', 'dc2', 2), pinned('c', 'dc1')]
  const texts = readable(
    flowTexts(
      scaled({}, ['l1 E-Line a:out b:in'], {
        instance: instance({ functions }),
        dataCenters: [dataCenter('dc1'), dataCenter('dc2')],
        trunks: [trunk('dc1-dc2')],
      }),
    ),
  )
  t.strictSame(
    texts.filter((text) => !/ table=[123],/u.test(text)),
    [
      'dc1 10 in_port=a:out -> push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk',
      'dc2 10 in_port=trunk,dl_vlan=1 -> pop_vlan,bundle(symmetric_l3l4,0,hrw,ofport,members:b:in,b#1:in)',
      'dc2 11 arp,in_port=trunk,dl_vlan=1 -> pop_vlan,output:b:in,output:b#1:in',
      'dc2 11 ip,in_port=trunk,dl_vlan=1 -> pop_vlan,set_field:M1->metadata,ct(table=1,zone=Z1)',
      'dc2 11 ipv6,in_port=trunk,dl_vlan=1 -> pop_vlan,set_field:M1->metadata,ct(table=1,zone=Z1)',
      'dc2 12 icmp6,in_port=trunk,dl_vlan=1,icmp_type=135 -> pop_vlan,output:b:in,output:b#1:in',
      'dc2 12 icmp6,in_port=trunk,dl_vlan=1,icmp_type=136 -> pop_vlan,output:b:in,output:b#1:in',
      'dc2 10 in_port=b:in -> push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk',
      ...[0, 1].flatMap((replica) => {
        const port = replica === 0 ? 'b:in' : 'b#1:in'
        const mark = `ct(commit,zone=Z1,exec(set_field:0x${replica + 1}->ct_mark))`
        const plain = `dc2 10 in_port=${port} -> push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk`
        const tracked = ['ip', 'ipv6'].map(
          (family) =>
            `dc2 11 ${family},in_port=${port} -> ${mark},push_vlan:0x8100,set_field:4097->vlan_vid,output:trunk`,
        )
        return replica === 0 ? tracked : [plain, ...tracked]
      }),
      'dc1 10 in_port=trunk,dl_vlan=1 -> pop_vlan,output:a:out',
    ],
  )
  t.ok(texts.filter((text) => / table=[12],/u.test(text)).every((text) => text.startsWith('dc2 ')))
  t.end()
})

t.test('groups of two instances have no rule in common', (t) => {
  const places = (result: DesireResult): readonly string[] =>
    result.desired.flows.map((flow) => `${flow.priority} ${flow.match}`)
  const first = scaled({ b: 2 })
  const second = scaled({ b: 2 }, chain, {
    instance: instance({ functions: [{ vnfId: name.vnf('b'), replicas: 2 }] }, 'other'),
  })
  t.strictSame(
    places(first).filter((place) => places(second).includes(place)),
    [],
  )
  t.end()
})

t.test('zones: unique in an instance, whatever the order, and in range', (t) => {
  // So many that their hashes meet.
  const keys = Array.from({ length: 3000 }, (_, index) => `0/f${index}//in`)
  const zones = groupZones(7, keys)
  t.equal(new Set(zones.values()).size, keys.length)
  t.ok([...zones.values()].every((zone) => zone >= 1 && zone <= 65535))
  t.strictSame(groupZones(7, [...keys].reverse()), zones)
  t.strictSame(groupZones(7, [...keys, ...keys]), zones, 'named twice is named once')
  t.not(groupZones(8, ['0/f//in']).get('0/f//in'), groupZones(7, ['0/f//in']).get('0/f//in'))
  t.end()
})

t.test('marks and metadata are written as the switch prints them', (t) => {
  const ports = Array.from({ length: 16 }, (_, index) => name.port(`p${index}`))
  const group = makeGroup(ports, 0xfffe, 0xffffff)
  t.equal(group.metadata, '0xfffffffffe')
  t.match(groupRules(group).at(-1)?.actions, /set_field:0x10->ct_mark/u)
  t.end()
})
