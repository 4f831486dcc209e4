import type { Cidr, DataCenterName, ImageRef, InstanceName, ObjectName, PackageDigest, VnfId } from './names.ts'

/** What users write, after validation: defaults are filled in, sizes are numbers. */

export const apiVersion = 'sond.dev/v1alpha1'

export interface Metadata {
  readonly name: ObjectName
  readonly labels: Readonly<Record<string, string>>
}

export type PlacementPolicy = 'First' | 'RoundRobin' | 'RoundRobinWithSaps'

/** What makes a way between data centers the shortest: fewest links, or the least delay that these have. */
export type PathPolicy = 'Hops' | 'Delay'

/** How an instance names its package. `version` absent = the newest onboarded. */
export type PackageRef =
  | { readonly by: 'name'; readonly vendor?: string; readonly name: string; readonly version?: string }
  | { readonly by: 'digest'; readonly digest: PackageDigest }
  | { readonly by: 'file'; readonly file: string }

export interface CpuRequest {
  /** A set of host CPU numbers, `0,1` or `0-3`. */
  readonly cores?: string
  /** A count. */
  readonly vcpus?: number
  /** Fraction of one CPU; negative or absent = unlimited. */
  readonly bandwidth?: number
}

export interface ResourceRequest {
  readonly cpu: CpuRequest
  /** Absent = the default of the gatekeeper, 2 GB. */
  readonly memoryBytes?: number
}

export interface FunctionOverride {
  readonly vnfId: VnfId
  /** Replicas of this VNF inside its chain; 1 when absent. */
  readonly replicas?: number
  readonly dataCenter?: DataCenterName
  readonly image?: ImageRef
  readonly env?: Readonly<Record<string, string>>
  readonly resources?: ResourceRequest
  readonly privileged?: boolean
}

/** Settings of the daemon that an instance can override; absent = the daemon's. */
export interface InstanceSettings {
  readonly deploySaps?: boolean
  readonly bidirectional?: boolean
  readonly requireForwardingGraphs?: boolean
  readonly path?: PathPolicy
  readonly dockerManagement?: boolean
  readonly placement?: PlacementPolicy
  readonly forcePull?: boolean
  readonly buildDockerfiles?: boolean
  readonly stopWaitMs?: number
}

export interface ServiceInstance {
  readonly kind: 'ServiceInstance'
  readonly metadata: Metadata & { readonly name: InstanceName }
  readonly spec: {
    readonly package: PackageRef
    /** The text the user wrote for `package`. */
    readonly packageText: string
    readonly replicas: number
    readonly suspend: boolean
    readonly state: 'Running' | 'Stopped'
    readonly driftMode: 'Enforce' | 'Warn'
    readonly settings: InstanceSettings
    readonly functions: readonly FunctionOverride[]
  }
}

export interface DataCenter {
  readonly kind: 'DataCenter'
  readonly metadata: Metadata & { readonly name: DataCenterName }
  readonly spec: { readonly capacity: { readonly cpu?: number; readonly memoryBytes?: number } }
}

export interface Link {
  readonly kind: 'Link'
  readonly metadata: Metadata
  readonly spec: {
    readonly endpoints: readonly [DataCenterName, DataCenterName]
    readonly bandwidthBitsPerSecond?: number
    readonly delayMs?: number
    readonly jitterMs?: number
    /** 0-100. */
    readonly lossPercent?: number
  }
}

export interface PoolSettings {
  readonly prefix: Cidr
  /** Prefix length of one subnet. */
  readonly size: number
  readonly count: number
}

export type PoolName = 'sap' | 'elan' | 'eline'

export interface SondConfiguration {
  readonly kind: 'SondConfiguration'
  readonly spec: {
    readonly owner: string
    readonly manifests: { readonly directory: string; readonly settleMs: number; readonly maxPrunePercent: number }
    readonly engines: {
      readonly mode: 'host' | 'embedded' | 'memory'
      readonly docker: string
      readonly ovsdb: string
      readonly datapath: 'auto' | 'system' | 'netdev'
    }
    readonly listen: readonly string[]
    readonly api: {
      /** Bearer token for TCP; null: none. */
      readonly tokenFile: string | null
      /** Group that may use the unix sockets, where the machine has it. */
      readonly group: string
    }
    readonly resyncMs: number
    readonly pools: Readonly<Record<PoolName, PoolSettings>>
    readonly placement: { readonly policy: PlacementPolicy }
    readonly saps: { readonly deploy: boolean; readonly vnfd: string | null }
    readonly chaining: {
      readonly bidirectional: boolean
      readonly requireForwardingGraphs: boolean
      readonly path: PathPolicy
    }
    readonly management: { readonly dockerNetwork: boolean }
    readonly images: {
      readonly forcePull: boolean
      readonly buildDockerfiles: boolean
      readonly allow: readonly string[]
    }
    readonly scripts: { readonly stopWaitMs: number }
    readonly results: { readonly directory: string }
    readonly autoDeploy: boolean
    readonly autoDelete: boolean
    readonly policy: { readonly privileged: boolean }
  }
}

export type ManifestDocument = ServiceInstance | DataCenter | Link
