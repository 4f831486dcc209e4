import fc from 'fast-check'
import t from 'tap'
import { devicesIn } from '../../src/engine/memory/devices.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createHands } from '../../src/engine/memory/hands.ts'
import { createWorld, type World } from '../../src/engine/memory/world.ts'
import type { DesiredState } from '../../src/model/desired.ts'
import type { ContainerName } from '../../src/model/names.ts'
import { builder, name } from '../support/build.ts'
import { calm, converge, pass } from '../support/converge.ts'
import { fault, strike } from '../support/faults.ts'
import { desiredOf, scenario, type Scenario } from '../support/scenario.ts'

// The law of the project: on any state, applying the plan leads to the empty plan; what is not ours is never touched; and both
// hold whenever the daemon is cut off.

const owner = 'law'
const cookie = 7
const ours = { owner, instance: 'demo', cookie, prefix: 'p' }
const nothing: Scenario = { functions: [], lan: false, sap: false }

/** Everything in the world that does not bear our mark. */
const foreign = (world: World): string => {
  const isOurs = (one: { readonly externalIds: Readonly<Record<string, string>> }): boolean =>
    one.externalIds['sond-owner'] === owner
  const bridges = [...world.bridges.values()]
  const own = new Set(bridges.filter(isOurs).map((one) => one.name))
  return JSON.stringify(
    {
      containers: [...world.containers.values()].filter(({ mark }) => mark?.owner !== owner),
      devices: [...(world.namespaces.get(0)?.values() ?? [])]
        .filter((one) => one.mark?.owner !== owner && !own.has(one.name))
        .map(({ peer, ...rest }) => ({ ...rest, peer: peer === undefined ? null : { ...peer, peer: null } })),
      bridges: bridges.filter((one) => !isOurs(one)).map((one) => ({ ...one, ports: [...one.ports.values()] })),
      ports: bridges.filter(isOurs).flatMap((one) => [...one.ports.values()].filter((port) => !isOurs(port))),
      flows: bridges
        .filter(isOurs)
        .flatMap((one) => one.flows.filter(({ cookie: mark }) => !mark.startsWith('0x50dd'))),
      nat: world.nat.filter((one) => one.owner !== owner),
    },
    null,
    1,
  )
}

/** A world in which others have something too, some of it under names that we may want. */
const makeWorld = async (occupied: readonly string[]): Promise<World> => {
  const world = createWorld({ datapath: 'netdev' })
  const hands = createHands(world)
  const other = { owner: 'other', instance: 'demo', cookie: 9, prefix: 'q' }
  const both: Scenario = {
    functions: [
      { bridge: 0, hash: 1, image: 1, memory: 1, script: 'none', management: true, subnet: 1 },
      { bridge: 0, hash: 1, image: 1, memory: 1, script: 'none', management: false, subnet: 1 },
    ],
    lan: true,
    sap: true,
  }
  await converge(desiredOf(both, other), createMemoryEngines({ owner: 'other', world }), { cookie: 9 })
  hands.addForeignContainer('someone')
  hands.addForeignDevice('eth9')
  hands.addForeignBridge('br9')
  hands.addForeignPort('br9', 'br9p')
  for (const one of occupied) {
    if (one.startsWith(owner)) hands.addForeignContainer(one)
    else if (one.includes('dc')) hands.addForeignBridge(one)
    else hands.addForeignDevice(one)
  }
  return world
}

/** Nothing bears our mark but the data centers' switches. */
const noneLeft = (world: World): void => {
  const left = [
    ...[...world.containers.values()].filter(({ mark }) => mark?.owner === owner),
    ...[...world.bridges.values()].filter(
      (one) => one.externalIds['instance'] !== undefined && one.name.startsWith('p'),
    ),
    ...[...world.bridges.values()].flatMap((one) =>
      one.name.startsWith('p') ? [...one.ports.values(), ...one.flows] : [],
    ),
    ...world.nat.filter((one) => one.owner === owner),
    ...[...(world.namespaces.get(0)?.values() ?? [])].filter((one) => one.mark?.owner === owner),
  ]
  if (left.length > 0)
    throw new Error(`left behind: ${JSON.stringify(left.map((one) => ('name' in one ? one.name : one)))}`)
}

const plantOnOurs = (world: World): void => {
  const hands = createHands(world)
  hands.addForeignPort('pdc0', 'visitor')
  hands.addFlow('pdc0', '0x0000000000000123', 5, 'in_port=LOCAL', 'drop')
}

const occupied = fc.subarray([`${owner}.demo.0.vnf1.0`, 'pdc1', 'pi0', 'po2'])
const runs = { numRuns: 150 }

t.test('from any state to any other, and to nothing', async (t) => {
  await fc.assert(
    fc.asyncProperty(scenario, scenario, occupied, async (first, second, names) => {
      const world = await makeWorld(names)
      const engines = () => createMemoryEngines({ owner, world })
      const before = foreign(world)
      for (const one of [first, second, nothing]) {
        const desired = desiredOf(one, ours)
        const outcomes = await converge(desired, engines(), { cookie })
        for (const outcome of outcomes) if (outcome.result !== 'done') throw new Error(`${outcome.step.id} failed`)
        const calls = world.calls.length
        await pass(desired, engines(), { cookie })
        if (world.calls.length !== calls) throw new Error('what is right was touched')
      }
      if (foreign(world) !== before) throw new Error(`${before}\n${foreign(world)}`)
      noneLeft(world)
    }),
    runs,
  )
  t.pass()
})
t.test('from any damage back', async (t) => {
  await fc.assert(
    fc.asyncProperty(scenario, fc.array(fault, { minLength: 1, maxLength: 6 }), async (one, faults) => {
      const world = await makeWorld([])
      const hands = createHands(world)
      const engines = createMemoryEngines({ owner, world })
      const desired = desiredOf(one, ours)
      await converge(desired, engines, { cookie })
      plantOnOurs(world)
      for (const each of faults) strike(world, hands, owner, each)
      const before = foreign(world)
      await converge(desired, engines, { cookie })
      if (foreign(world) !== before) throw new Error(`${before}\n${foreign(world)}`)
    }),
    runs,
  )
  t.pass()
})

t.test('whenever it is cut off', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      scenario,
      scenario,
      fc.array(fault, { maxLength: 2 }),
      fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 4 }),
      async (first, second, faults, cuts) => {
        const world = await makeWorld([])
        const hands = createHands(world)
        const engines = () => createMemoryEngines({ owner, world })
        const before = foreign(world)
        for (const one of [first, second, nothing]) {
          const desired = desiredOf(one, ours)
          for (const cutAfter of cuts) await pass(desired, engines(), { cookie, cutAfter })
          for (const each of faults) strike(world, hands, owner, each)
          // A daemon that lost its memory no longer knows the instance's number; its ports tell it.
          await converge(desired, engines(), { cookie: one === nothing ? 0 : cookie })
        }
        if (faults.length === 0) noneLeft(world)
        if (!faults.some(({ kind }) => kind === 'restartSwitch') && foreign(world) !== before) {
          throw new Error(`${before}\n${foreign(world)}`)
        }
      },
    ),
    runs,
  )
  t.pass()
})

t.test('whatever call fails', async (t) => {
  const calls = fc.constantFrom(
    ...['containers.create', 'containers.start', 'containers.remove', 'containers.openGate', 'containers.runScript'],
    ...['links.createWire', 'links.configureWire', 'links.removeWire', 'links.addNat', 'links.removeNat'],
    ...[
      'switches.setPort',
      'switches.setBridge',
      'switches.changeFlows',
      'switches.removePort',
      'switches.removeBridge',
    ],
  )
  await fc.assert(
    fc.asyncProperty(
      scenario,
      scenario,
      fc.array(calls, { minLength: 1, maxLength: 6 }),
      async (first, second, failing) => {
        const world = await makeWorld([])
        const engines = createMemoryEngines({ owner, world })
        const before = foreign(world)
        for (const one of [first, second, nothing]) {
          for (const call of failing) world.failNext({ call })
          await converge(desiredOf(one, ours), engines, { cookie }, 4 + failing.length * 3)
        }
        if (foreign(world) !== before) throw new Error(`${before}\n${foreign(world)}`)
      },
    ),
    runs,
  )
  t.pass()
})

t.test('while containers are held back, and afterwards', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      scenario,
      scenario,
      fc.array(fault, { maxLength: 3 }),
      fc.nat(3),
      async (first, second, faults, n) => {
        const world = await makeWorld([])
        const hands = createHands(world)
        const engines = createMemoryEngines({ owner, world })
        const held = `${owner}.demo.0.vnf${n}.0` as ContainerName // as `desiredOf` names them
        const policy = { ...calm, heldBack: new Map([[held, 'it crashed']]) }
        for (const one of [first, second]) {
          const desired = desiredOf(one, ours)
          await converge(desired, engines, { cookie, policy })
          for (const each of faults) strike(world, hands, owner, each)
          await converge(desired, engines, { cookie, policy })
          const { plan } = await pass(desired, engines, { cookie, policy })
          const known = new Set(desired.containers.map(({ name }) => name))
          for (const notice of plan.notices) {
            if (notice.code !== 'HELD_BACK' || notice.container !== held || !known.has(held))
              throw new Error(notice.code)
          }
        }
        await converge(desiredOf(second, ours), engines, { cookie })
        await converge(desiredOf(nothing, ours), engines, { cookie: 0 })
      },
    ),
    runs,
  )
  t.pass()
})

t.test('switches and the trunks between them', async (t) => {
  const kinds = fc.constantFrom('none', 'patch', 'slow', 'slower')
  const fabrics = fc.record({ centers: fc.integer({ min: 0, max: 3 }), links: fc.array(kinds, { maxLength: 2 }) })
  const fabricOf = ({ centers, links }: { centers: number; links: readonly string[] }): DesiredState => {
    const build = builder(ours)
    const bridges = Array.from({ length: centers }, (_, n) => build.bridge(`pdc${n}`))
    const made = links.slice(0, Math.max(0, centers - 1)).map((kind, n) => {
      const end = (side: string, dc: number) => ({
        port: name.port(`p${side}${n}`),
        bridge: name.bridge(`pdc${dc}`),
        externalIds: { role: 'trunk' },
      })
      const ends = [end('a', n), end('b', n + 1)] as const
      return { kind, ends, link: `link${n}`, shaping: { delayMs: kind === 'slow' ? 1 : 2 } }
    })
    return {
      ...build.state({ bridges }),
      scope: { kind: 'fabric' },
      patches: made.filter(({ kind }) => kind === 'patch').map(({ ends }) => ({ ends })),
      trunks: made
        .filter(({ kind }) => kind.startsWith('slow'))
        .map(({ ends, link, shaping }) => ({ ends, link, shaping })),
    }
  }
  await fc.assert(
    fc.asyncProperty(fabrics, fabrics, fc.array(fault, { maxLength: 4 }), async (first, second, faults) => {
      const world = await makeWorld([])
      const hands = createHands(world)
      const engines = createMemoryEngines({ owner, world })
      const before = foreign(world)
      for (const one of [first, second, { centers: 0, links: [] }]) {
        const desired = fabricOf(one)
        await pass(desired, engines, { cookie: 0, cutAfter: 2 })
        await converge(desired, engines, { cookie: 0 })
        for (const each of faults) if (each.kind !== 'restartSwitch') strike(world, hands, owner, each)
        await converge(desired, engines, { cookie: 0 })
      }
      if (foreign(world) !== before) throw new Error(`${before}\n${foreign(world)}`)
      const left = [...devicesIn(world, 0).values()].filter((one) => one.mark?.owner === owner)
      if (left.length > 0) throw new Error(`left behind: ${left.map((one) => one.name).join()}`)
    }),
    runs,
  )
  t.pass()
})
