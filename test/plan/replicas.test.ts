import t from 'tap'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createHands } from '../../src/engine/memory/hands.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import type { DesiredState } from '../../src/model/desired.ts'
import { stepId } from '../../src/plan/ids.ts'
import { flowToHave, portsOfFlow } from '../../src/plan/replicas.ts'
import { builder, name } from '../support/build.ts'
import { calm, converge } from '../support/converge.ts'

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })

const ports = (text: string) => text.split(' ').map(name.port)

const flow = (actions: string, ...replicas: readonly string[]) =>
  build.flow('a', 'b', 'sond-dc1', 'l', { actions, needs: ports('a'), replicas: replicas.map(ports) })

const always = (): boolean => true

t.test('a flow spreads over the replicas that are there', (t) => {
  const cases: readonly [string, ReturnType<typeof flow>, string, string | undefined][] = [
    ['all there', flow('bundle(x,members:p,q,r)', 'p q r'), '', 'bundle(x,members:p,q,r)'],
    ['the first is gone', flow('bundle(x,members:p,q,r)', 'p q r'), 'p', 'bundle(x,members:q,r)'],
    ['the last is gone', flow('bundle(x,members:p,q,r)', 'p q r'), 'r', 'bundle(x,members:p,q)'],
    ['all but one', flow('bundle(x,members:p,q,r),resubmit(,2)', 'p q r'), 'p r', 'bundle(x,members:q),resubmit(,2)'],
    ['every one', flow('bundle(x,members:p,q)', 'p q'), 'p q', undefined],
    ['to all of them', flow('output:p,output:q,output:r', 'p q r'), 'q', 'output:p,output:r'],
    ['a name that begins like another', flow('output:p,output:pp', 'p pp'), 'p', 'output:pp'],
    ['beside other actions', flow('pop_vlan,output:p,output:q,NORMAL', 'p q'), 'p', 'pop_vlan,output:q,NORMAL'],
    ['no port named', flow('ct(table=1,zone=9)', 'p q'), 'q', 'ct(table=1,zone=9)'],
    ['two lists', flow('output:p,output:q,output:r,output:s', 'p q', 'r s'), 'p s', 'output:q,output:r'],
    ['all of one list', flow('output:p,output:q,output:r', 'p q', 'r'), 'r', undefined],
    ['what it needs is gone', flow('output:p,output:q', 'p q'), 'a', undefined],
  ]
  for (const [title, wanted, gone, actions] of cases) {
    const lost = new Set(gone.split(' '))
    t.equal(flowToHave(wanted, (port) => !lost.has(port), always)?.actions, actions, title)
  }
  t.strictSame(flowToHave(flow('output:p,output:q', 'p q'), (port) => port !== 'p', always)?.replicas, [['q']])
  t.end()
})

t.test('new connections go to replicas that are well', (t) => {
  const cases: readonly [string, string, string, string, string | undefined][] = [
    ['all well', 'bundle(x,members:p,q,r)', '', '', 'bundle(x,members:p,q,r)'],
    ['one is not', 'bundle(x,members:p,q,r)', '', 'q', 'bundle(x,members:p,r)'],
    ['one is not, another is gone', 'bundle(x,members:p,q,r)', 'p', 'q', 'bundle(x,members:r)'],
    ['none that is there is well', 'bundle(x,members:p,q,r)', 'p', 'q r', 'bundle(x,members:q,r)'],
    ['none is well', 'bundle(x,members:p,q,r)', '', 'p q r', 'bundle(x,members:p,q,r)'],
    ['all are gone', 'bundle(x,members:p,q,r)', 'p q r', 'q', undefined],
    ['what all shall hear they hear', 'output:p,output:q,output:r', '', 'q', 'output:p,output:q,output:r'],
    ['but those that are gone', 'output:p,output:q,output:r', 'r', 'q', 'output:p,output:q'],
  ]
  for (const [title, actions, gone, unwell, expected] of cases) {
    const [lost, sick] = [new Set(gone.split(' ')), new Set(unwell.split(' '))]
    const had = flowToHave(
      flow(actions, 'p q r'),
      (port) => !lost.has(port),
      (port) => !sick.has(port),
    )
    t.equal(had?.actions, expected, title)
  }
  t.end()
})

t.test('a flow without replicas is all or nothing', (t) => {
  const plain = build.flow('a', 'b', 'sond-dc1')
  t.equal(flowToHave(plain, always, always), plain)
  t.equal(
    flowToHave(plain, (port) => port !== 'b', always),
    undefined,
  )
  t.strictSame(portsOfFlow(plain), ['a', 'b'])
  t.end()
})

t.test('every port that a flow names, once', (t) => {
  t.strictSame(portsOfFlow(flow('x', 'p q', 'q a')), ['a', 'p', 'q'])
  t.end()
})

/** A function and its neighbour of three replicas. */
const service = (): DesiredState => {
  const containers = ['a', 'p', 'q', 'r'].map((vnf) => build.container(vnf))
  const shared = 'bundle(symmetric_l3l4,0,hrw,ofport,members:svp,svq,svr)'
  const more = { actions: shared, needs: ports('sva'), replicas: [ports('svp svq svr')] }
  return build.state({
    bridges: [build.bridge('sond-dc1')],
    containers,
    interfaces: containers.map((one) => build.wire(one, 'in', `sv${one.vnf}`, 'sond-dc1')),
    flows: [
      build.flow('sva', 'svp', 'sond-dc1', 'l', more),
      ...['svp', 'svq', 'svr'].map((port) => build.flow(port, 'sva', 'sond-dc1', 'l')),
    ],
  })
}

t.test('replicas that may not start are left out of the flows, and taken in when they may', async (t) => {
  const engines = createMemoryEngines({ owner: 'sond', world: createWorld({ datapath: 'netdev' }) })
  const held = (...vnfs: readonly string[]) => ({
    ...calm,
    heldBack: new Map(vnfs.map((vnf) => [name.container(`sond.demo.0.${vnf}.0`), 'it crashed'])),
  })
  const spread = async (...vnfs: readonly string[]) => {
    await converge(service(), engines, { cookie: 7, policy: held(...vnfs) })
    const { flows } = await engines.switches.observe({ cookie: 7 }, [name.bridge('sond-dc1')])
    return flows.find(({ match }) => match === 'in_port=sva')?.actions.replace(/^.*members:/u, '')
  }
  t.equal(await spread('p', 'q', 'r'), undefined, 'none is there')
  t.equal(await spread('q'), 'svp,svr)')
  t.equal(await spread(), 'svp,svq,svr)')
})

t.test('replicas whose check does not pass get no new connections', async (t) => {
  const world = createWorld({ datapath: 'netdev' })
  const hands = createHands(world)
  const engines = createMemoryEngines({ owner: 'sond', world })
  const container = (vnf: string): string => `sond.demo.0.${vnf}.0`
  const spread = async (title: string, expected: string): Promise<void> => {
    await converge(service(), engines, { cookie: 7 })
    const { flows } = await engines.switches.observe({ cookie: 7 }, [name.bridge('sond-dc1')])
    t.equal(flows.find(({ match }) => match === 'in_port=sva')?.actions.replace(/^.*members:/u, ''), expected, title)
  }
  world.images.checked.add('img:1')
  const outcomes = await converge(service(), engines, { cookie: 7 }, 1)
  const order = outcomes.map(({ step }) => step.kind)
  t.ok(order.lastIndexOf('openGate') < order.indexOf('changeFlows'), 'their programs run before they get any')
  const spreading = outcomes
    .flatMap(({ step }) => (step.kind === 'changeFlows' ? step.changes : []))
    .filter(({ flow }) => 'replicas' in flow)
  t.ok(spreading.length > 0)
  for (const { after } of spreading)
    t.same(
      new Set(['p', 'q', 'r'].map((vnf) => stepId.gate(name.container(container(vnf))))).difference(new Set(after)),
      new Set(),
      'nor where one does not start',
    )
  await spread('none has passed it yet: all of them', 'svp,svq,svr)')
  hands.setHealth(container('q'), 'healthy')
  await spread('the one that has', 'svq)')
  for (const vnf of ['p', 'r']) hands.setHealth(container(vnf), 'healthy')
  await spread('all have', 'svp,svq,svr)')
  hands.setHealth(container('q'), 'unhealthy')
  await spread('one fails', 'svp,svr)')
  hands.kill(container('r'))
  await spread('one starts anew', 'svp)')
  hands.removeContainer(container('p'))
  await spread('the last one is made anew: none is well', 'svp,svq,svr)')
  for (const vnf of ['p', 'q', 'r']) hands.setHealth(container(vnf), 'healthy')
  await spread('all are again', 'svp,svq,svr)')
})
