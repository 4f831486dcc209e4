import type { ImageRef, InterfaceName, LinkId, PackageDigest, VnfId } from './names.ts'
import type { CpuRequest } from './documents.ts'
import type { Diagnostic } from './diagnostics.ts'

/** What a service package says, after parsing: names are checked, sizes are numbers, references are split. */

export interface ServicePackage {
  readonly vendor: string
  readonly name: string
  readonly version: string
  readonly digest: PackageDigest
  /** SHA-1 of the file, hex (the REST facade answers with it). */
  readonly sha1: string
  /** Bytes. */
  readonly size: number
  /** Base name of the file. */
  readonly file: string
  readonly description: string
  readonly service: ServiceDescriptor
  readonly notices: readonly Diagnostic[]
}

export interface ServiceDescriptor {
  readonly vendor: string
  readonly name: string
  readonly version: string
  readonly functions: readonly NetworkFunction[]
  readonly accessPoints: readonly AccessPoint[]
  readonly links: readonly VirtualLink[]
  /** Whether the NSD has the key `forwarding_graphs`, whatever it holds. */
  readonly hasForwardingGraphs: boolean
}

export interface NetworkFunction {
  readonly vnfId: VnfId
  readonly descriptor: FunctionDescriptor
}

export interface FunctionDescriptor {
  readonly vendor: string
  readonly name: string
  readonly version: string
  readonly interfaces: readonly FunctionInterface[]
  /** At least one. */
  readonly units: readonly [DeploymentUnit, ...DeploymentUnit[]]
  /** Links between units of this VNF (only with several units). */
  readonly internalLinks: readonly VirtualLink[]
}

/** A connection point of a VNFD, as an interface of a container. */
export interface FunctionInterface {
  /** As the descriptor writes it, without a legacy `vnf:`. */
  readonly id: string
  /** Kernel name; differs from `id` by cleaned characters or a stable short form. */
  readonly name: InterfaceName
  /** `internal`, `external`, `management`, `interface`, ... as written; empty when absent. */
  readonly type: string
  /** Id of the unit that carries it. */
  readonly unit: string
}

export interface DeploymentUnit {
  readonly id: string
  /** Absent when the package is to build it (`dockerfile`). */
  readonly image?: ImageRef
  /** Folder of the docker file in the package, where one belongs to this VNF. */
  readonly dockerfile?: string
  readonly cpu: CpuRequest
  readonly memoryBytes?: number
}

/** Connection point of the NSD. */
export interface AccessPoint {
  /** As written, `ns:input` or `input`. */
  readonly id: string
  /** `ns_input` or `input`: name of the SAP. */
  readonly name: string
  /** The part after the colon, or the whole. */
  readonly interfaceName: InterfaceName
  readonly type: 'internal' | 'management' | 'external' | 'none'
}

/** One reference of a link: `x:y`, or `z` for function and interface of that one name. */
export interface EndReference {
  readonly raw: string
  /** Function id or first half of a SAP's name. */
  readonly owner: string
  /** Cleaned interface name, comparable with `FunctionInterface.name`. */
  readonly interface: string
}

export interface VirtualLink {
  readonly id: LinkId
  readonly type: 'E-Line' | 'E-LAN' | 'E-Tree' | 'unknown'
  /** As written. */
  readonly typeText: string
  readonly ends: readonly EndReference[]
  readonly file: string
  readonly line: number
}
