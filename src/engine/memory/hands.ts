import type { Health } from '../../model/actual.ts'
import type { Limits } from '../../model/desired.ts'
import { endContainer, setLimits, startContainer } from './containers.ts'
import { addDevice, deleteDevice, deleteNamespace, devicesIn, nextNumber, putPort, tellLinks } from './devices.ts'
import { encode, withFlow } from './openflow.ts'
import { addBridge, deleteBridge, deletePort, tellFlows } from './switches.ts'
import type { MemoryBridge, MemoryContainer, MemoryDevice, World } from './world.ts'

export interface InnerChange {
  readonly up?: boolean
  readonly mac?: string
  readonly addAddress?: string
  readonly deleteAddress?: string
  readonly txOffload?: boolean
  readonly rename?: string
}

/** What others do to a world behind the daemon's back. Names of what is not there are ignored. */
export interface Hands {
  kill(container: string, exitCode?: number): void
  restart(container: string): void
  pause(container: string): void
  /** What its check comes to; of one whose image has none nothing is told. */
  setHealth(container: string, health: Health): void
  removeContainer(container: string): void
  updateLimits(container: string, limits: Limits): void
  addForeignContainer(container: string): void
  deleteInner(container: string | number, device: string): void
  changeInner(container: string | number, device: string, change: InnerChange): void
  deleteOuter(port: string): void
  setOuter(port: string, up: boolean): void
  addForeignDevice(device: string): void
  addForeignBridge(bridge: string): void
  deleteBridge(bridge: string): void
  addForeignPort(bridge: string, port: string): void
  deletePort(bridge: string, port: string): void
  setTag(port: string, tag: number): void
  addFlow(bridge: string, cookie: string, priority: number, match: string, actions: string): void
  deleteFlow(bridge: string, priority: number, match: string): void
  /** The switch daemon comes back with its database, and without flows. */
  restartSwitch(): void
}

export const createHands = (world: World): Hands => {
  const withContainer = (name: string, act: (container: MemoryContainer) => void): void => {
    const container = world.containers.get(name)
    if (container !== undefined) act(container)
  }
  /** By name of a container, or by process id. */
  const withInner = (of: string | number, device: string, act: (device: MemoryDevice) => void): void => {
    const pid = typeof of === 'number' ? of : world.containers.get(of)?.pid
    // Process id 0 stands for a container that does not run.
    const found = pid === undefined || pid === 0 ? undefined : devicesIn(world, pid).get(device)
    if (found !== undefined) act(found)
  }
  const withOuter = (name: string, act: (device: MemoryDevice) => void): void => {
    const device = devicesIn(world, 0).get(name)
    if (device !== undefined) act(device)
  }
  const withBridge = (name: string, act: (bridge: MemoryBridge) => void): void => {
    const bridge = world.bridges.get(name)
    if (bridge !== undefined) act(bridge)
  }
  const tell = ({ name, mark }: MemoryContainer, what: string): void =>
    world.tell('containers', {
      // A mark's instance was an InstanceName when it was written.
      ...(mark === undefined ? {} : { instance: mark.instance }),
      cause: `container ${name} ${what}`,
    })

  return {
    kill: (name, exitCode = 137) => withContainer(name, (container) => endContainer(world, container, exitCode)),
    restart: (name) =>
      withContainer(name, (container) => {
        endContainer(world, container, 143)
        startContainer(world, container)
      }),
    pause: (name) =>
      withContainer(name, (container) => {
        if (container.state !== 'running') return
        container.state = 'paused'
        tell(container, 'paused')
      }),
    setHealth: (name, health) =>
      withContainer(name, (container) => {
        if (container.health === undefined || container.state !== 'running') return
        container.health = health
        tell(container, `is ${health}`)
      }),
    removeContainer: (name) =>
      withContainer(name, (container) => {
        endContainer(world, container, 137)
        world.containers.delete(name)
        tell(container, 'removed')
      }),
    updateLimits: (name, limits) => withContainer(name, (container) => setLimits(world, container, limits)),
    addForeignContainer: (name) => {
      const limits = { cpuset: '', cpuPeriod: 0, cpuQuota: 0, memoryBytes: 0 }
      const id = world.next().toString(16).padStart(64, '0')
      const rest = { image: 'someone/else:1', specHash: '', network: 'none', scripts: {}, log: [], limits } as const
      const state = { state: 'created', pid: 0, startedAt: '', exitCode: 0, gate: 'open' } as const
      world.containers.set(name, { id, name, ...rest, ...state, log: [] })
    },
    deleteInner: (name, device) => withInner(name, device, (found) => deleteDevice(world, found)),
    changeInner: (name, device, change) =>
      withInner(name, device, (found) => {
        if (change.up !== undefined) found.up = change.up
        if (change.mac !== undefined) found.mac = change.mac
        if (change.txOffload !== undefined) found.txOffload = change.txOffload
        if (change.addAddress !== undefined) found.addresses.push(change.addAddress)
        if (change.deleteAddress !== undefined) {
          found.addresses = found.addresses.filter((one) => one !== change.deleteAddress)
        }
        if (change.rename !== undefined) {
          const all = devicesIn(world, found.namespace)
          all.delete(found.name)
          found.name = change.rename
          all.set(found.name, found)
        }
        tellLinks(world, found.mark?.instance, `device ${found.name} changed`)
      }),
    deleteOuter: (port) => withOuter(port, (device) => deleteDevice(world, device)),
    setOuter: (port, up) =>
      withOuter(port, (device) => {
        device.up = up
        tellLinks(world, device.mark?.instance, `device ${port} changed`)
      }),
    addForeignDevice: (name) => void addDevice(world, { name, namespace: 0 }),
    addForeignBridge: (name) => void addBridge(world, name, {}),
    deleteBridge: (name) => withBridge(name, (bridge) => deleteBridge(world, bridge)),
    addForeignPort: (on, name) =>
      withBridge(on, (bridge) => {
        addDevice(world, { name, namespace: 0 })
        const ofport = nextNumber(bridge, name)
        const rest = { kind: 'internal', peer: undefined, tag: undefined, trunks: [], externalIds: {}, ofport } as const
        putPort(world, bridge, { name, ...rest })
      }),
    deletePort: (on, name) =>
      withBridge(on, (bridge) => {
        const port = bridge.ports.get(name)
        if (port !== undefined) deletePort(world, bridge, port)
      }),
    setTag: (name, tag) => {
      for (const bridge of world.bridges.values()) {
        const port = bridge.ports.get(name)
        if (port === undefined) continue
        port.tag = tag
        world.tell('switches', { cause: `port ${name} changed` })
      }
    },
    addFlow: (on, cookie, priority, match, actions) =>
      withBridge(on, (bridge) => {
        const encoded = { match: encode(bridge, match), actions: encode(bridge, actions) }
        bridge.flows = withFlow(bridge.flows, { cookie, priority, ...encoded })
        tellFlows(world, bridge, [cookie])
      }),
    deleteFlow: (on, priority, match) =>
      withBridge(on, (bridge) => {
        const encoded = encode(bridge, match)
        const isIt = (one: MemoryBridge['flows'][number]): boolean => one.priority === priority && one.match === encoded
        const gone = bridge.flows.filter(isIt)
        bridge.flows = bridge.flows.filter((one) => !isIt(one))
        tellFlows(
          world,
          bridge,
          gone.map(({ cookie }) => cookie),
        )
      }),
    restartSwitch: () => {
      for (const bridge of world.bridges.values()) bridge.flows = []
      world.tell('switches', { cause: 'the switch daemon was started' })
    },
  }
}

/** A process in a namespace of its own that is no container of the world's; for tests of links alone. */
export const addNamespace = (world: World): { readonly pid: number; end(): void } => {
  const pid = 1000 + world.next()
  world.namespaces.set(pid, new Map())
  return { pid, end: () => deleteNamespace(world, pid) }
}
