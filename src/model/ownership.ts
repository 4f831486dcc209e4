import type { Owner } from './names.ts'

/** Docker label keys on every container sond makes. */
export const labels = {
  owner: 'sond.dev/owner',
  instance: 'sond.dev/instance',
  copy: 'sond.dev/copy',
  vnf: 'sond.dev/vnf',
  vdu: 'sond.dev/vdu',
  replica: 'sond.dev/replica',
  dataCenter: 'sond.dev/datacenter',
  specHash: 'sond.dev/spec-hash',
  /** `vnf` or `sap`. */
  role: 'sond.dev/role',
} as const

/** Keys of `external_ids` on every Open vSwitch bridge and port sond makes. */
export const externalIds = {
  owner: 'sond-owner',
  instance: 'instance',
  copy: 'copy',
  vnf: 'vnf',
  vdu: 'vdu',
  replica: 'replica',
  interface: 'interface',
  dataCenter: 'datacenter',
  link: 'link',
  address: 'address',
  vlan: 'vlan',
  /** Pool of the address. */
  pool: 'pool',
  /** Further links on this port: JSON, `[[LINK, VLAN or 0], ...]`. */
  also: 'also',
  /** 24-bit number of the instance in its flows' cookies, decimal. */
  cookie: 'cookie',
  /** `vnf`, `sap`, `trunk`. */
  role: 'role',
  /** On the ports of a trunk: how it is shaped, which is not read back from the kernel. */
  shaping: 'shaping',
} as const

/** Alias (ifalias) of every network device sond makes begins with this and the owner, `sond:OWNER:`. */
export const deviceAlias = (owner: Owner, rest: string): string => `sond:${owner}:${rest}`

declare const owned: unique symbol
/** An observed object that bears our marks. Only adapters make these; removing anything takes one. */
export type Owned<T> = T & { readonly [owned]: true }

/** For adapters alone: says that the marks were checked. */
export const asOwned = <T>(observed: T): Owned<T> => observed as Owned<T>
