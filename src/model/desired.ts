import type {
  BridgeName,
  Cidr,
  ContainerName,
  Cookie,
  DataCenterName,
  ImageRef,
  InstanceName,
  InterfaceName,
  LinkId,
  MacAddress,
  PortName,
  VnfId,
} from './names.ts'
import type { Shaping } from './shaping.ts'

/**
 * What one pass of the loop is about: one instance, or the fabric that all instances stand on (the switches of data
 * centers and the trunks between them).
 */
export type Scope = { readonly kind: 'instance'; readonly instance: InstanceName } | { readonly kind: 'fabric' }

/** What shall be, within one scope. An instance that shall go has empty lists. */
export interface DesiredState {
  readonly scope: Scope
  /** For an instance: the switches it stands on (made when missing, never removed in its scope) and those of its external SAPs. */
  readonly bridges: readonly DesiredBridge[]
  readonly containers: readonly DesiredContainer[]
  readonly interfaces: readonly DesiredInterface[]
  readonly patches: readonly DesiredPatch[]
  readonly trunks: readonly DesiredTrunk[]
  readonly flows: readonly DesiredFlow[]
}

export interface DesiredBridge {
  readonly name: BridgeName
  readonly role: 'datacenter' | 'sap'
  readonly dataCenter: DataCenterName
  readonly instance?: InstanceName
  readonly externalIds: Readonly<Record<string, string>>
  /** Address of the bridge's own device on the host (external SAP). */
  readonly address?: Cidr
  /** Subnet whose traffic to the outside is masqueraded (external SAP). */
  readonly nat?: Cidr
}

export interface Limits {
  /** CPU numbers, `0,1`; empty = any. */
  readonly cpuset: string
  /** Microseconds. */
  readonly cpuPeriod: number
  /** Microseconds of CPU per period; 0 = unlimited. */
  readonly cpuQuota: number
  /** Bytes; 0 = unlimited. */
  readonly memoryBytes: number
}

/** Which container of an instance. `vdu` is empty for the only unit of a VNF. */
export interface UnitKey {
  readonly instance: InstanceName
  readonly copy: number
  /** VNF, or the name of a SAP. */
  readonly vnf: VnfId
  readonly vdu: string
  readonly replica: number
}

export interface DesiredContainer extends UnitKey {
  readonly name: ContainerName
  readonly role: 'vnf' | 'sap'
  readonly dataCenter: DataCenterName
  readonly hostname: string
  readonly image: ImageRef
  /** How the image is had: from the host or a registry, always from a registry, or built from a folder of the package. */
  readonly imageSource:
    | { readonly kind: 'pull'; readonly force: boolean }
    | { readonly kind: 'build'; readonly package: string; readonly folder: string }
  readonly env: Readonly<Record<string, string>>
  readonly limits: Limits
  /** `host:container[:ro]` pairs. */
  readonly volumes: readonly { readonly host: string; readonly container: string }[]
  /** `none`, or Docker's own bridge with its `eth0` renamed. */
  readonly network: { readonly kind: 'none' } | { readonly kind: 'bridge'; readonly interface: InterfaceName }
  readonly privileged: boolean
  readonly labels: Readonly<Record<string, string>>
  /** Versioned digest of everything that takes a new container to change; limits and interfaces are not in it. */
  readonly specHash: string
}

/** An interface of a container: a veth pair, its inner end's settings and its port on a switch. */
export interface DesiredInterface {
  readonly container: ContainerName
  readonly name: InterfaceName
  readonly mac: MacAddress
  /** Absent: up, with no IPv4 address of ours. */
  readonly address?: Cidr
  /** Name of the veth's outer end and of the port. */
  readonly port: PortName
  readonly bridge: BridgeName
  /** VLAN of an E-LAN: access port. Absent: the port takes no part in switched traffic, flows alone move its frames. */
  readonly vlan?: number
  readonly link?: LinkId
  readonly externalIds: Readonly<Record<string, string>>
}

/** Two patch ports that join two switches. */
export interface DesiredPatch {
  readonly ends: readonly [PatchEnd, PatchEnd]
}
export interface PatchEnd {
  readonly port: PortName
  readonly bridge: BridgeName
  /** Access VLAN of this end. */
  readonly vlan?: number
  /** VLANs that switched traffic may use over this end; absent with no `vlan` = none. */
  readonly trunks?: readonly number[]
  readonly externalIds: Readonly<Record<string, string>>
}

/** A veth pair between two switches, shaped by tc. */
export interface DesiredTrunk extends DesiredPatch {
  readonly link: string
  readonly shaping: Shaping
}

/** A flow rule in the switch's own canonical text, ports by name. */
export interface DesiredFlow {
  readonly bridge: BridgeName
  readonly cookie: Cookie
  readonly priority: number
  /** As `ovs-ofctl --names dump-flows` prints it, e.g. `in_port=sv4k2`, `in_port=p1,dl_vlan=100`. */
  readonly match: string
  /** e.g. `output:sv7q1`. */
  readonly actions: string
  readonly copy: number
  readonly link: LinkId
  /** Ports that must be there before the switch takes the flow. */
  readonly needs: readonly PortName[]
  /** Ports of replicas that it spreads over, list by list: of each it takes those that are there, and it needs one. */
  readonly replicas?: readonly (readonly PortName[])[]
}
