import type {
  ActualState,
  Conflict,
  ObservedBridge,
  ObservedContainer,
  ObservedFlow,
  ObservedNatRule,
  ObservedPort,
} from '../model/actual.ts'
import type { DesiredBridge, DesiredContainer, DesiredInterface, DesiredTrunk, Limits } from '../model/desired.ts'
import type {
  BridgeName,
  Cidr,
  ContainerName,
  ImageRef,
  InstanceName,
  InterfaceName,
  PortName,
} from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { DesiredPort, FlowChange } from '../model/plan.ts'
import type { Shaper } from '../model/shaping.ts'

/**
 * The three engines as the loop sees them. Each adapter is idempotent (making what is there and removing what is gone
 * succeed), removes only what bears our marks, gives every call a time-out, and throws `EngineError` alone.
 */

/** Says only where to look again; `instance` absent = everywhere. A lost hint costs a resync interval, never correctness. */
export interface EngineHint {
  readonly instance?: InstanceName
  readonly fabric?: boolean
  readonly cause: string
}

export interface Subscription {
  close(): Promise<void>
}

interface Engine {
  /** Resolves when the engine answers; rejects with `UNAVAILABLE`. */
  ping(): Promise<void>
  /** Hints from now on. A connection that breaks and returns gives a hint for everywhere. */
  subscribe(listener: (hint: EngineHint) => void): Promise<Subscription>
  close(): Promise<void>
}

export interface ScriptOutput {
  readonly exitCode: number
  /** Standard output and error together, at most 64 KiB from the end. */
  readonly output: string
}

export interface ContainerEngine extends Engine {
  /**
   * Our containers: those of one instance, looked at in full, or all of them. Of all, one that the engine cannot read is there with what its
   * marks say, `unread` and no process, though it may run; for its instance that is a failure.
   */
  observe(instance?: InstanceName): Promise<readonly Owned<ObservedContainer>[]>
  /** Foreign containers that have one of these names. */
  conflicts(names: readonly ContainerName[]): Promise<readonly Conflict[]>
  presentImages(images: readonly ImageRef[]): Promise<ReadonlySet<ImageRef>>
  pullImage(image: ImageRef, progress: (line: string) => void): Promise<void>
  /** `context` is an uncompressed tar with a Dockerfile at its root. */
  buildImage(image: ImageRef, context: Uint8Array, progress: (line: string) => void): Promise<void>
  /** Makes it with a closed gate; does not start it. */
  create(container: DesiredContainer): Promise<void>
  /** Resolves when it runs. Its program waits behind the gate. */
  start(name: ContainerName): Promise<void>
  unpause(name: ContainerName): Promise<void>
  updateLimits(name: ContainerName, limits: Limits): Promise<void>
  /** Kills and removes, with what was kept for its gate and scripts. */
  remove(container: Owned<ObservedContainer>): Promise<void>
  /** Lets the program run; resolves when it does. */
  openGate(name: ContainerName): Promise<void>
  /** Process id of the first process, for wiring. */
  pidOf(name: ContainerName): Promise<number>
  /**
   * Runs SON_EMU_CMD or SON_EMU_CMD_STOP by the container's shell, once a run; a start script that failed is run again. Resolves when it
   * has been started, or with the end where `wait` is set.
   */
  runScript(name: ContainerName, script: 'start' | 'stop', wait: { readonly ms: number } | undefined): Promise<void>
  /** Output of a script of this run; undefined when it did not run. */
  scriptOutput(name: ContainerName, script: 'start' | 'stop'): Promise<ScriptOutput | undefined>
  /** Lines as they come, to the end or while `follow`. */
  logs(name: ContainerName, options: { tail?: number; follow?: boolean; signal?: AbortSignal }): AsyncIterable<string>
  /** Rejects with `NOT_FOUND` when the container does not run, or is paused. */
  exec(name: ContainerName, command: readonly string[], input?: Uint8Array): Promise<ScriptOutput>
  /** Subnets of Docker's networks, for the allocation ledger. */
  networks(): Promise<readonly { readonly subnet: Cidr; readonly name: string }[]>
}

export interface SwitchEngine extends Engine {
  /** False when another live daemon holds this owner mark on this engine. Held until `close`, taken again after a reconnect. */
  claim(): Promise<boolean>
  /** `userspace` = netdev. */
  datapath(): Promise<'system' | 'netdev'>
  /**
   * Our bridges, ports and flows: all of them, or what concerns one instance. With `instance`, bridges are those
   * named too, and flows those that bear `cookie` on these bridges and on others where the instance has a port.
   */
  observe(
    scope: { readonly instance?: InstanceName; readonly cookie?: number },
    bridges: readonly BridgeName[],
  ): Promise<{
    readonly bridges: readonly Owned<ObservedBridge>[]
    readonly ports: readonly Owned<ObservedPort>[]
    readonly flows: readonly Owned<ObservedFlow>[]
    readonly conflicts: readonly Conflict[]
  }>
  /** Resolves when the switch has taken it into its datapath. */
  setBridge(bridge: DesiredBridge): Promise<void>
  removeBridge(bridge: Owned<ObservedBridge>): Promise<void>
  /** Creates or changes; calls of one moment go in one transaction. Resolves when the switch has given it a port number. */
  setPort(port: DesiredPort): Promise<void>
  removePort(port: Owned<ObservedPort>): Promise<void>
  /** One atomic bundle; removing a flow whose port is gone succeeds. */
  changeFlows(bridge: BridgeName, changes: readonly FlowChange[]): Promise<void>
}

/** Network devices: veth pairs between the switches' namespace and containers, addresses, NAT. */
export interface LinkEngine extends Engine {
  /**
   * Outer ends that bear our mark, with their inner ends where these are in one of the containers. Who names `ports` may be given
   * those alone, and those that end in the containers.
   */
  observe(
    containers: readonly { name: ContainerName; pid: number }[],
    ports?: ReadonlySet<PortName>,
  ): Promise<ActualState['wires']>
  /** Devices of that name that are not ours. */
  conflicts(ports: readonly PortName[]): Promise<readonly Conflict[]>
  /** Makes the pair (an old one of that name goes), names, addresses and raises both ends. */
  createWire(wire: DesiredInterface, pid: number): Promise<void>
  /**
   * Brings settings of both ends back: MAC, address, up, checksum offload. Takes the addresses in `stale` away, which were ours
   * once, and leaves all others: a function may give its interface more.
   */
  configureWire(wire: DesiredInterface, pid: number, stale: readonly Cidr[]): Promise<void>
  removeWire(wire: ActualState['wires'][number]): Promise<void>
  /** Renames Docker's own interface in a container. */
  renameManagement(pid: number, name: InterfaceName): Promise<void>
  createTrunk(trunk: DesiredTrunk): Promise<void>
  /** As far as the kernel can: what it has no shaper for is left out. */
  shapeTrunk(trunk: DesiredTrunk): Promise<void>
  /** What the kernel can shape with. */
  shapers(): Promise<ReadonlySet<Shaper>>
  /** Addresses of bridges' own devices on the host. */
  addresses(bridges: readonly BridgeName[]): Promise<ReadonlyMap<BridgeName, readonly string[]>>
  setAddress(bridge: BridgeName, address: Cidr | undefined): Promise<void>
  natRules(): Promise<readonly Owned<ObservedNatRule>[]>
  addNat(bridge: BridgeName, subnet: string): Promise<void>
  removeNat(rule: Owned<ObservedNatRule>): Promise<void>
  /** Subnets that the host routes elsewhere than to us, for the allocation ledger. */
  routes(): Promise<readonly { readonly subnet: Cidr; readonly device: string }[]>
}

export interface Engines {
  readonly containers: ContainerEngine
  readonly switches: SwitchEngine
  readonly links: LinkEngine
}
