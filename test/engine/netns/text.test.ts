import t from 'tap'
import { createMarks, parseDeviceLists, parseDevices } from '../../../src/engine/netns/devices.ts'
import { batchErrors } from '../../../src/engine/netns/ip.ts'
import { parseChange } from '../../../src/engine/netns/monitor.ts'
import { tableName } from '../../../src/engine/netns/nat.ts'
import { parseForwardRules } from '../../../src/engine/netns/forwarding.ts'
import { netemArguments, tbfArguments } from '../../../src/engine/netns/trunks.ts'
import { name } from '../../support/build.ts'

t.test('errors of a batch belong to the lines they are about', async (t) => {
  const stderr = [
    'RTNETLINK answers: File exists',
    'Command failed -:1',
    'Error: first',
    'Error: second',
    'Command failed -:3',
    '',
  ]
  t.same(batchErrors(4, stderr.join('\n')), [
    'RTNETLINK answers: File exists',
    undefined,
    'Error: first; Error: second',
    undefined,
  ])
})

t.test('lines of the monitor', async (t) => {
  const flags = '<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500'
  t.match(parseChange(`[nsid current][LINK]4: h1@if2: ${flags} \\    link/ether d6:2f:43:12:67:bd link-netnsid 0`), {
    nsid: undefined,
    what: 'link',
    deleted: false,
    ifindex: 4,
    name: 'h1',
    features: false,
  })
  t.match(parseChange(`[nsid 12][LINK]Deleted 2: output@NONE: ${flags}`), { nsid: 12, deleted: true, name: 'output' })
  t.match(parseChange(`[nsid 0][LINK]2: input@if4: ${flags} group default event FEATURE CHANGE \\    link`), {
    features: true,
  })
  t.match(parseChange('[nsid 0][ADDR]Deleted 2: lo    inet 10.30.0.1/30 scope global input\\       valid'), {
    what: 'address',
    deleted: true,
  })
  t.equal(parseChange('[nsid 0][ADDR]2: lo    inet6 fe80::1/64 scope link \\       valid'), undefined)
  t.equal(parseChange('Unknown message'), undefined)
})

t.test('devices as ip prints them', async (t) => {
  t.same(parseDevices(''), [])
  t.same(parseDevices('[{},{}]'), [], 'a device without address of the family is an empty object')
  t.throws(() => parseDevices('Device does not exist'), { code: 'REFUSED' })
  const line = JSON.stringify([{ ifindex: 4, ifname: 'a', flags: ['UP'], link_index: 2, link_netnsid: 0 }])
  t.same(
    parseDeviceLists(`${line}\n\n${line}`).map((device) => device.link_index),
    [2, 2],
  )
})

t.test('marks', async (t) => {
  const marks = createMarks(name.owner('sond'))
  const other = createMarks(name.owner('sond2'))
  const [device] = parseDevices('[{"ifindex":1,"ifname":"a"}]')
  if (device === undefined) throw new Error('a device')
  const demo = { ...device, ifalias: marks.alias(name.object('demo')) }
  t.equal(demo.ifalias, 'sond:sond:demo')
  t.ok(marks.isOurs(demo))
  t.notOk(other.isOurs(demo))
  t.equal(marks.instanceOf(demo), 'demo')
  t.equal(marks.instanceOf({ ...device, ifalias: marks.alias(undefined) }), undefined)
  t.ok(marks.isOurs({ ...device, group: marks.group }), 'half made')
  t.notOk(marks.isOurs({ ...device, group: marks.group, ifalias: 'mine' }))
  t.not(marks.group, other.group)
  t.notOk(marks.isOurs(device))
})

t.test('tables of two owners differ', async (t) => {
  t.equal(tableName(name.owner('sond')), 'sond_sond')
  t.not(tableName(name.owner('a-b')), tableName(name.owner('a.b')))
  t.match(tableName(name.owner('a-b.c_d')), /^[A-Za-z0-9_]+$/)
})

t.test('shaping', async (t) => {
  t.same(netemArguments({ delayMs: 10, jitterMs: 1, lossPercent: 0.1, bandwidthBitsPerSecond: 100_000_000 }), [
    ...['netem', 'limit', '1092', 'delay', '10ms', '1ms', 'loss', '0.1%', 'rate', '100000000bit'],
  ])
  t.same(netemArguments({ lossPercent: 5 }), ['netem', 'limit', '1000', 'loss', '5%'])
  t.same(tbfArguments(1_000_000), ['tbf', 'rate', '1000000bit', 'burst', '65536', 'latency', '50ms'])
})

t.test('passages through the FORWARD chain', async (t) => {
  const text = [
    '-P FORWARD DROP',
    '-A FORWARD -d 10.10.0.0/30 -o sbx -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "sond:sond:sbx:10.10.0.0/30" -j ACCEPT',
    '-A FORWARD -s 10.10.0.0/30 -i sbx -m comment --comment sond:sond:sbx:10.10.0.0/30 -j ACCEPT',
    '-A FORWARD -s 10.10.0.0/30 -i sby -m comment --comment "sond:other:sby:10.10.0.0/30" -j ACCEPT',
    '-A FORWARD -i docker0 -m comment --comment "mine" -j ACCEPT',
    '-A OTHER -i sbx -m comment --comment "sond:sond:sbx:10.10.0.0/30" -j ACCEPT',
  ].join('\n')
  t.same(parseForwardRules(name.owner('sond'), text), [
    { way: 'back', bridge: 'sbx', subnet: '10.10.0.0/30' },
    { way: 'out', bridge: 'sbx', subnet: '10.10.0.0/30' },
  ])
})
