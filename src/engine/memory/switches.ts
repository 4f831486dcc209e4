import type { ObservedBridge, ObservedFlow, ObservedPort } from '../../model/actual.ts'
import { cookieInstance, cookiePrefix } from '../../model/cookie.ts'
import { EngineError } from '../../model/errors.ts'
import { parseBridgeName, parseCookie, parsePortName } from '../../model/names.ts'
import { asOwned, externalIds as keys, type Owned } from '../../model/ownership.ts'
import { portVlans } from '../../model/vlans.ts'
import type { SwitchEngine } from '../ports.ts'
import { addDevice, deleteDevice, devicesIn, dropPort, nextNumber, putPort, withInstance } from './devices.ts'
import { decoderOf, encode, tryEncode, withFlow, withoutFlow } from './openflow.ts'
import type { MemoryBridge, MemoryPort, World } from './world.ts'

const tell = (world: World, ids: Readonly<Record<string, string>>, cause: string): void =>
  world.tell('switches', { ...withInstance(ids[keys.instance]), cause })

export const addBridge = (world: World, name: string, externalIds: Readonly<Record<string, string>>): MemoryBridge => {
  const bridge: MemoryBridge = {
    name,
    externalIds,
    ports: new Map(),
    portsOf: new Map(),
    numbers: new Map(),
    flows: [],
    nextPort: 1,
  }
  world.bridges.set(name, bridge)
  addDevice(world, { name, namespace: 0 })
  tell(world, externalIds, `bridge ${name} made`)
  return bridge
}

/** Ports, flows and its own device go with it; devices of ports stay. */
export const deleteBridge = (world: World, bridge: MemoryBridge): void => {
  world.bridges.delete(bridge.name)
  const device = devicesIn(world, 0).get(bridge.name)
  if (device !== undefined) deleteDevice(world, device)
  const marks = [bridge.externalIds, ...[...bridge.ports.values()].map((port) => port.externalIds)]
  for (const ids of new Map(marks.map((ids) => [ids[keys.instance], ids])).values()) {
    tell(world, ids, `bridge ${bridge.name} gone`)
  }
}

export const deletePort = (world: World, bridge: MemoryBridge, port: MemoryPort): void => {
  dropPort(bridge, port.name)
  if (port.kind === 'internal') {
    const device = devicesIn(world, 0).get(port.name)
    if (device !== undefined) deleteDevice(world, device)
  }
  tell(world, port.externalIds, `port ${port.name} gone`)
}

/** Says which instances have flows that changed. */
export const tellFlows = (world: World, bridge: MemoryBridge, cookies: readonly string[]): void => {
  const numbers = new Set(cookies.flatMap((text) => parseCookie(text) ?? []).map(cookieInstance))
  for (const number of numbers) {
    const instance = world.cookies.get(number)
    const isThere = instance !== undefined && world.bridges.values().some(({ portsOf }) => portsOf.has(instance))
    tell(world, isThere ? { [keys.instance]: instance } : {}, `flows of ${bridge.name} changed`)
  }
}

const observedBridge = (world: World, bridge: MemoryBridge): Owned<ObservedBridge>[] => {
  const name = parseBridgeName(bridge.name)
  if (name === undefined) return []
  const addresses = devicesIn(world, 0).get(name)?.addresses ?? []
  const { externalIds } = bridge
  const { datapath } = world
  const marks = { externalIds, ownPortIds: externalIds }
  return [asOwned({ name, datapathType: datapath, failMode: 'secure', ...marks, addresses, live: true })]
}

const observedPort = (bridge: MemoryBridge, port: MemoryPort): Owned<ObservedPort>[] => {
  const name = parsePortName(port.name)
  const on = parseBridgeName(bridge.name)
  if (name === undefined || on === undefined) return []
  const { kind, peer, tag, trunks, externalIds, ofport } = port
  const lost = { error: `could not open network device ${name} (No such device)` }
  return [
    asOwned({
      name,
      bridge: on,
      kind,
      trunks,
      externalIds,
      ...(peer === undefined ? {} : { peer }),
      ...(tag === undefined ? {} : { tag }),
      ...(ofport === undefined ? lost : { ofport }),
    }),
  ]
}

/** Flows whose cookies begin so. */
const observedFlows = (bridge: MemoryBridge, prefix: string): Owned<ObservedFlow>[] => {
  const decode = decoderOf(bridge)
  const on = parseBridgeName(bridge.name)
  return bridge.flows.flatMap((flow) => {
    const cookie = flow.cookie.startsWith(prefix) ? parseCookie(flow.cookie) : undefined
    if (cookie === undefined || on === undefined) return []
    const { priority } = flow
    return [asOwned({ bridge: on, cookie, priority, match: decode(flow.match), actions: decode(flow.actions) })]
  })
}

/** The switch engine of a world, for one owner. */
export const createMemorySwitches = (world: World, owner: string): SwitchEngine => {
  const self = {}
  const isOurs = ({ externalIds }: { readonly externalIds: Readonly<Record<string, string>> }): boolean =>
    externalIds[keys.owner] === owner
  const ours = (): readonly MemoryBridge[] => [...world.bridges.values()].filter(isOurs)
  const find = (name: string): MemoryBridge => {
    const bridge = world.bridges.get(name)
    if (bridge === undefined) throw new EngineError('NOT_FOUND', { bridge: name })
    if (!isOurs(bridge)) throw new EngineError('CONFLICT', { bridge: name })
    return bridge
  }

  return {
    ping: async () => world.enter('switches.ping', '', false),
    subscribe: async (listener) => world.listen('switches', listener),
    close: async () => {
      if (world.locks.get(owner) === self) world.locks.delete(owner)
    },
    claim: async () => {
      if (!world.locks.has(owner)) world.locks.set(owner, self)
      return world.locks.get(owner) === self
    },
    datapath: async () => world.datapath,
    observe: async ({ instance, cookie }, names) => {
      world.enter('switches.observe', instance ?? '', false)
      const isWanted = (ids: Readonly<Record<string, string>>): boolean =>
        instance === undefined || ids[keys.instance] === instance
      const portsOf = (bridge: MemoryBridge): readonly MemoryPort[] =>
        [...((instance === undefined ? bridge.ports : bridge.portsOf.get(instance))?.values() ?? [])].filter(isOurs)
      const asked = new Set<string>(names)
      const isSearched = (bridge: MemoryBridge): boolean =>
        asked.has(bridge.name) || isWanted(bridge.externalIds) || portsOf(bridge).length > 0
      const isDumped = instance === undefined || cookie !== undefined
      const flows = isDumped
        ? ours()
            .filter(isSearched)
            .flatMap((bridge) => observedFlows(bridge, cookiePrefix(cookie)))
        : []
      return {
        bridges: ours()
          .filter((bridge) => asked.has(bridge.name) || isWanted(bridge.externalIds))
          .flatMap((bridge) => observedBridge(world, bridge)),
        ports: [...world.bridges.values()].flatMap((bridge) =>
          portsOf(bridge).flatMap((port) => observedPort(bridge, port)),
        ),
        flows,
        conflicts: names.flatMap((name) => {
          const bridge = world.bridges.get(name)
          return bridge === undefined || isOurs(bridge)
            ? []
            : [{ kind: 'bridge' as const, name, holder: 'a switch of someone else' }]
        }),
      }
    },
    setBridge: async ({ name, externalIds }) => {
      world.enter('switches.setBridge', name, true)
      const ids = { ...externalIds, [keys.owner]: owner }
      if (!world.bridges.has(name)) return void addBridge(world, name, ids)
      find(name).externalIds = ids
      tell(world, ids, `bridge ${name} changed`)
    },
    removeBridge: async ({ name }) => {
      world.enter('switches.removeBridge', name, true)
      const bridge = world.bridges.get(name)
      if (bridge !== undefined && isOurs(bridge)) deleteBridge(world, bridge)
    },
    setPort: async (wanted) => {
      world.enter('switches.setPort', wanted.port, true)
      const bridge = find(wanted.bridge)
      const others = [...world.bridges.values()].filter((one) => one.ports.has(wanted.port))
      for (const other of others) {
        const port = other.ports.get(wanted.port)
        if (port !== undefined && !isOurs(port)) throw new EngineError('CONFLICT', { port: wanted.port })
        if (port !== undefined && other !== bridge) deletePort(world, other, port)
      }
      const kind = wanted.peer === undefined ? 'system' : 'patch'
      const there = bridge.ports.get(wanted.port)
      const hasDevice = kind === 'patch' || devicesIn(world, 0).has(wanted.port)
      const { tag, trunks } = portVlans(wanted)
      const port: MemoryPort = {
        name: wanted.port,
        kind,
        peer: wanted.peer,
        tag,
        trunks,
        externalIds: { ...wanted.externalIds, [keys.owner]: owner },
        ofport: hasDevice
          ? ((there?.kind === kind ? there.ofport : undefined) ?? nextNumber(bridge, wanted.port))
          : undefined,
      }
      putPort(world, bridge, port)
      tell(world, port.externalIds, `port ${port.name} set`)
      if (!hasDevice) throw new EngineError('TIMEOUT', { port: wanted.port, reason: 'no such device' })
    },
    removePort: async ({ name, bridge: on }) => {
      world.enter('switches.removePort', name, true)
      const bridge = world.bridges.get(on)
      const port = bridge?.ports.get(name)
      if (bridge !== undefined && port !== undefined && isOurs(port)) deletePort(world, bridge, port)
    },
    changeFlows: async (name, changes) => {
      world.enter('switches.changeFlows', name, true)
      const bridge = find(name)
      const before = bridge.flows
      // Nothing is kept until every change was taken: a name that is no port throws here.
      bridge.flows = changes.reduce((flows, { op, flow }) => {
        const { cookie, priority } = flow
        if (op === 'add') {
          const [match, actions] = [encode(bridge, flow.match), encode(bridge, flow.actions)]
          return withFlow(flows, { cookie, priority, match, actions })
        }
        // A port that went takes its name along: its flows are seen with a number at the next look.
        const match = tryEncode(bridge, flow.match)
        return match === undefined ? flows : withoutFlow(flows, { cookie, priority, match, actions: '' })
      }, before)
      tellFlows(
        world,
        bridge,
        changes.map(({ flow }) => flow.cookie),
      )
    },
  }
}
