import type { Limits, UnitKey } from './desired.ts'
import type {
  BridgeName,
  ContainerName,
  Cookie,
  ImageRef,
  InstanceName,
  InterfaceName,
  MacAddress,
  PortName,
} from './names.ts'
import type { Owned } from './ownership.ts'
import type { Shaper } from './shaping.ts'

/**
 * What was observed of our own objects within a scope. Foreign objects occur only where they stand in the way (`conflicts`).
 */
export interface ActualState {
  readonly containers: readonly Owned<ObservedContainer>[]
  readonly wires: readonly Owned<ObservedWire>[]
  readonly bridges: readonly Owned<ObservedBridge>[]
  readonly ports: readonly Owned<ObservedPort>[]
  readonly flows: readonly Owned<ObservedFlow>[]
  readonly natRules: readonly Owned<ObservedNatRule>[]
  /** Images among the desired ones that are on the host. */
  readonly images: ReadonlySet<ImageRef>
  /** Names that desired objects need and foreign objects have. */
  readonly conflicts: readonly Conflict[]
  /** What the kernel can shape with; looked at where trunks shall be. */
  readonly shapers?: ReadonlySet<Shaper>
}

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead'

/** `starting`: its check has neither passed nor failed often enough yet. */
export type Health = 'starting' | 'healthy' | 'unhealthy'

export interface ObservedContainer extends UnitKey {
  readonly id: string
  readonly name: ContainerName
  readonly role: 'vnf' | 'sap'
  readonly state: ContainerState
  /** Process id of its first process on the host; 0 when none. */
  readonly pid: number
  /** ISO 8601 with nanoseconds as the engine gives it; identifies one run of the container. */
  readonly startedAt: string
  readonly exitCode: number
  /** The kernel killed its program, or a part of it, in this run: there was no memory for it. */
  readonly outOfMemory?: true
  /** What the image's own check says of this run; absent when the image has none. */
  readonly health?: Health
  /** Why its engine tells no more of it than that it is there; its run and its limits are not known then. */
  readonly unread?: string
  readonly image: ImageRef
  readonly specHash: string
  readonly dataCenter: string
  readonly limits: Limits
  /** `closed`: its program waits for its interfaces. */
  readonly gate: 'closed' | 'open' | 'none'
  readonly scripts: { readonly start?: ScriptState; readonly stop?: ScriptState }
  readonly network: 'none' | 'bridge'
  /** What Docker gave it on its own bridge; absent while it does not run. */
  readonly management?: { readonly address: string; readonly mac: string }
}

/** The code a run ended with, and of what when that was memory: `code 3`. */
export const codeOfEnd = ({
  exitCode,
  outOfMemory,
  limits: { memoryBytes },
}: Pick<ObservedContainer, 'exitCode' | 'outOfMemory' | 'limits'>): string => {
  if (outOfMemory === undefined) return `code ${exitCode}`
  const limit =
    memoryBytes === 0 ? 'without a limit of its own' : `its limit is ${Math.round(memoryBytes / 2 ** 20)} MiB`
  return `code ${exitCode} (out of memory, ${limit})`
}

/** A SON_EMU_CMD or SON_EMU_CMD_STOP that the container's environment has. */
export interface ScriptState {
  /** In this run of the container. */
  readonly run: 'pending' | 'running' | 'done'
  readonly exitCode?: number
}

/** A network device of ours in the switches' namespace, and the inner end of its pair where that is seen in a container of ours. */
export interface ObservedWire {
  readonly port: PortName
  /** From its alias; absent on devices of the fabric. */
  readonly instance?: InstanceName
  readonly up: boolean
  /** Queueing discipline that shapes what leaves it. */
  readonly shaper?: Shaper
  readonly inner?: {
    readonly container: ContainerName
    readonly name: InterfaceName | string
    readonly mac: MacAddress | string
    /** IPv4, with prefix length. */
    readonly addresses: readonly string[]
    readonly up: boolean
    /** Transmit checksums are left to hardware that is not there: breaks TCP on a userspace datapath. */
    readonly txOffload: boolean
  }
}

export interface ObservedBridge {
  readonly name: BridgeName
  readonly datapathType: string
  readonly failMode: string
  readonly externalIds: Readonly<Record<string, string>>
  /** Those of the port of its own device. */
  readonly ownPortIds: Readonly<Record<string, string>>
  /** IPv4 addresses of the bridge's own device, where it was asked for. */
  readonly addresses: readonly string[]
  /** The switch daemon has taken it into its datapath. */
  readonly live: boolean
}

export interface ObservedPort {
  readonly name: PortName
  readonly bridge: BridgeName
  readonly kind: 'system' | 'patch' | 'internal' | 'other'
  /** Peer of a patch port. */
  readonly peer?: string
  readonly tag?: number
  readonly trunks: readonly number[]
  readonly externalIds: Readonly<Record<string, string>>
  /** Port number; absent until the switch has it, or when its device is gone. */
  readonly ofport?: number
  /** What the switch says is wrong with it. */
  readonly error?: string
}

export interface ObservedFlow {
  readonly bridge: BridgeName
  readonly cookie: Cookie
  readonly priority: number
  readonly match: string
  readonly actions: string
}

export interface ObservedNatRule {
  readonly bridge: BridgeName
  readonly subnet: string
  /** Some of what belongs to it is gone: the way out does not work, and must be made or taken away in full. */
  readonly broken?: string
}

export interface Conflict {
  readonly kind: 'container' | 'bridge' | 'port' | 'device'
  readonly name: string
  /** Who or what holds it, for the message. */
  readonly holder: string
}
