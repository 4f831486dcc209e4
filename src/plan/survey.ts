import type { ActualState, ObservedContainer, ObservedPort, ObservedWire } from '../model/actual.ts'
import type { DesiredContainer, DesiredInterface, DesiredPatch, DesiredState } from '../model/desired.ts'
import type { BridgeName, ContainerName, LinkId, PortName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { PlanPolicy, StepId } from '../model/plan.ts'
import type { Draft } from './draft.ts'
import { fateOf, restarts, type Fate } from './fates.ts'
import { takesNewConnections } from './health.ts'
import { stepId } from './ids.ts'
import { portsOfFlow } from './replicas.ts'

/** The planner's input, looked up by name, and what was decided first of all: what becomes of each container. */
export interface Survey {
  readonly desired: DesiredState
  readonly actual: ActualState
  readonly policy: PlanPolicy
  readonly fates: ReadonlyMap<ContainerName, Fate>
  readonly interfacesOf: (container: ContainerName) => readonly DesiredInterface[]
  readonly ports: ReadonlyMap<PortName, Owned<ObservedPort>>
  readonly wires: ReadonlyMap<PortName, Owned<ObservedWire>>
  /** Every port that shall be in this scope. */
  readonly desiredPorts: ReadonlySet<PortName>
  /** Those of them that stand on a device: patch ports do not. */
  readonly desiredDevices: ReadonlySet<PortName>
  /** Containers of ours that no one wants any more. */
  readonly going: readonly Owned<ObservedContainer>[]
  readonly linksOfContainer: (container: ContainerName) => readonly LinkId[]
  readonly linksOfPort: (port: PortName) => readonly LinkId[]
  readonly linksOfBridge: (bridge: BridgeName) => readonly LinkId[]
  readonly isBlocked: {
    readonly bridge: (name: BridgeName) => boolean
    /** Something foreign has the name of the port or of its device. */
    readonly port: (name: PortName) => boolean
  }
  /** New connections go to the replica behind this port. */
  readonly takesNew: (port: PortName) => boolean
  /** Step that fetches the image of a container that is to be created. */
  readonly imageStep: (container: ContainerName) => StepId | undefined
}

const group = <K, V>(items: readonly V[], keys: (item: V) => readonly K[]): ReadonlyMap<K, readonly V[]> => {
  const groups = new Map<K, V[]>()
  for (const item of items) {
    for (const key of keys(item)) {
      const list = groups.get(key)
      if (list === undefined) groups.set(key, [item])
      else list.push(item)
    }
  }
  return groups
}

const portsOf = ({ ends }: DesiredPatch): readonly PortName[] => ends.map((end) => end.port)

const linkOf = (item: { readonly link?: LinkId }): readonly LinkId[] => (item.link === undefined ? [] : [item.link])

const linkLookup = (desired: DesiredState) => {
  const byContainer = group(desired.interfaces, (one) => [one.container])
  const interfaceByPort = new Map(desired.interfaces.map((one) => [one.port, one]))
  const flowsByPort = group(desired.flows, portsOfFlow)
  const flowsByBridge = group(desired.flows, (flow) => [flow.bridge])
  const byBridge = group(desired.interfaces, (one) => [one.bridge])
  const unique = (links: readonly LinkId[]): readonly LinkId[] => [...new Set(links)]
  const linksOfPort = (port: PortName): readonly LinkId[] =>
    unique([...linkOf(interfaceByPort.get(port) ?? {}), ...(flowsByPort.get(port) ?? []).flatMap(linkOf)])
  return {
    interfacesOf: (container: ContainerName) => byContainer.get(container) ?? [],
    linksOfPort,
    linksOfContainer: (container: ContainerName) =>
      unique((byContainer.get(container) ?? []).flatMap((one) => linksOfPort(one.port))),
    linksOfBridge: (bridge: BridgeName) =>
      unique([...(byBridge.get(bridge) ?? []), ...(flowsByBridge.get(bridge) ?? [])].flatMap(linkOf)),
  }
}

const conflictLookup = ({ conflicts }: ActualState) => {
  const names = (...kinds: readonly string[]): ReadonlySet<string> =>
    new Set(conflicts.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name))
  const [containers, bridges, ports] = [names('container'), names('bridge'), names('port', 'device')]
  return {
    container: (name: ContainerName) => containers.has(name),
    bridge: (name: BridgeName) => bridges.has(name),
    port: (name: PortName) => ports.has(name),
  }
}

export const survey = (desired: DesiredState, actual: ActualState, policy: PlanPolicy, draft: Draft): Survey => {
  const isBlocked = conflictLookup(actual)
  const observed = new Map(actual.containers.map((one) => [one.name, one]))
  const wanted = new Map<ContainerName, DesiredContainer>(desired.containers.map((one) => [one.name, one]))
  for (const conflict of actual.conflicts) draft.notice({ code: 'CONFLICT', conflict })

  const fates = new Map<ContainerName, Fate>(
    desired.containers.map((one) => [
      one.name,
      isBlocked.container(one.name)
        ? { kind: 'wait' }
        : fateOf(one, observed.get(one.name), policy.heldBack.get(one.name), draft.notice),
    ]),
  )

  const imageStep = (name: ContainerName): StepId | undefined => {
    const fate = fates.get(name)
    const container = wanted.get(name)
    if (container === undefined || (fate?.kind !== 'create' && fate?.kind !== 'recreate')) return undefined
    const { image, imageSource } = container
    const force = imageSource.kind === 'pull' && imageSource.force
    return force || !actual.images.has(image) ? stepId.image(image) : undefined
  }

  const devices = new Set([...desired.interfaces.map((one) => one.port), ...desired.trunks.flatMap(portsOf)])
  return {
    desired,
    actual,
    policy,
    fates,
    ...linkLookup(desired),
    ports: new Map(actual.ports.map((one) => [one.name, one])),
    wires: new Map(actual.wires.map((one) => [one.port, one])),
    desiredPorts: new Set([...devices, ...desired.patches.flatMap(portsOf)]),
    desiredDevices: devices,
    going: actual.containers.filter((one) => !wanted.has(one.name) && one.state !== 'removing'),
    isBlocked,
    takesNew: takesNewConnections(desired, actual, (name) => restarts(fates.get(name))),
    imageStep,
  }
}
