import t from 'tap'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createHands } from '../../src/engine/memory/hands.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import type { DesiredState } from '../../src/model/desired.ts'
import { observe } from '../../src/observe/observe.ts'
import { builder, name } from '../support/build.ts'
import { converge } from '../support/converge.ts'

const make = (instance: string, cookie: number, prefix: string) => {
  const build = builder({ owner: 'sond', instance, cookie })
  const dc1 = build.bridge('sond-dc1')
  const fw = build.container('fw')
  const desired: DesiredState = build.state({
    bridges: [dc1, build.sapBridge(`${prefix}sap`, '10.10.0.1/30', '10.10.0.0/30')],
    containers: [fw],
    interfaces: [build.wire(fw, 'out', `${prefix}out`, dc1.name, { address: name.cidr('10.30.0.1/30') })],
    flows: [build.flow(`${prefix}out`, `${prefix}out`, dc1.name, 'lan', { actions: 'NORMAL' })],
  })
  return { build, desired, nothing: build.state() }
}

const demo = make('demo', 7, 'd')
const other = make('other', 8, 'e')
const fabric: DesiredState = { ...demo.nothing, scope: { kind: 'fabric' }, bridges: [demo.build.bridge('sond-dc1')] }

const setUp = async () => {
  const world = createWorld({ datapath: 'netdev' })
  const engines = createMemoryEngines({ owner: 'sond', world })
  await converge(demo.desired, engines, { cookie: 7 })
  await converge(other.desired, engines, { cookie: 8 })
  return { world, engines, hands: createHands(world) }
}

const names = (list: readonly { readonly name: string }[]): readonly string[] => list.map((one) => one.name).sort()

t.test('an instance is seen with all that is its own, and nothing else', async (t) => {
  const { engines } = await setUp()
  const actual = await observe(demo.desired, engines, 7)
  t.same(names(actual.containers), ['sond.demo.0.fw.0'])
  t.same(names(actual.ports), ['dout'])
  t.match(actual.wires, [{ port: 'dout', inner: { addresses: ['10.30.0.1/30'] } }])
  t.match(actual.flows, [{ match: 'in_port=dout' }])
  t.same(names(actual.bridges), ['dsap', 'sond-dc1'])
  t.match(
    actual.bridges.find((one) => one.name === 'dsap'),
    { addresses: ['10.10.0.1/30'] },
  )
  t.match(actual.natRules, [{ bridge: 'dsap', subnet: '10.10.0.0/30' }])
  t.same(actual.conflicts, [])
})

t.test('an instance that shall go is seen in full, its number known or not', async (t) => {
  const { engines } = await setUp()
  for (const cookie of [7, 0]) {
    const actual = await observe(demo.nothing, engines, cookie)
    t.same(names(actual.containers), ['sond.demo.0.fw.0'])
    t.same(names(actual.ports), ['dout'])
    t.match(actual.wires, [{ port: 'dout' }])
    t.match(actual.flows, [{ match: 'in_port=dout' }], `cookie ${cookie}`)
    t.same(names(actual.bridges), ['dsap'])
    t.match(actual.natRules, [{ bridge: 'dsap' }])
  }
})

t.test('an instance of which nothing is there', async (t) => {
  const engines = createMemoryEngines({ owner: 'sond' })
  const actual = await observe(demo.nothing, engines, 0)
  t.same([actual.containers, actual.ports, actual.wires, actual.flows, actual.bridges, actual.natRules].flat(), [])
})

t.test('the fabric is what is no instance’s', async (t) => {
  const { engines, hands } = await setUp()
  hands.deleteBridge('dsap')
  const actual = await observe(fabric, engines, 0)
  t.same(actual.containers, [])
  t.same(names(actual.bridges), ['sond-dc1'])
  t.same([actual.ports, actual.wires, actual.flows].flat(), [])
  t.match(actual.natRules, [{ bridge: 'dsap' }], 'a translation whose bridge is gone')
  t.equal(actual.natRules.length, 1)
})

t.test('images are asked for where a container may be made', async (t) => {
  const { engines, world } = await setUp()
  t.same([...(await observe(demo.desired, engines, 7)).images], [])
  const [fw] = demo.desired.containers
  if (fw === undefined) throw new Error('a container')
  const changed = { ...demo.desired, containers: [{ ...fw, specHash: 'v1:2', image: name.image('img:2') }] }
  t.same([...(await observe(changed, engines, 7)).images], ['img:2'])
  world.images.missing.add('img:2')
  t.same([...(await observe(changed, engines, 7)).images], [])
})

t.test('foreign objects in the way', async (t) => {
  const world = createWorld({ datapath: 'netdev' })
  const hands = createHands(world)
  hands.addForeignContainer('sond.demo.0.fw.0')
  hands.addForeignBridge('sond-dc1')
  hands.addForeignDevice('dout')
  const actual = await observe(demo.desired, createMemoryEngines({ owner: 'sond', world }), 7)
  t.match(actual.conflicts.map(({ kind, name: of }) => `${kind} ${of}`).sort(), [
    'bridge sond-dc1',
    'container sond.demo.0.fw.0',
    'device dout',
  ])
})

t.test('an engine that cannot be looked at makes the look fail', async (t) => {
  for (const call of ['containers.observe', 'switches.observe', 'links.observe']) {
    const { engines, world } = await setUp()
    world.failNext({ call, code: 'UNAVAILABLE' })
    await t.rejects(observe(demo.desired, engines, 7), { code: 'UNAVAILABLE' })
  }
})
