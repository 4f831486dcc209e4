import t from 'tap'
import { createSwitchEngine } from '../../../src/engine/ovs/engine.ts'
import { allProcesses } from '../../../src/engine/embedded/processes.ts'
import { failsWithin } from '../../support/bounded.ts'
import { builder, name } from '../../support/build.ts'
import { startTestEngines } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'

const engines = await startTestEngines(t, { parts: { docker: false, switches: true }, datapath: 'netdev' })
const build = builder({ owner: 'hung', instance: 'demo', cookie: 7 })
const bridge = build.bridge('sond-hung')
const patch = { ...build.wire(build.container('fw'), 'input', 'svhung', 'sond-hung'), peer: name.port('svpeer') }
const port = { port: patch.port, bridge: bridge.name, peer: patch.peer, externalIds: build.marks(), vlan: 5 }
const flow = build.flow('LOCAL', 'LOCAL', bridge.name)
const enough = 4_000

const make = (patience: { readonly call?: number; readonly take?: number } = {}) =>
  createSwitchEngine({
    ...{ owner: name.owner('hung'), ovsdb: engines.ovsdbUrl, runDirectory: engines.ovsRunDir, datapath: 'netdev' },
    log: memoryLog(),
    timeouts: { ...{ call: 500, take: 500, probe: 300, retry: { first: 20, longest: 100 } }, ...patience },
  })

/** Stops a program as if it hung; gives what lets it go on. */
const hang = (program: string): (() => void) => {
  const pid = engines.pids()[program] ?? 0
  process.kill(pid, 'SIGSTOP')
  return () => process.kill(pid, 'SIGCONT')
}

void t.test('a switch daemon that hangs, and goes on', async (t) => {
  const engine = make()
  t.teardown(() => engine.close())
  await engine.setBridge(bridge)
  const subscription = await engine.subscribe(() => undefined)
  const goOn = hang('ovs-vswitchd')
  const late = make()
  try {
    await Promise.all([
      failsWithin(t, 'reading flows', enough, () => engine.observe({}, []), ['TIMEOUT']),
      failsWithin(
        t,
        'changing flows',
        enough,
        () => engine.changeFlows(bridge.name, [{ op: 'add', flow, after: [] }]),
        ['TIMEOUT'],
      ),
      failsWithin(t, 'a port', enough, () => engine.setPort(port), ['TIMEOUT']),
      failsWithin(t, 'listening to it', enough, () => late.subscribe(() => undefined), ['TIMEOUT']),
    ])
    await engine.ping() // its database is another program
  } finally {
    goOn()
  }
  await until('flows to be read', () =>
    engine.observe({}, []).then(
      () => true,
      () => false,
    ),
  )
  await engine.changeFlows(bridge.name, [{ op: 'add', flow, after: [] }])
  t.equal((await engine.observe({}, [])).flows.length, 1, 'the change is there once')
  await late.close()
  await subscription.close()
})

void t.test('closed while a switch daemon hangs: what is under way ends at once', async (t) => {
  const first = make()
  t.teardown(() => first.close())
  await first.setBridge(bridge)
  const patient = { call: 60_000, take: 60_000 }
  const engine = make(patient)
  const listening = make(patient)
  await Promise.all([engine.ping(), listening.ping()])
  const goOn = hang('ovs-vswitchd')
  try {
    const calls = {
      'reading flows': engine.observe({}, []),
      'changing flows': engine.changeFlows(bridge.name, [{ op: 'remove', flow, after: [] }]),
      'a port': engine.setPort(port),
      'listening to it': listening.subscribe(() => undefined),
    }
    const waiting = Object.entries(calls).map(([what, call]) => failsWithin(t, what, enough, () => call, ['CANCELLED']))
    await until('all to be under way', async () => {
      const lines = (await allProcesses()).map(({ command }) => command.join(' '))
      const ours = lines.filter((line) => line.includes(`${engines.ovsRunDir}/${bridge.name}.mgmt`))
      return ['dump-flows', 'add-flows', 'monitor'].every((word) => ours.some((line) => line.includes(word)))
    })
    await Promise.all([engine.close(), listening.close(), ...waiting])
  } finally {
    goOn()
  }
})

void t.test('a switch database that hangs, and goes on', async (t) => {
  const hints: string[] = []
  const engine = make()
  t.teardown(() => engine.close())
  await engine.setBridge(bridge)
  await engine.subscribe(({ cause }) => hints.push(cause))
  const before = await engine.observe({}, [])
  const goOn = hang('ovsdb-server')
  try {
    await failsWithin(t, 'a change', enough, () => engine.setPort(port))
    await failsWithin(t, 'a question', enough, () => engine.ping())
    await until('the loss to be noticed', () =>
      engine.observe({}, []).then(
        () => false,
        () => true,
      ),
    )
  } finally {
    goOn()
  }
  await until('the connection to be back', () => hints.includes('connected to Open vSwitch again'))
  t.same((await engine.observe({}, [])).bridges, before.bridges, 'nothing was taken for gone')
})
