import type { PoolName } from './documents.ts'
import type { Cidr, DataCenterName, InstanceName, InterfaceName, LinkId, VnfId } from './names.ts'

/** What one instance holds of what all instances share. It is written on containers and ports, and read back from there at start. */
export interface Allocation {
  readonly instance: InstanceName
  /** 1 .. 2^24-1: the instance's number in its flows' cookies. */
  readonly cookie: number
  readonly subnets: readonly SubnetAllocation[]
  readonly vlans: readonly VlanAllocation[]
  readonly addresses: readonly AddressAllocation[]
  readonly placements: readonly PlacementAllocation[]
}

export interface SubnetAllocation {
  readonly copy: number
  /** Link, or `sap:NAME` for an external SAP. */
  readonly link: LinkId
  readonly pool: PoolName
  readonly subnet: Cidr
}

export interface VlanAllocation {
  readonly copy: number
  readonly link: LinkId
  /** 1-4094. */
  readonly vlan: number
}

export interface AddressAllocation {
  readonly copy: number
  /** VNF, or name of a SAP. */
  readonly vnf: VnfId
  /** Empty for the only unit of a VNF. */
  readonly vdu: string
  readonly replica: number
  readonly interface: InterfaceName
  /** The link that gave the address; `sap:NAME` for an external SAP itself. */
  readonly link: LinkId
  readonly address: Cidr
}

export interface PlacementAllocation {
  readonly copy: number
  readonly vnf: VnfId
  readonly dataCenter: DataCenterName
}

/** All allocations of this daemon, and what may not be handed out. */
export interface Ledger {
  readonly allocations: ReadonlyMap<InstanceName, Allocation>
  /** Subnets in use by the host or by Docker; each with who uses it, for messages. */
  readonly reserved: readonly { readonly subnet: Cidr; readonly holder: string }[]
  /** The same, counted: kept by who keeps the ledger, so that an allocation need not walk over all others. */
  readonly occupancy?: Occupancy
}

/** How many hold a thing. */
export interface Occupancy {
  readonly cookies: ReadonlyMap<number, number>
  readonly vlans: ReadonlyMap<number, number>
  /** Subnets of instances that share an address with this one. */
  readonly subnets: (subnet: AddressRange) => number
  readonly reserved: (subnet: AddressRange) => number
  /** Place in an order of candidates before which none is free; what is remembered here is forgotten when anything is given back. */
  readonly searchedTo: (order: string) => number
  readonly noteSearched: (order: string, place: number) => void
}

/** A block of IPv4 addresses: its first one as a number of 32 bits, and its prefix length. */
export interface AddressRange {
  readonly first: number
  readonly length: number
}
