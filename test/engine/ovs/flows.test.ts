import t from 'tap'
import {
  addLine,
  changedCookie,
  cookieFilter,
  inPortName,
  parseFlow,
  parseFlows,
  removeLine,
  withPortNumber,
} from '../../../src/engine/ovs/flows.ts'
import { makeCookie } from '../../../src/model/cookie.ts'
import { name } from '../../support/build.ts'

const bridge = name.bridge('b0')
const cookie = makeCookie(7, 1)

t.test('reads lines of dump-flows', async (t) => {
  const flow = (line: string) => {
    const { match, actions, priority } = parseFlow(bridge, ` cookie=${cookie}, ${line}`) ?? {}
    return [priority, match, actions]
  }
  t.same(flow('priority=10,in_port=sva actions=output:svb'), [10, 'in_port=sva', 'output:svb'])
  t.same(flow('in_port="sv-a" actions=output:"sv-b"'), [32768, 'in_port=sv-a', 'output:sv-b'])
  t.same(flow('priority=0 actions=NORMAL'), [0, '', 'NORMAL'])
  t.same(flow('duration=1.2s, table=0, n_packets=5, n_bytes=9, priority=3,ip,nw_src=10.0.0.1 actions=drop'), [
    3,
    'ip,nw_src=10.0.0.1',
    'drop',
  ])
  t.same(flow('table=2, idle_timeout=5, priority=3,arp actions=drop'), [3, 'table=2,idle_timeout=5,arp', 'drop'])
  t.same(flow('priority=1,vlan_tci=0x0000/0x1fff actions=learn(table=1,priority=5),output:2'), [
    1,
    'vlan_tci=0x0000/0x1fff',
    'learn(table=1,priority=5),output:2',
  ])
})

t.test('flows without our mark are none of ours', async (t) => {
  const dump = [
    'OFPST_FLOW reply (OF1.4) (xid=0x2):',
    ' cookie=0x0, priority=1 actions=drop',
    ' priority=0 actions=drop',
    ` cookie=${cookie}, priority=1 actions=drop`,
    '',
  ]
  t.same(parseFlows(bridge, dump.join('\n')), [{ bridge, cookie, priority: 1, match: '', actions: 'drop' }])
})

t.test('writes lines of a bundle', async (t) => {
  const flow = { cookie, priority: 10, match: 'in_port=a', actions: 'output:b' }
  t.equal(addLine(flow), `add cookie=${cookie},priority=10,in_port=a,actions=output:b`)
  t.equal(addLine({ ...flow, match: '' }), `add cookie=${cookie},priority=10,actions=output:b`)
  t.equal(removeLine(flow), `delete_strict cookie=${cookie}/-1,priority=10,in_port=a`)
  t.equal(
    removeLine({ ...flow, match: 'table=2,idle_timeout=5,send_flow_rem,in_port=a,ip' }),
    `delete_strict cookie=${cookie}/-1,priority=10,table=2,in_port=a,ip`,
  )
  t.equal(removeLine({ ...flow, match: 'hard_timeout=5' }), `delete_strict cookie=${cookie}/-1,priority=10`)
  for (const match of ['in_port=a\ndelete', 'in_port=a # all', 'in_port="a"', 'in_port=$(a)'])
    t.throws(() => addLine({ ...flow, match }), { code: 'REFUSED' })
})

t.test('asks for all of ours, or those of one instance', async (t) => {
  t.equal(cookieFilter(undefined), 'cookie=0x50dd000000000000/0xffff000000000000')
  t.equal(cookieFilter(255), 'cookie=0x50dd0000ff000000/0xffffffffff000000')
})

t.test('names and numbers of ports', async (t) => {
  t.equal(inPortName('in_port=sva,ip'), 'sva')
  t.equal(inPortName('ip,in_port=7'), undefined)
  t.equal(inPortName('in_port=LOCAL'), undefined)
  t.equal(inPortName('ip'), undefined)
  t.equal(withPortNumber('ip,in_port=sva,tcp', 7), 'ip,in_port=7,tcp')
})

t.test('lines of the flow monitor', async (t) => {
  t.equal(changedCookie(` event=ADDED table=0 cookie=${cookie} in_port=h5`), cookie)
  t.equal(changedCookie(` event=DELETED reason=delete table=0 cookie=${cookie} in_port=h5`), cookie)
  t.equal(changedCookie(' event=ADDED table=0 cookie=0x1'), undefined)
  t.equal(changedCookie('OFPST_FLOW_MONITOR reply (OF1.4) (xid=0x0):'), undefined)
})
