import type { Health } from './actual.ts'
import type { DataCenterName } from './names.ts'
import type { Diagnostic } from './diagnostics.ts'

/** Of an instance. */
export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Accepted',
  'PackageResolved',
  'ImagesReady',
  'Placed',
  'ContainersReady',
  'LinksReady',
  'SapsReady',
  'Drifted',
] as const

export type ConditionType = (typeof conditionTypes)[number]

/** Of a data center, and of a link with `Shaped`. */
export const topologyConditionTypes = ['Ready', 'Accepted', 'Shaped'] as const

export type AnyConditionType = ConditionType | (typeof topologyConditionTypes)[number]

export interface Condition {
  readonly type: AnyConditionType
  readonly status: 'True' | 'False' | 'Unknown'
  /** UpperCamelCase, stable. */
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
  /** ISO 8601; moves only when `status` flips. */
  readonly lastTransitionTime: string
}

export interface InstanceStatus {
  readonly observedGeneration: number
  readonly conditions: readonly Condition[]
  readonly package: { vendor: string; name: string; version: string; digest: string } | null
  readonly functions: readonly FunctionStatus[]
  readonly links: readonly LinkStatus[]
  readonly saps: readonly SapStatus[]
}

/** Of a data center or a link. */
export interface TopologyStatus {
  readonly observedGeneration: number
  readonly conditions: readonly Condition[]
}

export interface FunctionStatus {
  readonly vnfId: string
  readonly vdu?: string
  readonly copy: number
  readonly replica: number
  readonly container: {
    id: string
    name: string
    image: string
    state: string
    restarts: number
    /** Where its image has a check of its own. */
    health?: Health
  } | null
  readonly dataCenter: DataCenterName | null
  readonly interfaces: readonly {
    name: string
    /** As the descriptor names it, where the kernel name differs. */
    declared?: string
    address: string | null
    mac: string
    /** Empty for the interface on Docker's own bridge. */
    switchPort: string
    link: string | null
  }[]
  /** What is wrong with it and when it is tried again. */
  readonly problem?: string
}

export interface LinkStatus {
  readonly id: string
  readonly copy: number
  readonly type: string
  readonly subnet: string | null
  readonly vlan: number | null
  readonly endpoints: readonly string[]
  readonly chained: boolean
  /** Why not chained; of a chained one, which replica of a function has no part in it; else empty. */
  readonly reason: string
}

export interface SapStatus {
  readonly name: string
  readonly copy: number
  readonly type: string
  readonly dataCenter: string | null
  readonly address: string | null
  readonly subnet: string | null
}

/** A thing to tell the user about an instance: deduplicated, counted. */
export interface EventRecord {
  readonly object: string
  readonly type: 'Normal' | 'Warning'
  /** UpperCamelCase. */
  readonly reason: string
  readonly message: string
  readonly count: number
  /** ISO 8601. */
  readonly firstSeen: string
  readonly lastSeen: string
}

/** What `sonctl get` shows, for every kind. */
export interface ApiObject<Kind extends string = string, Spec = unknown, Status = unknown> {
  readonly apiVersion: string
  readonly kind: Kind
  readonly metadata: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    /** Derived from kind and name; the same after a restart. */
    readonly uid: string
    /** Counts changes of the spec. */
    readonly generation: number
    readonly creationTimestamp: string
    /** Set while the object is going away. */
    readonly deletionTimestamp?: string
    /** File that defines it. */
    readonly source: string
  }
  readonly spec: Spec
  readonly status: Status
}

/** A file of the watched directory and what is wrong with it. */
export interface FileReport {
  readonly file: string
  readonly accepted: boolean
  readonly objects: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}
