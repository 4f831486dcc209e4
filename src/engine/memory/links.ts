import type { ObservedWire } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import { must, parseBridgeName, parsePortName } from '../../model/names.ts'
import { asOwned, externalIds as keys, type Owned } from '../../model/ownership.ts'
import { shaperFor, type Shaper } from '../../model/shaping.ts'
import type { LinkEngine } from '../ports.ts'
import { addDevice, deleteDevice, devicesIn, tellLinks } from './devices.ts'
import type { MemoryDevice, World } from './world.ts'

/** The kernel of a world has everything. */
const shapers: ReadonlySet<Shaper> = new Set(['netem', 'tbf'])

/** Network devices of a world, for one owner. */
export const createMemoryLinks = (world: World, owner: string): LinkEngine => {
  const outside = (): Map<string, MemoryDevice> => devicesIn(world, 0)
  const isOurs = (device: MemoryDevice): boolean => device.mark?.owner === owner
  const txOffload = world.datapath === 'system'

  const inside = (pid: number): Map<string, MemoryDevice> => {
    const devices = world.namespaces.get(pid)
    if (devices === undefined) throw new EngineError('NOT_FOUND', { pid: String(pid) })
    return devices
  }

  /** All of them, or those named and those that end in these containers. */
  const devicesOf = (pids: Iterable<number>, ports: ReadonlySet<string> | undefined): readonly MemoryDevice[] => {
    const all = outside()
    if (ports === undefined) return [...all.values()]
    const found = new Set([...ports].flatMap((name) => all.get(name) ?? []))
    for (const pid of pids) {
      for (const { peer } of world.namespaces.get(pid)?.values() ?? [])
        if (peer !== undefined && all.get(peer.name) === peer) found.add(peer)
    }
    return [...found]
  }

  /** Makes room for a device of ours; a foreign one stays and stands in the way. */
  const clear = (name: string): void => {
    const there = outside().get(name)
    if (there === undefined) return
    if (!isOurs(there)) throw new EngineError('CONFLICT', { device: name })
    deleteDevice(world, there)
  }

  return {
    ping: async () => world.enter('links.ping', '', false),
    subscribe: async (listener) => world.listen('links', listener),
    close: async () => undefined,
    observe: async (containers, ports) => {
      world.enter('links.observe', '', false)
      const names = new Map(containers.map(({ pid, name }) => [pid, name]))
      return devicesOf(names.keys(), ports).flatMap((device): Owned<ObservedWire>[] => {
        const port = parsePortName(device.name)
        if (port === undefined || !isOurs(device)) return []
        const { peer, up } = device
        const container = peer === undefined ? undefined : names.get(peer.namespace)
        if (peer === undefined || container === undefined) {
          return [asOwned({ port, up, ...(device.shaper === undefined ? {} : { shaper: device.shaper }) })]
        }
        const { name, mac, addresses } = peer
        const inner = { container, name, mac, addresses: [...addresses], up: peer.up, txOffload: peer.txOffload }
        return [asOwned({ port, up, inner })]
      })
    },
    conflicts: async (ports) =>
      ports.flatMap((name) => {
        const device = outside().get(name)
        return device === undefined || isOurs(device)
          ? []
          : [{ kind: 'device' as const, name, holder: 'a network device of someone else' }]
      }),
    createWire: async (wire, pid) => {
      world.enter('links.createWire', wire.port, true)
      const devices = inside(pid)
      clear(wire.port)
      if (devices.has(wire.name)) throw new EngineError('CONFLICT', { device: wire.name, pid: String(pid) })
      const instance = wire.externalIds[keys.instance]
      const mark = { owner, ...(instance === undefined ? {} : { instance }) }
      const addresses = wire.address === undefined ? [] : [wire.address]
      const inner = addDevice(world, { name: wire.name, namespace: pid, mark, mac: wire.mac, addresses, txOffload })
      inner.peer = addDevice(world, { name: wire.port, namespace: 0, mark, peer: inner })
    },
    configureWire: async (wire, pid, stale) => {
      world.enter('links.configureWire', wire.port, true)
      const inner = inside(pid).get(wire.name)
      const outer = outside().get(wire.port)
      if (inner === undefined || outer === undefined || inner.peer !== outer) {
        throw new EngineError('NOT_FOUND', { device: wire.name, pid: String(pid) })
      }
      const gone = new Set<string>(stale)
      const others = inner.addresses.filter((one) => !gone.has(one) && one !== wire.address)
      const first = wire.address === undefined ? [] : [wire.address]
      Object.assign(inner, { mac: wire.mac, addresses: [...first, ...others], up: true, txOffload })
      outer.up = true
      tellLinks(world, outer.mark?.instance, `device ${wire.port} set`)
    },
    removeWire: async ({ port }) => {
      world.enter('links.removeWire', port, true)
      const device = outside().get(port)
      if (device !== undefined && isOurs(device)) deleteDevice(world, device)
    },
    renameManagement: async (pid, name) => {
      world.enter('links.renameManagement', name, true)
      const devices = inside(pid)
      const device = devices.get('eth0')
      if (device === undefined) {
        if (devices.has(name)) return
        throw new EngineError('NOT_FOUND', { device: 'eth0', pid: String(pid) })
      }
      devices.delete('eth0')
      device.name = name
      devices.set(name, device)
    },
    createTrunk: async ({ link, ends }) => {
      world.enter('links.createTrunk', link, true)
      for (const end of ends) clear(end.port)
      const first = addDevice(world, { name: ends[0].port, namespace: 0, mark: { owner } })
      first.peer = addDevice(world, { name: ends[1].port, namespace: 0, mark: { owner }, peer: first })
    },
    shapeTrunk: async ({ link, ends, shaping }) => {
      world.enter('links.shapeTrunk', link, true)
      for (const { port } of ends) {
        const device = outside().get(port)
        if (device === undefined) throw new EngineError('NOT_FOUND', { device: port })
        device.shaper = shaperFor(shaping, shapers)
      }
    },
    shapers: async () => shapers,
    addresses: async (bridges) => new Map(bridges.map((name) => [name, [...(outside().get(name)?.addresses ?? [])]])),
    setAddress: async (bridge, address) => {
      world.enter('links.setAddress', bridge, true)
      const device = outside().get(bridge)
      if (device === undefined) throw new EngineError('NOT_FOUND', { device: bridge })
      device.addresses = address === undefined ? [] : [address]
    },
    natRules: async () =>
      world.nat
        .filter((rule) => rule.owner === owner)
        .map(({ bridge, subnet }) => asOwned({ bridge: must(parseBridgeName(bridge), bridge), subnet })),
    addNat: async (bridge, subnet) => {
      world.enter('links.addNat', bridge, true)
      const there = world.nat.some((one) => one.owner === owner && one.bridge === bridge && one.subnet === subnet)
      if (!there) world.nat.push({ owner, bridge, subnet })
    },
    removeNat: async (rule) => {
      world.enter('links.removeNat', rule.bridge, true)
      const index = world.nat.findIndex(
        (one) => one.owner === owner && one.bridge === rule.bridge && one.subnet === rule.subnet,
      )
      if (index >= 0) world.nat.splice(index, 1)
    },
    routes: async () => [],
  }
}
