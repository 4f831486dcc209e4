import { readAllocations } from '../../src/desired/read-allocations.ts'
import { demultiplex, jsonLines, linesOf, tailOf } from '../../src/engine/docker/streams.ts'
import { parseForwardRules } from '../../src/engine/netns/forwarding.ts'
import { batchErrors } from '../../src/engine/netns/ip.ts'
import { createMarks, parseDeviceLists, parseDevices } from '../../src/engine/netns/devices.ts'
import { parseChange } from '../../src/engine/netns/monitor.ts'
import { parseMasquerades } from '../../src/engine/netns/nat.ts'
import {
  addLine,
  changedCookie,
  inPortName,
  parseFlows,
  removeLine,
  withPortNumber,
} from '../../src/engine/ovs/flows.ts'
import { createJsonSplitter } from '../../src/engine/ovs/json-stream.ts'
import { createReplica } from '../../src/engine/ovs/replica.ts'
import { EngineError } from '../../src/model/errors.ts'
import { must, parseBridgeName, parseOwner } from '../../src/model/names.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { type Target, bytesOf, jsonValues, promise, textOf, tolerate } from './target.ts'

const bridge = must(parseBridgeName('sond-dc1'), 'sond-dc1')
const owner = must(parseOwner('sond'), 'sond')

const isRefused = (error: unknown): boolean => error instanceof EngineError && error.code === 'REFUSED'

const flows = `OFPST_FLOW reply (OF1.4) (xid=0x2):
 cookie=0x50dd000001000001, duration=1.5s, table=0, n_packets=0, n_bytes=0, priority=10,in_port=svabcdefghijkl actions=output:"svmnopqrstuvwx"
 cookie=0x50dd000001000002, priority=10,in_port="p-1",dl_vlan=7 actions=pop_vlan,output:2
 cookie=0x0, reset_counts priority=0 actions=CONTROLLER:65535,resubmit(,1)
 event=ADDED table=0 cookie=0x50dd000001000001
`

/** What one look at a switch gives, written back: one line for each flow, and nothing but lines of flows. */
const checkFlows = (input: Uint8Array): void => {
  for (const flow of parseFlows(bridge, textOf(input))) {
    const name = inPortName(flow.match)
    promise(
      name === undefined || withPortNumber(flow.match, 7).includes('in_port=7'),
      () => `the port of ${flow.match}`,
    )
    for (const line of [addLine, removeLine]) {
      tolerate(isRefused, () => {
        promise(!line(flow).includes('\n'), () => `two lines for ${JSON.stringify(flow)}`)
      })
    }
  }
  for (const line of textOf(input).split('\n')) changedCookie(line)
}

const devices = JSON.stringify([
  {
    ...{ ifindex: 2, ifname: 'eth0', flags: ['UP'], address: '02:00:00:00:00:01', ifalias: 'sond:sond:demo' },
    ...{ group: '1342177281', link_index: 3, link_netnsid: 0, qdisc: 'netem' },
    addr_info: [{ family: 'inet', local: '10.30.0.1', prefixlen: 30 }],
  },
  {},
])

const checkDevices = (input: Uint8Array): void => {
  const ours = createMarks(owner)
  for (const parse of [parseDevices, parseDeviceLists]) {
    tolerate(isRefused, () => {
      for (const device of parse(textOf(input))) {
        ours.isOurs(device)
        ours.instanceOf(device)
      }
    })
  }
}

const monitor = `[nsid current][LINK]3: svabc@if2: <BROADCAST,UP> mtu 1500 link/ether 02:00:00:00:00:01 brd ff:ff event FEATURE CHANGE \\
[nsid 2][ADDR]Deleted 2: eth0    inet 10.30.0.1/30 scope global eth0
Error: Cannot find device "x"
Command failed -:2
-A FORWARD -s 10.10.0.0/30 -i sb1 -m comment --comment "sond:sond:sb1:10.10.0.0/30" -j ACCEPT
`

const checkTexts = (input: Uint8Array): void => {
  const text = textOf(input)
  for (const line of text.split('\n')) parseChange(line)
  for (const error of batchErrors(3, text)) promise(error !== '', () => 'an error without a text')
  for (const { subnet } of parseForwardRules(owner, text))
    promise(/^[\d./]+$/.test(subnet), () => `a subnet is ${subnet}`)
}

const nft = JSON.stringify({
  nftables: [{ metainfo: { version: '1' } }, { rule: { handle: 3, comment: 'sond sb1 10.10.0.0/30', expr: [] } }],
})

const ovsdb = `${JSON.stringify({
  Open_vSwitch: { a: { new: { bridges: ['set', [['uuid', 'b']]], cur_cfg: 1, datapath_types: ['set', ['netdev']] } } },
  Bridge: {
    b: { new: { name: 'sond-dc1', ports: ['uuid', 'p'], fail_mode: 'secure', external_ids: ['map', [['k', 'v']]] } },
  },
  Port: { p: { old: {}, new: { name: 'sv1', interfaces: ['uuid', 'i'], tag: 7, trunks: ['set', [1, 2]] } } },
  Interface: { i: { new: { name: 'sv1', type: '', ofport: -1, error: 'x', options: ['map', []], ifindex: 3 } } },
})}\n{"id":"echo","method":"echo","params":[]}`

/** The database's words, in pieces as a socket gives them. */
const checkOvsdb = (input: Uint8Array): void => {
  const splitter = createJsonSplitter(1_000_000)
  const replica = createReplica()
  const isDeclared = (error: unknown): boolean => error instanceof SyntaxError || error instanceof RangeError
  tolerate(isDeclared, () => {
    for (let at = 0; at < input.length; at += 7)
      for (const text of splitter.push(input.subarray(at, at + 7))) replica.apply(JSON.parse(text))
  })
  for (const { name } of replica.bridges.values()) promise(typeof name === 'string', () => 'a name that is no text')
}

const frames = Buffer.concat([
  Buffer.from([1, 0, 0, 0, 0, 0, 0, 6]),
  Buffer.from('hello\n'),
  Buffer.from([2, 0, 0, 0, 0, 0, 0, 9]),
  Buffer.from('{"a": 1}\r'),
])

const checkFrames = async (input: Uint8Array): Promise<void> => {
  const chunks = function* (): Generator<Uint8Array> {
    for (let at = 0; at < input.length; at += 5) yield input.subarray(at, at + 5)
  }
  for await (const line of linesOf(demultiplex(chunks()))) promise(!line.includes('\n'), () => 'a line in a line')
  for await (const value of jsonLines(demultiplex([input]))) promise(value !== undefined, () => 'no value')
  const tail = tailOf(demultiplex([input]), 8)
  await tail.ended
  promise(Buffer.byteLength(tail.text()) <= 3 * 8, () => 'more than the end')
}

const port = {
  ...{ instance: 'demo', vnf: 'a', interface: 'in', copy: '0', cookie: '7', replica: '1', datacenter: 'dc1' },
  ...{ link: 'l', vlan: '7', address: '10.30.0.1/30', pool: 'eline', also: '[["m",8]]' },
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string')

/** Marks on ports, which anybody with a hand in the database may have altered. */
const checkMarks = (input: Uint8Array): void => {
  const ports = jsonValues(input).flatMap((marks) => (isTexts(marks) ? [{ externalIds: marks }] : []))
  const { pools } = defaultConfiguration().spec
  for (const { cookie, vlans } of readAllocations([], ports, pools)) {
    promise(cookie >= 1 && cookie < 2 ** 24, () => `a cookie's number is ${cookie}`)
    promise(
      vlans.every(({ vlan }) => vlan >= 1 && vlan <= 4094),
      () => 'a VLAN out of range',
    )
  }
}

/** What engines print and send: it holds names that other programs on the host have chosen. */
export const engineTargets: readonly Target[] = [
  { name: 'flows', seeds: [bytesOf(flows)], run: checkFlows },
  { name: 'devices', seeds: [bytesOf(devices)], run: checkDevices },
  { name: 'ip-texts', seeds: [bytesOf(monitor)], run: checkTexts },
  {
    name: 'nftables',
    seeds: [bytesOf(nft)],
    run: (input) => {
      tolerate(isRefused, () => parseMasquerades(textOf(input)))
    },
  },
  { name: 'ovsdb', seeds: [bytesOf(ovsdb)], run: checkOvsdb },
  { name: 'docker-frames', seeds: [frames], run: checkFrames },
  { name: 'port-marks', seeds: [bytesOf(JSON.stringify(port))], run: checkMarks },
]
