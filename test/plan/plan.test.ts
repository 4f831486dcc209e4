import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import type { ActualState, ObservedContainer } from '../../src/model/actual.ts'
import { makeCookie } from '../../src/model/cookie.ts'
import type { DesiredContainer, DesiredState } from '../../src/model/desired.ts'
import { asOwned, type Owned } from '../../src/model/ownership.ts'
import type { PlanPolicy, Step } from '../../src/model/plan.ts'
import { observe } from '../../src/observe/observe.ts'
import { plan } from '../../src/plan/plan.ts'
import { printPlan, printStep } from '../../src/plan/print.ts'
import { builder, name } from '../support/build.ts'
import { calm, converge } from '../support/converge.ts'

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })
const dc1 = build.bridge('sond-dc1')
const chain = 'chain'

/** A firewall and an IDS, chained; one interface each. */
const service = (more: { fw?: Partial<DesiredContainer>; ids?: Partial<DesiredContainer> } = {}): DesiredState => {
  const fw = build.container('fw', more.fw)
  const ids = build.container('ids', more.ids)
  const link = name.link(chain)
  return build.state({
    bridges: [dc1],
    containers: [fw, ids],
    interfaces: [
      build.wire(fw, 'out', 'svfw', dc1.name, { link, address: name.cidr('10.30.0.1/30') }),
      build.wire(ids, 'in', 'svids', dc1.name, { link, address: name.cidr('10.30.0.2/30') }),
    ],
    flows: [build.flow('svfw', 'svids', dc1.name, chain), build.flow('svids', 'svfw', dc1.name, chain)],
  })
}

/** What is there once `desired` has come true. */
const settled = async (desired: DesiredState): Promise<ActualState> => {
  const engines = createMemoryEngines({ owner: 'sond', world: createWorld({ datapath: 'netdev' }) })
  await converge(desired, engines, { cookie: 7 })
  return { ...(await observe(desired, engines, 7)), images: new Set(desired.containers.map((one) => one.image)) }
}

const empty: ActualState = {
  containers: [],
  wires: [],
  bridges: [],
  ports: [],
  flows: [],
  natRules: [],
  images: new Set(),
  conflicts: [],
}

const at = <T>(list: readonly T[], index = 0): T => {
  const found = list[index]
  if (found === undefined) throw new RangeError(`nothing at ${index}`)
  return found
}

/** Its scope's plan as text. */
const text = (desired: DesiredState, actual: ActualState, policy: Partial<PlanPolicy> = {}): string =>
  printPlan(plan(desired, actual, { ...calm, ...policy }))

/** With one of a list changed. */
const change = <T extends object>(list: readonly T[], index: number, with_: Partial<T>): readonly T[] =>
  list.map((one, n) => (n === index ? { ...one, ...with_ } : one))

const container = (actual: ActualState, index: number, with_: Partial<Owned<ObservedContainer>>): ActualState => ({
  ...actual,
  containers: change(actual.containers, index, with_),
})

const running = (): Promise<ActualState> => settled(service())

/** A third function, with everything a container can have. */
const full = (): DesiredState => {
  const base = service({ fw: { env: { SON_EMU_CMD: 'echo up' } }, ids: { env: { SON_EMU_CMD_STOP: 'echo bye' } } })
  const sap = build.sapBridge('sbsap', '10.10.0.1/30', '10.10.0.0/30')
  const end = (port: string, bridge: string) => ({
    port: name.port(port),
    bridge: name.bridge(bridge),
    externalIds: build.marks(),
  })
  const mgmt = build.container('mgmt', { network: { kind: 'bridge', interface: name.interface('mgmt') } })
  return {
    ...base,
    bridges: [dc1, sap],
    containers: [...base.containers, mgmt],
    interfaces: [...base.interfaces, build.wire(mgmt, 'lan', 'svlan', dc1.name, { vlan: 100 })],
    patches: [{ ends: [end('spsap', 'sbsap'), { ...end('spdc', dc1.name), trunks: [100] }] }],
    flows: [
      ...base.flows,
      build.flow('svlan', 'svlan', dc1.name, 'lan', { actions: 'NORMAL', cookie: makeCookie(7, 2) }),
    ],
  }
}

const nothing = build.state()

const failedScript = { scripts: { start: { run: 'done', exitCode: 3 } } } as const
const said = (due: boolean) =>
  new Map([[name.container('sond.demo.0.fw.0'), { reason: 'its start script ended with code 3', due }]])

const fabric = (more: Partial<DesiredState> = {}): DesiredState => ({
  ...nothing,
  scope: { kind: 'fabric' },
  bridges: [dc1, build.bridge('sond-dc2')],
  trunks: [
    {
      link: 'dc1-dc2',
      ends: [
        { port: name.port('st1'), bridge: dc1.name, trunks: [100], externalIds: { role: 'trunk' } },
        { port: name.port('st2'), bridge: name.bridge('sond-dc2'), trunks: [100], externalIds: { role: 'trunk' } },
      ],
      shaping: { delayMs: 10 },
    },
  ],
  ...more,
})

type Cases = Readonly<Record<string, () => string | Promise<string>>>

const lifeCases: Cases = {
  'everything is new': () => text(service(), empty),
  'everything is new, and a service has everything': () => text(full(), empty),
  'nothing to do': async () => text(service(), await running()),
  'nothing to do for a service that has everything': async () => text(full(), await settled(full())),
  'the image is there': () => text(service(), { ...empty, images: new Set([name.image('img:1')]) }),
  'images are pulled anew': () => {
    const force = { imageSource: { kind: 'pull', force: true } } as const
    return text(service({ fw: force, ids: force }), { ...empty, images: new Set([name.image('img:1')]) })
  },
  'an image is built': () =>
    text(service({ fw: { imageSource: { kind: 'build', package: 'sha256:0', folder: 'docker/fw' } } }), empty),
  'container exited': async () =>
    text(service(), container(await running(), 0, { state: 'exited', pid: 0, exitCode: 137 })),
  'container exited, and its engine tells no more of it: its limits are not compared': async () => {
    const limits = { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 500_000, memoryBytes: 0 }
    const unread = 'RWLayer of container 0123 is unexpectedly nil'
    return text(service({ fw: { limits } }), container(await running(), 0, { state: 'exited', pid: 0, unread }))
  },
  'container exited, and its wires went with it': async () => {
    const actual = container(await running(), 0, { state: 'exited', pid: 0, exitCode: 1 })
    const { ofport: _, ...port } = at(actual.ports)
    return text(service(), {
      ...actual,
      wires: actual.wires.slice(1),
      ports: [asOwned({ ...port, error: 'could not open network device svfw' }), ...actual.ports.slice(1)],
      flows: actual.flows.map((flow) => ({
        ...flow,
        match: flow.match.replace('svfw', '1'),
        actions: flow.actions.replace('svfw', '1'),
      })),
    })
  },
  'container was never started': async () =>
    text(service(), container(await running(), 0, { state: 'created', pid: 0 })),
  'container is dead': async () => text(service(), container(await running(), 0, { state: 'dead', pid: 0 })),
  'container is paused': async () => text(service(), container(await running(), 0, { state: 'paused' })),
  'container is restarting': async () =>
    text(service(), container(await running(), 0, { state: 'restarting', pid: 0 })),
  'container is being removed': async () =>
    text(service(), container(await running(), 0, { state: 'removing', pid: 0 })),
  'container is gone': async () => {
    const actual = await running()
    return text(service(), { ...actual, containers: actual.containers.slice(1), wires: actual.wires.slice(1) })
  },
  'container is gone and held back': async () => {
    const actual = await running()
    const heldBack = new Map([[at(service().containers).name, 'it crashed 3 times in a row']])
    return text(
      service(),
      { ...actual, containers: actual.containers.slice(1), wires: actual.wires.slice(1) },
      { heldBack },
    )
  },
  'limits differ': async () => {
    const limits = { cpuset: '0,1', cpuPeriod: 1_000_000, cpuQuota: 500_000, memoryBytes: 64 << 20 }
    return text(service({ fw: { limits } }), await running())
  },
  'limits go': async () => {
    const limits = { cpuset: '0,1', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 0 }
    return text(service(), await settled(service({ fw: { limits } })))
  },
  'limits differ on a container that exited': async () => {
    const limits = { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 64 << 20 }
    return text(service({ fw: { limits } }), container(await running(), 0, { state: 'exited', pid: 0 }))
  },
  'definition changed': async () => text(service({ fw: { specHash: 'v1:0123456789abcdef' } }), await running()),
  'definition of a container that exited changed': async () =>
    text(service({ fw: { specHash: 'v1:2' } }), container(await running(), 0, { state: 'exited', pid: 0 })),
  'definition of a container that was never started changed': async () =>
    text(service({ fw: { specHash: 'v1:2' } }), container(await running(), 0, { state: 'created', pid: 0 })),
  'definition changed, but the container is held back': async () => {
    const heldBack = new Map([[at(service().containers).name, 'its image cannot be pulled']])
    return text(service({ fw: { specHash: 'v1:2' } }), await running(), { heldBack })
  },
  'image changed': async () => {
    const actual = await running()
    return text(service({ fw: { specHash: 'v1:2', image: name.image('img:2') } }), actual)
  },
  'definition of a container with a stop script changed': async () =>
    text(
      service({ fw: { specHash: 'v1:2', env: { SON_EMU_CMD_STOP: 'echo bye' } } }),
      await settled(service({ fw: { env: { SON_EMU_CMD_STOP: 'echo bye' } } })),
    ),
  'a stamp of another version tells nothing': async () => text(service({ fw: { specHash: 'v2:1' } }), await running()),
  'a stamp without version': async () => text(service({ fw: { specHash: 'unversioned' } }), await running()),
  'a stamp of another version, and another network': async () =>
    text(
      service({ fw: { specHash: 'v2:1', network: { kind: 'bridge', interface: name.interface('mgmt') } } }),
      await running(),
    ),
  'an interface is no longer wanted on a container made anew': async () => {
    const desired = service({ fw: { specHash: 'v1:2' } })
    return text({ ...desired, interfaces: desired.interfaces.slice(1), flows: [] }, await running())
  },
}

const wire = async (index: number, with_: Partial<ActualState['wires'][number]>): Promise<ActualState> => {
  const actual = await running()
  return { ...actual, wires: change(actual.wires, index, with_) }
}
const inner = async (with_: Partial<NonNullable<ActualState['wires'][number]['inner']>>): Promise<ActualState> => {
  const actual = await running()
  const before = at(actual.wires).inner
  if (before === undefined) throw new Error('no inner end')
  return { ...actual, wires: change(actual.wires, 0, { inner: { ...before, ...with_ } }) }
}
const without = (actual: ActualState, key: 'wires' | 'ports' | 'flows' | 'bridges'): ActualState => ({
  ...actual,
  [key]: actual[key].slice(1),
})
const port = async (with_: Partial<ActualState['ports'][number]>): Promise<ActualState> => {
  const actual = await running()
  return { ...actual, ports: change(actual.ports, 0, with_) }
}

/** The address of an interface that the manifest no longer has, or has otherwise. */
const readdressed = (address: string | undefined): DesiredState => {
  const desired = service()
  const [fw, ids] = desired.containers
  if (fw === undefined || ids === undefined) throw new Error('two containers')
  const more = { link: name.link(chain), ...(address === undefined ? {} : { address: name.cidr(address) }) }
  return { ...desired, interfaces: [build.wire(fw, 'out', 'svfw', dc1.name, more), ...desired.interfaces.slice(1)] }
}

const wireCases: Cases = {
  'veth pair deleted': async () => text(service(), without(await running(), 'wires')),
  'inner end moved away': async () => {
    const { port: of, up } = at((await running()).wires)
    const actual = await running()
    return text(service(), { ...actual, wires: [asOwned({ port: of, up }), ...actual.wires.slice(1)] })
  },
  'inner end in another container': async () =>
    text(service(), await inner({ container: name.container('sond.demo.0.ids.0') })),
  'inner end renamed': async () => text(service(), await inner({ name: 'eth7' })),
  'address removed': async () => text(service(), await inner({ addresses: [] })),
  'address of the function itself': async () =>
    text(service(), await inner({ addresses: ['10.30.0.1/30', '192.0.2.1/24'] })),
  'address changed in the manifest': async () => text(readdressed('10.30.4.1/30'), await running()),
  'address gone from the manifest': async () => text(readdressed(undefined), await running()),
  'address changed in the manifest, and gone already': async () =>
    text(readdressed('10.30.4.1/30'), await inner({ addresses: ['10.30.4.1/30'] })),
  'MAC address changed': async () => text(service(), await inner({ mac: '02:ff:00:00:00:01' })),
  'inner end down': async () => text(service(), await inner({ up: false })),
  'outer end down': async () => text(service(), await wire(0, { up: false })),
  'checksum offload on': async () => text(service(), await inner({ txOffload: true })),
  'checksum offload on where it does no harm': async () =>
    text(service(), await inner({ txOffload: true }), { txOffloadBreaks: false }),
  'gate still closed': async () => text(service(), container(await running(), 0, { gate: 'closed' })),
  'gate still closed, management interface perhaps not named': async () =>
    text(full(), container(await settled(full()), 2, { gate: 'closed' })),
  'start script has not run': async () =>
    text(full(), container(await settled(full()), 0, { scripts: { start: { run: 'pending' } } })),
  'start script failed, and waits': async () =>
    text(full(), container(await settled(full()), 0, failedScript), { failedScripts: said(false) }),
  'start script failed, and its time has come': async () =>
    text(full(), container(await settled(full()), 0, failedScript), { failedScripts: said(true) }),
  'start script failed, and is left at that': async () =>
    text(full(), container(await settled(full()), 0, failedScript)),
  'interface no longer wanted': async () => {
    const desired = full()
    const actual = await settled(desired)
    const gone = desired.interfaces.filter((one) => one.port !== 'svlan')
    return text({ ...desired, interfaces: gone, flows: desired.flows.slice(0, 2) }, actual)
  },
  'port of an interface bears another name now': async () => {
    const desired = service()
    const [first, ...rest] = desired.interfaces
    if (first === undefined) throw new Error('an interface')
    return text(
      { ...desired, interfaces: [{ ...first, port: name.port('svnew') }, ...rest], flows: [] },
      await running(),
    )
  },
  'two names are one': async () => {
    const desired = service()
    const [first, ...rest] = desired.interfaces
    if (first === undefined) throw new Error('an interface')
    const twins = [
      { ...first, port: name.port('svnew') },
      { ...first, port: name.port('svnew2') },
    ]
    return text({ ...desired, interfaces: [...twins, ...rest], flows: [] }, await running())
  },
}

const switchCases: Cases = {
  'port deleted': async () => text(service(), without(await running(), 'ports')),
  'port on another bridge': async () => text(service(), await port({ bridge: name.bridge('sond-dc2') })),
  'port moves and leaves flows behind': async () => {
    const actual = await port({ bridge: name.bridge('sond-dc2') })
    const flow = at(actual.flows)
    return text(service(), {
      ...actual,
      bridges: [...actual.bridges, asOwned({ ...at(actual.bridges), name: name.bridge('sond-dc2') })],
      flows: [...actual.flows, asOwned({ ...flow, bridge: name.bridge('sond-dc2'), match: 'in_port=svfw,dl_vlan=9' })],
    })
  },
  'port of another kind': async () => text(service(), await port({ kind: 'internal' })),
  'port with a peer': async () => text(service(), await port({ peer: 'x' })),
  'patch port with another peer': async () => {
    const actual = await settled(full())
    const index = actual.ports.findIndex((one) => one.name === 'spsap')
    return text(full(), { ...actual, ports: change(actual.ports, index, { peer: 'else' }) })
  },
  'patch port without peer': async () => {
    const actual = await settled(full())
    const ports = actual.ports.map((one) => {
      const { peer: _, ...rest } = one
      return one.name === 'spsap' ? asOwned(rest) : one
    })
    return text(full(), { ...actual, ports })
  },
  'port tagged': async () => text(service(), await port({ tag: 7 })),
  'port without its tag': async () => {
    const actual = await settled(full())
    const ports = actual.ports.map((one) => {
      const { tag: _, ...rest } = one
      return asOwned(rest)
    })
    return text(full(), { ...actual, ports })
  },
  'port trunks everything': async () => text(service(), await port({ trunks: [] })),
  'port with an error': async () => text(service(), await port({ error: 'no such device' })),
  'port without a number': async () => {
    const actual = await running()
    const rest = actual.ports.slice(1)
    const { ofport: _, ...lost } = at(actual.ports)
    return text(service(), { ...actual, ports: [asOwned(lost), ...rest] })
  },
  'mark missing on a port': async () => text(service(), await port({ externalIds: {} })),
  'mark on a port that is no more': async () => {
    const ids = (await running()).ports[0]?.externalIds
    return text(service(), await port({ externalIds: { ...ids, vlan: '5', theirs: 'x' } }))
  },
  'bridge deleted': async () => text(service(), { ...(await running()), bridges: [], ports: [], flows: [] }),
  'bridge without fail mode': async () => {
    const actual = await running()
    return text(service(), { ...actual, bridges: change(actual.bridges, 0, { failMode: '' }) })
  },
  'bridge in another fail mode': async () => {
    const actual = await running()
    return text(service(), { ...actual, bridges: change(actual.bridges, 0, { failMode: 'standalone' }) })
  },
  'bridge not taken by the switch': async () => {
    const actual = await running()
    return text(service(), { ...actual, bridges: change(actual.bridges, 0, { live: false }) })
  },
  'mark missing on a bridge': async () => {
    const actual = await running()
    return text(service(), { ...actual, bridges: change(actual.bridges, 0, { externalIds: { datacenter: 'dc9' } }) })
  },
  'mark missing on the own port of a bridge': async () => {
    const actual = await running()
    return text(service(), { ...actual, bridges: change(actual.bridges, 0, { ownPortIds: { 'sond-owner': 'sond' } }) })
  },
  'address missing on the switch of a SAP, and its translation': async () => {
    const actual = await settled(full())
    return text(full(), { ...actual, bridges: actual.bridges.map((one) => ({ ...one, addresses: [] })), natRules: [] })
  },
  'switch of a SAP deleted, its translation still there': async () => {
    const actual = await settled(full())
    const gone = (one: { bridge: string }): boolean => one.bridge !== 'sbsap'
    return text(full(), {
      ...actual,
      bridges: actual.bridges.filter((one) => one.name !== 'sbsap'),
      ports: actual.ports.filter(gone),
      flows: actual.flows.filter(gone),
    })
  },
  'the way to the outside is not whole': async () => {
    const actual = await settled(full())
    const broken = 'the FORWARD chain of iptables has no rule for it'
    return text(full(), { ...actual, natRules: change(actual.natRules, 0, { broken }) })
  },
  'another subnet is translated': async () => {
    const actual = await settled(full())
    return text(full(), { ...actual, natRules: change(actual.natRules, 0, { subnet: '10.10.9.0/30' }) })
  },
  'flow deleted': async () => text(service(), without(await running(), 'flows')),
  'flow altered': async () => {
    const actual = await running()
    return text(service(), { ...actual, flows: change(actual.flows, 0, { actions: 'drop' }) })
  },
  'flow of another cookie': async () => {
    const actual = await running()
    return text(service(), { ...actual, flows: change(actual.flows, 0, { cookie: makeCookie(7, 9) }) })
  },
  'flow added with our cookie': async () => {
    const actual = await running()
    const flow = at(actual.flows)
    return text(service(), { ...actual, flows: [...actual.flows, asOwned({ ...flow, priority: 99 })] })
  },
  'flow over a port of the fabric': async () => {
    const desired = service()
    const over = build.flow('svfw', 'st1', dc1.name, 'far')
    return text({ ...desired, flows: [...desired.flows, over] }, empty)
  },
  'flow over a patch port, and the patch in a VLAN': () => {
    const { containers, interfaces } = service()
    const sap = build.sapBridge('sbsap', '10.10.0.1/30')
    const end = (of: string, bridge: string) => ({
      port: name.port(of),
      bridge: name.bridge(bridge),
      vlan: 100,
      externalIds: build.marks(),
    })
    const patches = [{ ends: [end('spsap', 'sbsap'), end('spdc', dc1.name)] as const }]
    const flows = [build.flow('svfw', 'spdc', dc1.name), build.flow('spsap', 'LOCAL', 'sbsap', 'sap', { needs: [] })]
    return text(build.state({ bridges: [dc1, sap], containers, interfaces, patches, flows }), {
      ...empty,
      images: new Set([name.image('img:1')]),
    })
  },
  'flow stays while a port of it is held back': async () => {
    const actual = container(await running(), 1, { state: 'exited', pid: 0 })
    const heldBack = new Map([[name.container('sond.demo.0.ids.0'), 'it crashed']])
    const flows = change(actual.flows, 0, { actions: 'output:2' })
    return text(service(), { ...actual, wires: actual.wires.slice(0, 1), flows }, { heldBack })
  },
}

const conflict = (kind: 'container' | 'bridge' | 'device', of: string): Partial<ActualState> => ({
  conflicts: [{ kind, name: of, holder: 'someone' }],
})

const endCases: Cases = {
  terminated: async () => text(nothing, await settled(full())),
  'terminated, with a stop script that has run': async () =>
    text(nothing, container(await settled(full()), 1, { scripts: { stop: { run: 'done', exitCode: 0 } } })),
  'terminated while paused, exited and being removed': async () => {
    const actual = await settled(full())
    const [a, b, c] = actual.containers
    if (a === undefined || b === undefined || c === undefined) throw new Error('three containers')
    const containers = [
      { ...a, state: 'paused' as const },
      { ...b, state: 'exited' as const, pid: 0 },
      { ...c, state: 'removing' as const },
    ]
    return text(nothing, { ...actual, containers })
  },
  'terminated with two stop scripts': async () => {
    const env = { SON_EMU_CMD_STOP: 'echo bye' }
    return text(nothing, await settled(service({ fw: { env }, ids: { env } })), { stopWaitMs: 1 })
  },
  'terminated, nothing there': () => text(nothing, empty),
  'scaled down': async () => {
    const actual = await settled(full())
    const { containers, interfaces, flows, ...rest } = full()
    return text(
      { ...rest, containers: containers.slice(0, 2), interfaces: interfaces.slice(0, 2), flows: flows.slice(0, 2) },
      actual,
    )
  },
  'scaled up': async () => text(full(), await settled({ ...service(), containers: full().containers.slice(0, 2) })),
  'a foreign container has the name': () => text(service(), { ...empty, ...conflict('container', 'sond.demo.0.fw.0') }),
  'a foreign device has the name': () => text(service(), { ...empty, ...conflict('device', 'svfw') }),
  'a foreign bridge has the name': () => text(service(), { ...empty, ...conflict('bridge', 'sond-dc1') }),
  'the fabric is new': () => text(fabric(), empty),
  'the fabric is there': () => text(fabric(), fabricThere()),
  'a trunk is down': () => text(fabric(), { ...fabricThere(), wires: change(fabricThere().wires, 0, { up: false }) }),
  'a trunk is shaped otherwise': () =>
    text(fabric({ trunks: [{ ...trunk(), shaping: { delayMs: 20 } }] }), fabricThere()),
  'the kernel shapes as it can': () =>
    text(fabric(), { ...fabricThere(), shapers: new Set(['netem'] as const), wires: shapedBy('netem', 'netem') }),
  'the kernel cannot shape': () => text(fabric(), { ...fabricThere(), shapers: new Set() }),
  'one end of a trunk is shaped no more': () =>
    text(fabric(), { ...fabricThere(), shapers: new Set(['netem'] as const), wires: shapedBy('netem', undefined) }),
  'a trunk is shaped by what no one asked for': () =>
    text(fabric(), { ...fabricThere(), shapers: new Set(), wires: shapedBy('tbf', 'tbf') }),
  'one end of a trunk tells no shaping': () => {
    const ports = change(fabricThere().ports, 1, { externalIds: { role: 'trunk' } })
    return text(fabric(), { ...fabricThere(), ports })
  },
  'a trunk is shaped no more': () => text(fabric({ trunks: [], patches: [trunk()] }), fabricThere()),
  'a foreign device has the name of a trunk': () => text(fabric(), { ...empty, ...conflict('device', 'st1') }),
  'a data center goes': () => text(fabric({ bridges: [dc1], trunks: [] }), fabricThere()),
  'a translation is left over': () =>
    text(fabric(), {
      ...fabricThere(),
      natRules: [asOwned({ bridge: name.bridge('sbgone'), subnet: '10.10.0.0/30' })],
    }),
}

const trunk = () => at(fabric().trunks)

const fabricThere = (): ActualState => ({
  ...empty,
  bridges: fabric().bridges.map(({ name: of, externalIds }) =>
    asOwned({
      name: of,
      datapathType: 'netdev',
      failMode: 'secure',
      externalIds,
      ownPortIds: externalIds,
      addresses: [],
      live: true,
    }),
  ),
  wires: ['st1', 'st2'].map((of) => asOwned({ port: name.port(of), up: true })),
  ports: fabric()
    .trunks.flatMap((trunk) => trunk.ends)
    .map(({ port: of, bridge, externalIds }) =>
      asOwned({
        name: of,
        bridge,
        kind: 'system',
        trunks: [100],
        externalIds: { ...externalIds, shaping: 'delayMs=10' },
        ofport: 1,
      }),
    ),
})

const shapedBy = (...shapers: readonly ('netem' | 'tbf' | undefined)[]): ActualState['wires'] =>
  fabricThere().wires.map((wire, index) => {
    const shaper = shapers[index]
    return asOwned({ ...wire, ...(shaper === undefined ? {} : { shaper }) })
  })

const golden = join(import.meta.dirname, 'plans.golden.txt')
const heading = (title: string): string => `==== ${title}\n`

const render = async (cases: Cases): Promise<ReadonlyMap<string, string>> => {
  const texts = new Map<string, string>()
  for (const [title, run] of Object.entries(cases)) texts.set(title, await run())
  return texts
}

// To take new texts over after reading them: UPDATE_GOLDEN=1 node test/plan/plan.test.ts
t.test('plans as text', async (t) => {
  const texts = await render({ ...lifeCases, ...wireCases, ...switchCases, ...endCases })
  const whole = [...texts].map(([title, plan]) => `${heading(title)}${plan}`).join('\n')
  if (process.env['UPDATE_GOLDEN'] !== undefined) await writeFile(golden, whole)
  const wanted = new Map(
    `\n${await readFile(golden, 'utf8')}`
      .split('\n==== ')
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n')
        return [part.slice(0, end), part.slice(end + 1)] as const
      }),
  )
  t.same([...wanted.keys()], [...texts.keys()], 'every text has a case')
  for (const [title, found] of texts) t.equal(found.trimEnd(), wanted.get(title)?.trimEnd(), title)
})

const stepsOf = (desired: DesiredState, actual: ActualState): ReadonlyMap<string, Step> =>
  new Map(plan(desired, actual, calm).steps.map((step) => [step.id, step]))

t.test('what waits for what', async (t) => {
  const steps = stepsOf(service(), empty)
  const after = (id: string) => steps.get(id)?.after
  t.same(after('start:sond.demo.0.fw.0'), ['create:sond.demo.0.fw.0'])
  t.same(after('wire:svfw'), ['start:sond.demo.0.fw.0'])
  t.same(after('port:svfw'), ['bridge:sond-dc1', 'wire:svfw'])
  t.same(after('gate:sond.demo.0.fw.0'), ['start:sond.demo.0.fw.0', 'wire:svfw'], 'a gate waits for its own container')
  const flows = stepsOf(service(), { ...empty, images: new Set([name.image('img:1')]) }).get('flows:sond-dc1')
  t.same(flows?.after, ['bridge:sond-dc1'])
  t.same(flows?.afterEnd, ['port:svfw', 'port:svids'])
  t.same(flows?.kind === 'changeFlows' && flows.changes.map((one) => one.after), [
    ['port:svfw', 'port:svids'],
    ['port:svids', 'port:svfw'],
  ])
})

t.test('a start script waits for the links of its container, however they end', async (t) => {
  const steps = stepsOf(full(), { ...empty, images: new Set([name.image('img:1')]) })
  const script = steps.get('script:sond.demo.0.fw.0')
  t.same(script?.after, ['start:sond.demo.0.fw.0', 'gate:sond.demo.0.fw.0', 'wire:svfw', 'port:svfw'])
  t.same(script?.afterEnd, ['flows:sond-dc1'])
})

t.test('removal goes on whatever its stop scripts do', async (t) => {
  const steps = stepsOf(nothing, await settled(full()))
  t.same(steps.get('flows:sond-dc1')?.afterEnd, ['stop-scripts'])
  t.same(steps.get('remove-port:svfw')?.after, ['flows:sond-dc1'])
  t.same(steps.get('remove-wire:svfw')?.afterEnd, ['stop-scripts', 'remove-port:svfw'])
  t.ok(steps.get('remove:sond.demo.0.fw.0')?.afterEnd.includes('remove-wire:svfw'))
  t.same(steps.get('remove-bridge:sbsap')?.after, ['remove-nat:sbsap:10.10.0.0/30'])
  for (const step of steps.values()) t.notOk(step.after.includes('stop-scripts'), step.id)
})

t.test('a slow image holds up no other link', async (t) => {
  const desired = service({ ids: { image: name.image('slow:1') } })
  const third = build.container('third')
  const all = {
    ...desired,
    containers: [...desired.containers, third],
    interfaces: [...desired.interfaces, build.wire(third, 'in', 'svthird', dc1.name)],
    flows: [...desired.flows, build.flow('svfw', 'svthird', dc1.name, 'quick', { priority: 20 })],
  }
  const steps = stepsOf(all, { ...empty, images: new Set([name.image('img:1')]) })
  t.same(steps.get('flows:sond-dc1')?.afterEnd, ['port:svfw', 'port:svthird'])
  t.same(steps.get('flows:sond-dc1')?.serves.links, ['quick'])
  t.same(steps.get('flows:sond-dc1@image:slow:1')?.afterEnd, ['port:svfw', 'port:svids', 'flows:sond-dc1'])
})

t.test('what a step serves', async (t) => {
  const steps = stepsOf(full(), empty)
  t.same(steps.get('create:sond.demo.0.fw.0')?.serves, { containers: ['sond.demo.0.fw.0'], links: [chain] })
  t.same(steps.get('port:svfw')?.serves, { containers: [], links: [chain] })
  t.same(steps.get('port:svlan')?.serves, { containers: [], links: ['lan'] })
  t.same(steps.get('bridge:sond-dc1')?.serves.links, [chain, 'lan'])
  t.same(steps.get('image:img:1')?.serves.containers.length, 3)
  const lonely = build.container('lonely')
  const port = build.wire(lonely, 'in', 'svlone', dc1.name)
  const own = stepsOf(build.state({ bridges: [dc1], containers: [lonely], interfaces: [port] }), empty)
  t.same(
    own.get('port:svlone')?.serves,
    { containers: [lonely.name], links: [] },
    'a port of no link serves its container',
  )
})

t.test('every step stands after what it waits for, and has a cause', async (t) => {
  for (const [desired, actual] of [
    [full(), empty],
    [nothing, await settled(full())],
    [service({ fw: { specHash: 'v1:2' } }), await settled(full())],
    [fabric(), empty],
  ] as const) {
    const seen = new Set<string>()
    for (const step of plan(desired, actual, calm).steps) {
      t.ok(
        [...step.after, ...step.afterEnd].every((id) => seen.has(id)),
        step.id,
      )
      t.notOk(seen.has(step.id), `${step.id} is the only one of its name`)
      t.ok(step.cause.length > 0)
      seen.add(step.id)
    }
  }
})

t.test('words for what no one foresaw fail loudly', async (t) => {
  const actual = await running()
  const strange: unknown = 'strange'
  // Values that the types rule out, as a newer engine or a forgotten case could bring them.
  t.throws(() => text(service(), container(actual, 0, { state: strange as 'running' })), TypeError)
  t.throws(() => printStep({ ...plan(service(), empty, calm).steps[0], kind: strange } as Step), TypeError) // as above
  // As above.
  const notices = [{ code: strange as 'WAITING', container: name.container('some'), reason: '' }] as const
  t.throws(() => printPlan({ scope: nothing.scope, steps: [], notices }), TypeError)
})

t.test('a patch has no number before its peer is there: both ends come once both switches are there', async (t) => {
  const state = full()
  const { steps } = plan({ ...state, containers: [], interfaces: [], flows: [] }, await settled(nothing), calm)
  const made = steps.filter((step): step is Extract<Step, { kind: 'setPort' }> => step.kind === 'setPort')
  t.same(
    made.map(({ port, after }) => [port.port, [...after].sort()]),
    ['spsap', 'spdc'].map((port) => [port, ['bridge:sbsap', 'bridge:sond-dc1']]),
  )
})
