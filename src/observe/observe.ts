import type { Engines } from '../engine/ports.ts'
import type { ActualState, Conflict, ObservedContainer } from '../model/actual.ts'
import { cookieInstance } from '../model/cookie.ts'
import type { DesiredState } from '../model/desired.ts'
import type { InstanceName, PortName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'

type SwitchesSeen = Pick<ActualState, 'bridges' | 'ports' | 'flows' | 'conflicts'> &
  Partial<Pick<ActualState, 'natRules'>>

const instanceOf = ({ externalIds: ids }: { readonly externalIds: Readonly<Record<string, string>> }) =>
  ids[externalIds.instance]

/** `cookie` 0 = not known: then ports of the instance tell it. */
const observeInstanceSwitches = async (
  instance: InstanceName,
  desired: DesiredState,
  { switches }: Engines,
  cookie: number,
): Promise<SwitchesSeen> => {
  const bridges = desired.bridges.map(({ name }) => name)
  if (cookie !== 0) return switches.observe({ instance, cookie }, bridges)
  const seen = await switches.observe({ instance }, bridges)
  const told = seen.ports.map((port) => Number(port.externalIds[externalIds.cookie])).find((number) => number > 0)
  return told === undefined ? seen : switches.observe({ instance, cookie: told }, bridges)
}

/** What is no instance's: switches of data centers, and the trunks between them. */
const observeFabricSwitches = async (desired: DesiredState, { switches, links }: Engines): Promise<SwitchesSeen> => {
  const bridges = desired.bridges.map(({ name }) => name)
  const [seen, rules] = await Promise.all([switches.observe({}, bridges), links.natRules()])
  const names = new Set(seen.bridges.map(({ name }) => name))
  return {
    bridges: seen.bridges.filter((bridge) => instanceOf(bridge) === undefined),
    ports: seen.ports.filter((port) => instanceOf(port) === undefined),
    flows: seen.flows.filter((flow) => cookieInstance(flow.cookie) === 0),
    conflicts: seen.conflicts,
    // Rules of a bridge that someone deleted: no instance can tell any more that they were its own.
    natRules: rules.filter((rule) => !names.has(rule.bridge)),
  }
}

const portsOf = (desired: DesiredState): readonly PortName[] => [
  ...desired.interfaces.map(({ port }) => port),
  ...[...desired.patches, ...desired.trunks].flatMap(({ ends }) => ends.map(({ port }) => port)),
]

/** Devices of this scope: those wanted, those under its ports, and those that end in its containers. */
const observeWires = async (
  desired: DesiredState,
  containers: readonly ObservedContainer[],
  ports: ActualState['ports'],
  { links }: Engines,
): Promise<ActualState['wires']> => {
  const running = containers.filter(({ pid }) => pid > 0).map(({ name, pid }) => ({ name, pid }))
  const known = new Set([...portsOf(desired), ...ports.map(({ name }) => name)])
  if (known.size === 0 && running.length === 0) return []
  const seen = await links.observe(running, known)
  return seen.filter((wire) => known.has(wire.port) || wire.inner !== undefined)
}

/** Addresses of the switches that have one, and the translation behind them. */
const observeOutside = async (
  desired: DesiredState,
  { bridges, natRules }: SwitchesSeen,
  { links }: Engines,
): Promise<Pick<ActualState, 'bridges' | 'natRules'>> => {
  if (natRules !== undefined) return { bridges, natRules }
  const own = bridges.filter((bridge) => instanceOf(bridge) !== undefined)
  const addressed = desired.bridges.filter(({ address }) => address !== undefined).map(({ name }) => name)
  const names = new Set([...own.map(({ name }) => name), ...addressed])
  if (names.size === 0) return { bridges, natRules: [] }
  const there = bridges.map(({ name }) => name).filter((name) => names.has(name))
  const [addresses, rules] = await Promise.all([links.addresses(there), links.natRules()])
  return {
    bridges: bridges.map((bridge) => ({ ...bridge, addresses: addresses.get(bridge.name) ?? [] })),
    natRules: rules.filter((rule) => names.has(rule.bridge)),
  }
}

/** Names that are wanted and not seen as ours may be someone else's. */
const observeConflicts = async (
  desired: DesiredState,
  containers: ActualState['containers'],
  wires: ActualState['wires'],
  engines: Engines,
): Promise<readonly Conflict[]> => {
  const ours = new Set<string>([...containers, ...wires.map(({ port }) => ({ name: port }))].map(({ name }) => name))
  const names = desired.containers.map(({ name }) => name).filter((name) => !ours.has(name))
  const patches = new Set(desired.patches.flatMap(({ ends }) => ends.map(({ port }) => port)))
  const ports = portsOf(desired).filter((port) => !ours.has(port) && !patches.has(port))
  const byContainers = names.length === 0 ? [] : await engines.containers.conflicts(names)
  const byLinks = ports.length === 0 ? [] : await engines.links.conflicts(ports)
  return [...byContainers, ...byLinks]
}

/** Images that a plan may need: those of containers that are not as they shall be. */
const observeImages = async (
  desired: DesiredState,
  containers: ActualState['containers'],
  engines: Engines,
): Promise<ActualState['images']> => {
  const seen = new Map(containers.map((one) => [one.name, one]))
  const images = desired.containers
    .filter(({ name, specHash }) => seen.get(name)?.specHash !== specHash || seen.get(name)?.state === 'dead')
    .map(({ image }) => image)
  return images.length === 0 ? new Set() : engines.containers.presentImages([...new Set(images)])
}

/**
 * What is there of the scope of `desired`. `cookie` is the instance's number in its flows, 0 for the fabric or when it is not known.
 *
 * @throws EngineError when an engine cannot be looked at.
 */
export const observe = async (desired: DesiredState, engines: Engines, cookie: number): Promise<ActualState> => {
  const { scope } = desired
  const [containers, seen]: [ActualState['containers'], SwitchesSeen] = await (scope.kind === 'instance'
    ? Promise.all([
        engines.containers.observe(scope.instance),
        observeInstanceSwitches(scope.instance, desired, engines, cookie),
      ])
    : observeFabricSwitches(desired, engines).then((found): [ActualState['containers'], SwitchesSeen] => [[], found]))
  const [wires, images, outside, shapers] = await Promise.all([
    observeWires(desired, containers, seen.ports, engines),
    observeImages(desired, containers, engines),
    observeOutside(desired, seen, engines),
    desired.trunks.length === 0 ? undefined : engines.links.shapers(),
  ])
  return {
    containers,
    wires,
    ports: seen.ports,
    flows: seen.flows,
    bridges: outside.bridges,
    natRules: outside.natRules,
    images,
    ...(shapers === undefined ? {} : { shapers }),
    conflicts: [...seen.conflicts, ...(await observeConflicts(desired, containers, wires, engines))],
  }
}
