import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createLinkEngine } from '../../../src/engine/netns/engine.ts'
import { createSwitchEngine, lockId } from '../../../src/engine/ovs/engine.ts'
import { createSession } from '../../../src/engine/ovs/session.ts'
import type { EngineHint } from '../../../src/engine/ports.ts'
import type { DesiredFlow, DesiredInterface } from '../../../src/model/desired.ts'
import type { FlowChange } from '../../../src/model/plan.ts'
import { builder, name } from '../../support/build.ts'
import { busyboxPath, startTestEngines } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'
import { createHands as createLinkHands } from '../netns/hands.ts'
import { createHands } from './hands.ts'

// The two adapters together, on a real switch: frames pass, or they do not.

const execute = promisify(execFile)
const engines = await startTestEngines(t, { parts: { docker: false, switches: true }, datapath: 'netdev' })
const hands = createHands(engines)
const ends = createLinkHands(engines.netns.path)
let worlds = 0

const adds = (...flows: readonly DesiredFlow[]): readonly FlowChange[] =>
  flows.map((flow) => ({ op: 'add', flow, after: [] }))

/** Two ends wired and chained both ways on a bridge of their own. */
const makeWorld = async (t: Test) => {
  worlds += 1
  const owner = name.owner(`w${worlds}`)
  const instance = name.object('demo')
  const switches = createSwitchEngine({ owner, ovsdb: engines.ovsdbUrl, datapath: 'auto', log: memoryLog() })
  const links = createLinkEngine({ owner, netns: engines.netns.path, checksumOffload: 'off', log: memoryLog() })
  const build = builder({ owner, instance, cookie: 7 })
  const bridge = build.bridge(`w${worlds}b`)
  const wires = ['x', 'y'].map((end, index): DesiredInterface => {
    const address = name.cidr(`10.30.0.${index + 1}/30`)
    return build.wire(build.container(`${end}${worlds}`), 'input', `w${worlds}${end}`, bridge.name, { address })
  })
  const [x, y] = wires
  if (x === undefined || y === undefined) throw new Error('two wires')
  t.teardown(async () => {
    await switches.close()
    await links.close()
    await hands.deleteBridge(bridge.name)
    await ends.killAll()
  })
  const pids = new Map<string, number>()
  for (const { container } of wires) pids.set(container, await ends.addContainer(container))
  const setPort = (wire: DesiredInterface) =>
    switches.setPort({ port: wire.port, bridge: wire.bridge, externalIds: wire.externalIds })
  const createWire = (wire: DesiredInterface) => links.createWire(wire, pids.get(wire.container) ?? 0)
  const flows = [build.flow(x.port, y.port, bridge.name), build.flow(y.port, x.port, bridge.name)]
  await switches.setBridge(bridge)
  await Promise.all(wires.map(createWire))
  await Promise.all(wires.map(setPort))
  await switches.changeFlows(bridge.name, adds(...flows))
  const see = () => switches.observe({ instance, cookie: 7 }, [bridge.name])
  const portOf = async (wire: DesiredInterface) => (await see()).ports.find((port) => port.name === wire.port)
  const seeLinks = () =>
    links.observe(wires.map(({ container }) => ({ name: container, pid: pids.get(container) ?? 0 })))

  /** A line sent over TCP and back: checksums are right and both ways are open. */
  const passes = async (): Promise<boolean> => {
    const enter = (wire: DesiredInterface) => ['-t', String(pids.get(wire.container)), '-n', busyboxPath]
    const server = spawn('nsenter', [...enter(y), 'nc', '-l', '-p', '7', '-e', busyboxPath, 'cat'], { stdio: 'ignore' })
    const end = once(server, 'exit')
    try {
      return await until(
        'an answer',
        async () => {
          const client = execute('nsenter', [...enter(x), 'nc', '-w', '1', '10.30.0.2', '7'], { timeout: 1500 })
          client.child.stdin?.on('error', () => undefined) // refused, it is gone before it has read
          client.child.stdin?.end('hello\n')
          const { stdout } = await client.catch(() => ({ stdout: '' }))
          return stdout === 'hello\n'
        },
        { timeout: 4000 },
      )
    } catch {
      return false
    } finally {
      server.kill('SIGKILL')
      await end
    }
  }
  return {
    switches,
    links,
    build,
    bridge,
    x,
    y,
    pids,
    flows,
    createWire,
    setPort,
    see,
    portOf,
    seeLinks,
    passes,
    owner,
  }
}

t.test('TCP passes along a chain', async (t) => {
  const { passes } = await makeWorld(t)
  t.ok(await passes())
})

t.test('a wire made anew under a port that stayed: set again, it passes frames under its old number', async (t) => {
  const { createWire, setPort, portOf, passes, see, x } = await makeWorld(t)
  const before = await portOf(x)
  const flows = (await see()).flows
  await createWire(x)
  await until('the switch to see that', async () => (await portOf(x))?.ofport === undefined)
  t.match(await portOf(x), { error: /not the one that the switch has opened/ })
  await setPort(x)
  t.same(await portOf(x), before)
  t.same((await see()).flows, flows)
  t.ok(await passes())
})

t.test('and so when it is set before the switch has seen that', async (t) => {
  const { createWire, setPort, passes, x } = await makeWorld(t)
  await createWire(x)
  await setPort(x)
  t.ok(await passes())
})

t.test('a restarted switch keeps port numbers and passes frames once it has its flows', async (t) => {
  const { switches, passes, portOf, x, y, see, bridge, flows } = await makeWorld(t)
  const before = [await portOf(x), await portOf(y)]
  const hints: EngineHint[] = []
  await switches.subscribe((hint) => hints.push(hint))
  hints.length = 0
  await hands.restart('ovs-vswitchd')
  await until('a hint for everywhere', () => hints.find((hint) => hint.instance === undefined && hint.fabric !== true))
  await until('the switch', async () => see().catch(() => undefined))
  t.same((await see()).flows, [])
  await switches.changeFlows(bridge.name, adds(...flows))
  t.same([await portOf(x), await portOf(y)], before)
  t.ok(await passes())
  hints.length = 0
  await until('a hint of the new monitor', async () => {
    await hands.deleteFlow(bridge.name, 10, `in_port=${x.port}`)
    await switches.changeFlows(bridge.name, adds(...flows))
    console.error(hints)
    return hints.find((hint) => hint.instance === 'demo')
  })
})

t.test('a restarted database: connected, claimed and told again; nothing is lost', async (t) => {
  const { switches, passes, see, setPort, x } = await makeWorld(t)
  t.equal(await switches.claim(), true)
  const before = await see()
  const hints: EngineHint[] = []
  await switches.subscribe((hint) => hints.push(hint))
  hints.length = 0
  await hands.restart('ovsdb-server')
  await until('a hint for everywhere', () => hints.find((hint) => hint.instance === undefined && hint.fabric !== true))
  await until('the claim', () => switches.claim())
  t.same((await see()).flows, before.flows)
  await until('the switch to tell the database again', async () => (await see()).bridges[0]?.live)
  t.same((await see()).ports, before.ports)
  await setPort(x)
  t.ok(await passes())
})

t.test('who lost the claim changes nothing', async (t) => {
  const { switches, setPort, bridge, flows, owner, x } = await makeWorld(t)
  t.equal(await switches.claim(), true)
  const thief = createSession({
    endpoint: engines.ovsdbUrl,
    log: memoryLog(),
    timeoutMs: 5000,
    probeMs: 5000,
    retryMs: { first: 50, longest: 50 },
    onChanges: () => undefined,
    onConnected: () => undefined,
    onLock: () => undefined,
  })
  await thief.request('steal', [lockId(owner)])
  await t.rejects(setPort(x), { code: 'CONFLICT' })
  await until('news of it', async () => !(await switches.claim()))
  await t.rejects(switches.changeFlows(bridge.name, adds(...flows)), { code: 'CONFLICT' })
  await thief.close()
  await until('the claim', () => switches.claim())
  await t.resolves(setPort(x))
})

t.test('a thousand flows in one bundle', async (t) => {
  const { switches, build, bridge, x, y, see } = await makeWorld(t)
  const flows = Array.from({ length: 1000 }, (_, n) =>
    build.flow(x.port, y.port, bridge.name, 'l', { priority: 100, match: `in_port=${x.port},dl_vlan=${n + 1}` }),
  )
  await switches.changeFlows(bridge.name, adds(...flows))
  const seen = (await see()).flows.filter((flow) => flow.priority === 100)
  t.same(seen.map((flow) => flow.match).sort(), flows.map((flow) => flow.match).sort())
  await switches.changeFlows(
    bridge.name,
    seen.map((flow) => ({ op: 'remove', flow, after: [] })),
  )
  t.equal((await see()).flows.length, 2)
})

t.test('many ports go in one transaction; a bad one harms no other', async (t) => {
  const { switches, build, bridge } = await makeWorld(t)
  const ports = Array.from({ length: 20 }, (_, n) => name.port(`${bridge.name}-p${n}`))
  const steps = async () => Number((await hands.vsctl('get', 'Open_vSwitch', '.', 'next_cfg')).trim())
  for (const port of ports.slice(1)) await hands.addDevice(port, 'sond:nobody:')
  t.teardown(async () => {
    for (const port of ports.slice(1)) await hands.deleteDevice(port)
  })
  const set = (port: (typeof ports)[number]) =>
    switches.setPort({ port, bridge: bridge.name, externalIds: build.marks() })
  const before = await steps()
  const results = await Promise.allSettled(ports.map(set))
  t.equal((await steps()) - before, 1)
  const [bad, ...good] = results
  t.match(bad, { status: 'rejected', reason: { code: 'REFUSED', details: { error: /No such device/ } } })
  t.ok(good.every((result) => result.status === 'fulfilled'))
  const foreign = name.port(`${bridge.name}-f`)
  await hands.addInternalPort(bridge.name, foreign)
  const mixed = await Promise.allSettled([set(foreign), ...ports.slice(1).map(set)])
  t.match(mixed[0], { status: 'rejected', reason: { code: 'CONFLICT' } })
  t.ok(mixed.slice(1).every((result) => result.status === 'fulfilled'))
})

t.test('what is told of a container is read again, and no more than that', async (t) => {
  const { links, seeLinks, x, y } = await makeWorld(t)
  const hints: EngineHint[] = []
  await links.subscribe((hint) => hints.push(hint))
  const innerOf = async (wire: DesiredInterface) => (await seeLinks()).find((one) => one.port === wire.port)?.inner
  const after = async (act: () => Promise<unknown>) => {
    hints.length = 0
    await act()
    await until('a hint', () => hints.find((hint) => hint.instance === 'demo'))
  }
  t.match(await innerOf(x), { addresses: ['10.30.0.1/30'], txOffload: false })
  await after(() => ends.changeInner(x.container, 'input', { deleteAddress: '10.30.0.1/30' }))
  t.match(await innerOf(x), { addresses: [] })
  t.match(await innerOf(y), { addresses: ['10.30.0.2/30'] })
  await after(() => ends.changeInner(y.container, 'input', { txOffload: true }))
  t.match(await innerOf(y), { txOffload: true })
  await after(() => links.configureWire(y, 0, []).catch(() => ends.changeInner(y.container, 'input', { up: false })))
  t.match(await innerOf(y), { up: false, txOffload: true })
  await after(() => ends.deleteDevice(x.port))
  t.equal(await innerOf(x), undefined)
})

t.test('marks that an older daemon left out on the own port of a bridge are completed in place', async (t) => {
  const { switches, bridge, owner, see, passes } = await makeWorld(t)
  const before = await see()
  const marks = async () => Object.keys((await see()).bridges[0]?.ownPortIds ?? {})
  await hands.vsctl('clear', 'port', bridge.name, 'external_ids')
  await hands.vsctl('set', 'port', bridge.name, `external_ids:sond-owner=${owner}`)
  await until('the marks to be seen gone', async () => (await marks()).length === 1)
  await switches.setBridge(bridge)
  await until('them to be seen', async () => (await marks()).length > 1)
  t.same(await see(), before, 'and nothing else is different: the same ports under the same numbers, the same flows')
  t.ok(await passes())
})
