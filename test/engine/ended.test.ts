import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createDockerEngine } from '../../src/engine/docker/engine.ts'
import { allProcesses } from '../../src/engine/embedded/processes.ts'
import { createLinkEngine } from '../../src/engine/netns/engine.ts'
import { createSwitchEngine } from '../../src/engine/ovs/engine.ts'
import type { ContainerEngine, LinkEngine, SwitchEngine } from '../../src/engine/ports.ts'
import { asOwned } from '../../src/model/ownership.ts'
import { failsWithin } from '../support/bounded.ts'
import { builder, name } from '../support/build.ts'
import { startEndlessDocker } from '../support/endless-docker.ts'
import { memoryLog } from '../support/log.ts'
import { startSilentServer } from '../support/silent-server.ts'
import { until } from '../support/until.ts'

/** The end of an engine ends every call that is under way, long before its time-out, and every program that the call runs. */

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })
const container = build.container('fw')
const wire = build.wire(container, 'input', 'svport', 'sond-dc1', { address: name.cidr('10.30.0.1/30') })
const bridge = build.bridge('sond-dc1')
const end = (port: string) => ({ port: name.port(port), bridge: bridge.name, externalIds: {} })
const trunk = { link: 'l', ends: [end('svl1'), end('svl2')], shaping: {} } as const
const owner = name.owner('sond')
const observed = asOwned({
  ...container,
  ...({ id: 'abc', state: 'running', pid: 7, startedAt: '', exitCode: 0, gate: 'open', network: 'none' } as const),
  scripts: {},
})

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

const drain = async (lines: AsyncIterable<string>): Promise<void> => {
  const iterator = lines[Symbol.asyncIterator]()
  while ((await iterator.next()).done !== true) continue
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
      const own = asOwned({ ...bridge, datapathType: '', failMode: '', ownPortIds: {}, addresses: [], live: true })
      const port = { name: wire.port, bridge: wire.bridge, kind: 'system', trunks: [], externalIds: {} } as const
      const calls: Readonly<Record<Exclude<keyof SwitchEngine, 'close'>, () => Promise<unknown>>> = {
        ping: () => engine.ping(),
        subscribe: () => engine.subscribe(() => undefined),
        claim: () => engine.claim(),
        datapath: () => engine.datapath(),
        observe: () => engine.observe({}, []),
        setBridge: () => engine.setBridge(bridge),
        removeBridge: () => engine.removeBridge(own),
        setPort: () => engine.setPort({ port: wire.port, bridge: wire.bridge, externalIds: {} }),
        removePort: () => engine.removePort(asOwned(port)),
        changeFlows: () =>
          engine.changeFlows(bridge.name, [{ op: 'add', flow: build.flow('a', 'b', 'sond-dc1'), after: [] }]),
      }
      await endAll(t, engine, calls, async () => server.open() === 1 && (await hanging()) === 1)
    })
  }
})

void t.test('containers, whose engine never answers', async (t) => {
  const server = await startSilentServer(t)
  const stateDir = await temporary(t)
  const engine = createDockerEngine({
    ...{ url: `unix://${server.path}`, owner, stateDir, busybox: '/bin/busybox', log: memoryLog() },
  })
  const image = name.image('another:1')
  const of = container.name
  // `subscribe` does not wait for an engine: it listens once there is one.
  const calls: Readonly<Record<Exclude<keyof ContainerEngine, 'close' | 'subscribe'>, () => Promise<unknown>>> = {
    ping: () => engine.ping(),
    observe: () => engine.observe(),
    conflicts: () => engine.conflicts([of]),
    presentImages: () => engine.presentImages([image]),
    pullImage: () => engine.pullImage(image, () => undefined),
    buildImage: () => engine.buildImage(image, new Uint8Array(1024), () => undefined),
    create: () => engine.create(container),
    start: () => engine.start(of),
    unpause: () => engine.unpause(of),
    updateLimits: () => engine.updateLimits(of, container.limits),
    remove: () => engine.remove(observed),
    openGate: () => engine.openGate(of),
    pidOf: () => engine.pidOf(of),
    runScript: () => engine.runScript(of, 'start', undefined),
    scriptOutput: () => engine.scriptOutput(of, 'start'),
    logs: () => drain(engine.logs(of, {})),
    exec: () => engine.exec(of, ['true']),
    networks: () => engine.networks(),
  }
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
