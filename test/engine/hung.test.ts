import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createDockerEngine } from '../../src/engine/docker/engine.ts'
import { allProcesses } from '../../src/engine/embedded/processes.ts'
import { createLinkEngine } from '../../src/engine/netns/engine.ts'
import { createSwitchEngine } from '../../src/engine/ovs/engine.ts'
import type { LinkEngine } from '../../src/engine/ports.ts'
import { asOwned } from '../../src/model/ownership.ts'
import { failsWithin } from '../support/bounded.ts'
import { name } from '../support/build.ts'
import { container, containerCalls, switchCalls, wire } from '../support/engine-calls.ts'
import { memoryLog } from '../support/log.ts'
import { startSilentServer } from '../support/silent-server.ts'
import { until } from '../support/until.ts'

/** Milliseconds: of a call, and what may come on top of it on a busy machine. */
const callMs = 200
const enough = 2_500

void t.test(
  'a Docker engine that accepts and never answers: every call ends, and leaves no connection behind',
  async (t) => {
    const server = await startSilentServer(t)
    const state = await mkdtemp(join(tmpdir(), 'sond-state-'))
    t.teardown(() => rm(state, { recursive: true, force: true }))
    const short = {
      call: callMs,
      work: callMs,
      ping: callMs,
      exec: callMs,
      silence: callMs,
      pull: callMs,
      build: callMs,
    }
    const engine = createDockerEngine({
      ...{ url: `unix://${server.path}`, owner: name.owner('sond'), stateDir: state, busybox: '/bin/busybox' },
      ...{ log: memoryLog(), timeouts: short },
    })
    const calls = containerCalls(engine)
    await Promise.all(Object.entries(calls).map(([what, call]) => failsWithin(t, what, enough, call, ['TIMEOUT'])))
    const began = performance.now()
    const subscription = await engine.subscribe(() => undefined)
    t.ok(performance.now() - began < enough, 'listening to events is tried again beside')
    await subscription.close()
    await until('the connections to end', () => server.open() === 0)
    const pending = failsWithin(t, 'a call that is under way at the end', enough, () => engine.ping(), ['CANCELLED'])
    await engine.close()
    await pending
  },
)

void t.test('a switch database that accepts and never answers', async (t) => {
  const server = await startSilentServer(t)
  const engine = createSwitchEngine({
    ...{ owner: name.owner('sond'), ovsdb: `unix:${server.path}`, datapath: 'netdev', log: memoryLog() },
    timeouts: { call: callMs, take: callMs, probe: callMs, retry: { first: 10, longest: 50 } },
  })
  const { datapath: _, ...calls } = switchCalls(engine) // told by its options
  await Promise.all(Object.entries(calls).map(([what, call]) => failsWithin(t, what, enough, call)))
  const began = performance.now()
  await engine.close()
  t.ok(performance.now() - began < 1_000, 'its end waits for no answer')
  await until('the connection to end', () => server.open() === 0)
})

void t.test('programs of the host that hang', async (t) => {
  const netns = `sond-hung-${process.pid}`
  execFileSync('ip', ['netns', 'add', netns])
  t.teardown(() => execFileSync('ip', ['netns', 'del', netns]))
  const path = process.env['PATH']
  t.teardown(() => {
    process.env['PATH'] = path
  })
  const trunk = { name: name.object('l'), ends: [], shaping: {} } as never // not read before the first program ends
  const bridge = name.bridge('sond-dc1')
  /** By which its hanging programs are known. */
  const marker = `1000.${process.pid}`
  const programs: Readonly<
    Record<string, Partial<{ readonly [K in keyof LinkEngine]: (e: LinkEngine) => Promise<unknown> }>>
  > = {
    ip: {
      ping: (engine) => engine.ping(),
      observe: (engine) => engine.observe([{ name: container.name, pid: process.pid }]),
      conflicts: (engine) => engine.conflicts([wire.port]),
      createWire: (engine) => engine.createWire(wire, process.pid),
      configureWire: (engine) => engine.configureWire(wire, process.pid, []),
      removeWire: (engine) => engine.removeWire(asOwned({ port: wire.port, up: true })),
      renameManagement: (engine) => engine.renameManagement(process.pid, name.interface('mgmt')),
      addresses: (engine) => engine.addresses([bridge]),
      setAddress: (engine) => engine.setAddress(bridge, name.cidr('10.0.0.1/30')),
      routes: (engine) => engine.routes(),
    },
    nft: { natRules: (engine) => engine.natRules(), addNat: (engine) => engine.addNat(bridge, '10.0.0.0/30') },
    iptables: { natRules: (engine) => engine.natRules(), addNat: (engine) => engine.addNat(bridge, '10.0.0.0/30') },
    sysctl: { addNat: (engine) => engine.addNat(bridge, '10.0.0.0/30') },
    tc: { shapers: (engine) => engine.shapers() },
    nsenter: { ping: (engine) => engine.ping(), natRules: (engine) => engine.natRules() },
    unshare: { shapers: (engine) => engine.shapers(), shapeTrunk: (engine) => engine.shapeTrunk(trunk) },
  }
  for (const [program, calls] of Object.entries(programs)) {
    const directory = await mkdtemp(join(tmpdir(), 'sond-hung-'))
    t.teardown(() => rm(directory, { recursive: true, force: true }))
    await writeFile(join(directory, program), `#!/bin/sh\nexec sleep ${marker}\n`, { mode: 0o755 })
    process.env['PATH'] = `${directory}:${path ?? ''}`
    const engine = createLinkEngine({
      ...{ owner: name.owner('sond'), netns: `/run/netns/${netns}`, checksumOffload: 'off', log: memoryLog() },
      timeouts: { call: callMs },
    })
    const tried = Object.entries(calls).map(([what, call]) =>
      failsWithin(t, `${what} while ${program} hangs`, enough, () => call(engine)),
    )
    await Promise.all(tried)
    await engine.close()
    await until(`the end of every ${program}`, async () =>
      (await allProcesses()).every(({ command }) => !command.includes(marker)),
    )
  }
})
