import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createDockerEngine } from '../../src/engine/docker/engine.ts'
import { allProcesses } from '../../src/engine/embedded/processes.ts'
import { createLinkEngine } from '../../src/engine/netns/engine.ts'
import { createSwitchEngine } from '../../src/engine/ovs/engine.ts'
import type { LinkEngine } from '../../src/engine/ports.ts'
import { asOwned } from '../../src/model/ownership.ts'
import { failsWithin } from '../support/bounded.ts'
import { name } from '../support/build.ts'
import { startEndlessDocker } from '../support/endless-docker.ts'
import { bridge, container, containerCalls, drain, switchCalls, wire } from '../support/engine-calls.ts'
import { memoryLog } from '../support/log.ts'
import { startSilentServer } from '../support/silent-server.ts'
import { until } from '../support/until.ts'

/** The end of an engine ends every call that is under way, long before its time-out, and every program that the call runs. */

const end = (port: string) => ({ port: name.port(port), bridge: bridge.name, externalIds: {} })
const trunk = { link: 'l', ends: [end('svl1'), end('svl2')], shaping: {} } as const
const owner = name.owner('sond')
/** Milliseconds for a call to end whose time-out is 10 s at least. */
const enough = 3_000

/** By which hanging programs are known. */
const marker = `1000.${process.pid}`
const hanging = async (): Promise<number> =>
  (await allProcesses()).filter(({ command }) => command.includes(marker)).length

const temporary = async (t: Test): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-ended-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Makes programs that hang; gives their directory, which comes first on the PATH. */
const hang = async (t: Test, ...programs: readonly string[]): Promise<string> => {
  const directory = await temporary(t)
  for (const program of programs)
    await writeFile(join(directory, program), `#!/bin/sh\nexec sleep ${marker}\n`, { mode: 0o755 })
  const path = process.env['PATH']
  process.env['PATH'] = `${directory}:${path ?? ''}`
  t.teardown(() => {
    process.env['PATH'] = path
  })
  return directory
}

/** `underWay` tells that they have come as far as they can. */
const endAll = async (
  t: Test,
  engine: { close(): Promise<void> },
  calls: Readonly<Record<string, () => Promise<unknown>>>,
  underWay: () => boolean | Promise<boolean>,
): Promise<void> => {
  const asked = Object.entries(calls).map(([what, call]) => ({ what, answer: call() }))
  for (const { answer } of asked) answer.catch(() => undefined) // looked at below
  await until('the calls to be under way', underWay)
  const began = performance.now()
  const closed = engine.close()
  for (const { what, answer } of asked) await failsWithin(t, what, enough, () => answer, ['CANCELLED'])
  await closed
  t.ok(performance.now() - began < enough, `all of it: ${Math.round(performance.now() - began)} ms`)
  await until('every program to end', async () => (await hanging()) === 0)
}

void t.test('links, whose programs hang', async (t) => {
  const netns = `sond-ended-${process.pid}`
  execFileSync('ip', ['netns', 'add', netns])
  t.teardown(() => execFileSync('ip', ['netns', 'del', netns]))
  await hang(t, 'nsenter', 'unshare')
  const engine = createLinkEngine({
    ...{ owner, netns: `/run/netns/${netns}`, checksumOffload: 'off', log: memoryLog() },
  })
  const calls: Readonly<Record<Exclude<keyof LinkEngine, 'close'>, () => Promise<unknown>>> = {
    ping: () => engine.ping(),
    subscribe: () => engine.subscribe(() => undefined),
    observe: () => engine.observe([{ name: container.name, pid: process.pid }]),
    conflicts: () => engine.conflicts([wire.port]),
    createWire: () => engine.createWire(wire, process.pid),
    configureWire: () => engine.configureWire(wire, process.pid, []),
    removeWire: () => engine.removeWire(asOwned({ port: wire.port, up: true })),
    renameManagement: () => engine.renameManagement(process.pid, name.interface('mgmt')),
    createTrunk: () => engine.createTrunk(trunk),
    shapeTrunk: () => engine.shapeTrunk(trunk),
    shapers: () => engine.shapers(),
    addresses: () => engine.addresses([bridge.name]),
    setAddress: () => engine.setAddress(bridge.name, name.cidr('10.0.0.1/30')),
    natRules: () => engine.natRules(),
    addNat: () => engine.addNat(bridge.name, '10.0.0.0/30'),
    removeNat: () => engine.removeNat(asOwned({ bridge: bridge.name, subnet: '10.0.0.0/30' })),
    routes: () => engine.routes(),
  }
  // Two trials of shapers, the monitor of devices, and as many others as run at a time.
  await endAll(t, engine, calls, async () => (await hanging()) >= 6)
})

void t.test('switches, whose database never answers and whose programs hang', async (t) => {
  const server = await startSilentServer(t)
  for (const program of ['genl', 'modprobe']) {
    await t.test(program, async (t) => {
      const directory = await hang(t, program)
      if (program === 'modprobe') await writeFile(join(directory, 'genl'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
      const engine = createSwitchEngine({
        ...{ owner, ovsdb: `unix:${server.path}`, datapath: 'auto', log: memoryLog() },
      })
      await endAll(t, engine, switchCalls(engine), async () => server.open() === 1 && (await hanging()) === 1)
    })
  }
})

void t.test('containers, whose engine never answers', async (t) => {
  const server = await startSilentServer(t)
  const stateDir = await temporary(t)
  const engine = createDockerEngine({
    ...{ url: `unix://${server.path}`, owner, stateDir, busybox: '/bin/busybox', log: memoryLog() },
  })
  const calls = containerCalls(engine)
  await endAll(t, engine, calls, () => server.open() === Object.keys(calls).length)
})

void t.test('containers, whose engine answers, and what follows never ends', async (t) => {
  const directory = await hang(t, 'busybox', 'docker-credential-hung')
  const dockerConfig = join(directory, 'config.json')
  await writeFile(dockerConfig, JSON.stringify({ credHelpers: { 'helped.example': 'hung' } }))
  // It looks as one whose program waits at its gate.
  const waiting = spawn('/bin/busybox', ['sh', '-c', 'read x', 'sond'], {
    ...{ argv0: '/.sond/busybox', stdio: ['pipe', 'ignore', 'ignore'] },
  })
  t.teardown(() => waiting.kill('SIGKILL'))
  const server = await startEndlessDocker(t, container, { pid: waiting.pid ?? 0, gate: directory })
  const engine = createDockerEngine({
    ...{ url: `unix://${server.path}`, owner, stateDir: directory, busybox: join(directory, 'busybox') },
    ...{ dockerConfig, log: memoryLog() },
  })
  const of = container.name
  const calls = {
    'the helper that knows credentials': () => engine.pullImage(name.image('helped.example/fw:1'), () => undefined),
    'the program that makes gates': () => engine.create(container),
    'a gate that nobody waits at': () => engine.openGate(of),
    'a script that is waited for': () => engine.runScript(of, 'stop', { ms: 60_000 }),
    'a command': () => engine.exec(of, ['sleep', '1000']),
    'output that is followed': () => drain(engine.logs(of, { follow: true })),
  }
  await endAll(
    t,
    engine,
    calls,
    async () => (await hanging()) === 2 && server.streams('start') === 2 && server.streams('logs') === 1,
  )
})
