import type { Allocation, Ledger } from '../model/allocation.ts'
import type { DesiredState, UnitKey } from '../model/desired.ts'
import type { DataCenter, Link, PoolName, ServiceInstance } from '../model/documents.ts'
import type {
  Cidr,
  ContainerName,
  DataCenterName,
  InstanceName,
  InterfaceName,
  LinkId,
  MacAddress,
  Owner,
  PortName,
} from '../model/names.ts'
import type { ServicePackage } from '../model/package.ts'
import type { EffectiveSettings } from './settings.ts'

export interface Topology {
  readonly dataCenters: readonly DataCenter[]
  readonly links: readonly Link[]
}

/** CPU in CPUs, memory in bytes. */
export interface Usage {
  readonly cpu: number
  readonly memoryBytes: number
}

/** What all other instances use of a data center, and who they are. */
export interface OthersUsage extends Usage {
  readonly holders: readonly string[]
}

export interface GoneInstance {
  readonly name: InstanceName
  readonly gone: true
}

export interface DesireInput {
  readonly instance: ServiceInstance | GoneInstance
  readonly package: ServicePackage
  readonly topology: Topology
  readonly settings: EffectiveSettings
  readonly owner: Owner
  /** CPUs of the host, numbered from 0. */
  readonly host: { readonly cpus: number }
  readonly ledger: Ledger
  readonly previous: Allocation | undefined
  /** What all other instances use of each data center (sum of their `usage`); absent = nothing. */
  readonly othersUsage?: ReadonlyMap<DataCenterName, OthersUsage>
}

export interface DesireResult {
  readonly desired: DesiredState
  /** Undefined for an instance that is gone: what it held is free. */
  readonly allocation: Allocation | undefined
  readonly links: readonly PlannedLink[]
  readonly saps: readonly PlannedSap[]
  readonly functions: readonly PlannedFunction[]
  readonly notices: readonly Notice[]
  readonly exhausted: readonly Exhausted[]
  readonly usage: ReadonlyMap<DataCenterName, Usage>
  readonly fabric: FabricNeeds
}

/** What an instance needs of the fabric; `desireFabric` takes those of all instances. */
export interface FabricNeeds {
  readonly dataCenters: readonly DataCenterName[]
  /** VLANs of switched links, each with the names of the `Link`s it crosses. */
  readonly lans: readonly { readonly vlan: number; readonly links: readonly string[] }[]
}

export const noticeCodes = {
  ADDRESS_KEPT: 'notice',
  CPUSET_IGNORED: 'warning',
  CPUSET_LIMITED: 'warning',
  CPU_LIMITED: 'notice',
  DATA_CENTER_GONE: 'warning',
  DATA_CENTER_UNKNOWN: 'warning',
  DUPLICATE_LINK_ID: 'notice',
  E_TREE_AS_LAN: 'notice',
  EXHAUSTED: 'warning',
  EXTRA_ENDS: 'notice',
  FUNCTION_UNKNOWN: 'warning',
  IMAGE_MISSING: 'warning',
  IMAGE_NEEDS_BUILD: 'warning',
  IMAGE_REFUSED: 'warning',
  INTERFACE_TAKEN: 'warning',
  LINK_SKIPPED: 'warning',
  MEMBER_SKIPPED: 'notice',
  MEMORY_RAISED: 'warning',
  PRIVILEGED_REFUSED: 'warning',
  SAP_RENAMED: 'notice',
  SAP_TYPE: 'notice',
  SAP_UNLINKED: 'notice',
  UNPLACEABLE: 'warning',
} as const

export type NoticeCode = keyof typeof noticeCodes

/** What the user shall know; a `warning` means that something asked for is not there. */
export interface Notice {
  readonly code: NoticeCode
  readonly severity: 'notice' | 'warning'
  readonly message: string
}

export const notice = (code: NoticeCode, message: string): Notice => ({ code, severity: noticeCodes[code], message })

/** A pool that had nothing left. */
export interface Exhausted {
  readonly pool: PoolName | 'vlan'
  /** Who wanted it, for messages: `demo copy 0 link l1`. */
  readonly wanted: string
  /** Copy and link that go without. */
  readonly copy: number
  readonly link: LinkId
  /** Instances, host routes and Docker networks that hold the pool, those that hold most of it first. */
  readonly holders: readonly string[]
}

/** Holders that a message names. */
const holdersNamed = 5

/** `instance a, instance b and 7 others`. */
export const someHolders = (holders: readonly string[]): string => {
  const more = holders.length - holdersNamed
  return more > 1 ? `${holders.slice(0, holdersNamed).join(', ')} and ${more} others` : holders.join(', ')
}

/** Why a link, or one end of it, is not there. */
export const skipCodes = [
  'END_MISSING',
  'END_NOT_PLACED',
  'EXHAUSTED',
  'INTERFACE_TAKEN',
  'MANAGEMENT_NETWORK',
  'NO_FORWARDING_GRAPH',
  'NO_PATH',
  'REPEATED_END',
  'SAPS_ONLY',
  'SECOND_EXTERNAL_SAP',
  'SELF_LINK',
  'TOO_FEW_ENDS',
  'UNKNOWN_TYPE',
] as const

export interface Skip {
  readonly code: (typeof skipCodes)[number]
  readonly text: string
}

/** One end of a link as planned: an interface of a container (each replica is an end) or an external SAP. */
export interface PlannedEnd {
  /** As the descriptor writes it. */
  readonly reference: string
  /** VNF or name of the SAP. */
  readonly vnf: string
  readonly replica: number
  readonly interface: InterfaceName | undefined
  /** Absent for an external SAP and for an end that does not exist. */
  readonly container?: ContainerName
  readonly port?: PortName
  /** Undefined where the end exists nowhere, or no address was left. */
  readonly address: Cidr | undefined
  /** Why this end takes no part; the rest of an E-LAN goes on. */
  readonly skipped?: Skip
}

export interface PlannedLink {
  /** Unique within the instance's copy. */
  readonly id: LinkId
  readonly copy: number
  /** As written. */
  readonly type: string
  readonly subnet: Cidr | undefined
  readonly vlan: number | undefined
  readonly endpoints: readonly PlannedEnd[]
  /** Set = not chained. */
  readonly skipped?: Skip
  /** Links whose flows carry this one's frames too: the other of a pair for both ways, others on the same interface. */
  readonly carriedBy: readonly LinkId[]
}

export interface PlannedSap {
  readonly name: string
  readonly copy: number
  readonly type: 'internal' | 'management' | 'external'
  readonly dataCenter: DataCenterName | undefined
  /** Of the SAP's container, or of its switch on the host. */
  readonly address: Cidr | undefined
  readonly subnet: Cidr | undefined
  readonly container?: ContainerName
  readonly problem?: string
}

export interface PlannedInterface {
  readonly name: InterfaceName
  /** As the descriptor names it. */
  readonly declared: string
  readonly mac: MacAddress
  readonly port: PortName
  readonly address: Cidr | undefined
  /** First link it is on. */
  readonly link: LinkId | undefined
}

/** A container that shall be, or would be if it could be placed. */
export interface PlannedFunction extends UnitKey {
  readonly role: 'vnf' | 'sap'
  readonly container: ContainerName
  readonly dataCenter: DataCenterName | undefined
  readonly interfaces: readonly PlannedInterface[]
  /** Interface on Docker's own bridge. */
  readonly management?: InterfaceName
  /** Why it has no container. */
  readonly problem?: string
}
