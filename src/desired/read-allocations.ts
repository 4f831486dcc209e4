import type { ObservedBridge, ObservedContainer, ObservedPort } from '../model/actual.ts'
import type {
  AddressAllocation,
  Allocation,
  PlacementAllocation,
  SubnetAllocation,
  VlanAllocation,
} from '../model/allocation.ts'
import type { PoolName, PoolSettings } from '../model/documents.ts'
import {
  type Cidr,
  type InstanceName,
  type LinkId,
  parseCidr,
  parseInterfaceName,
  parseLinkId,
  parseObjectName,
  parseVnfId,
} from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import { cookieNumber } from './allocate.ts'
import { blockOf, overlap, subnetOf } from './subnets.ts'

type Marks = Readonly<Record<string, string>>

/** What one instance's objects say, under construction; the first word on anything counts. */
interface Found {
  cookie: number | undefined
  readonly subnets: Map<string, SubnetAllocation>
  readonly vlans: Map<string, VlanAllocation>
  readonly addresses: Map<string, AddressAllocation>
  readonly placements: Map<string, PlacementAllocation>
}

const wholeNumber = (text: string | undefined, least: number, most: number): number | undefined => {
  const value = text !== undefined && /^\d{1,9}$/u.test(text) ? Number(text) : undefined
  return value !== undefined && value >= least && value <= most ? value : undefined
}

const optional = <T>(parse: (text: string) => T | undefined, text: string | undefined): T | undefined =>
  text === undefined ? undefined : parse(text)

const addOnce = <T>(map: Map<string, T>, key: string, value: T): void => {
  if (!map.has(key)) map.set(key, value)
}

/** `[[link, vlan or 0], ...]` as text; whatever else it is gives nothing. */
const readAlso = (text: string | undefined): readonly (readonly [LinkId, number])[] => {
  let value: unknown
  try {
    value = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  if (!Array.isArray(value)) return []
  return value.flatMap((item: unknown) => {
    if (!Array.isArray(item)) return []
    const [name, number] = item as readonly unknown[] // an array of whatever; both are checked
    const link = typeof name === 'string' ? parseLinkId(name) : undefined
    const vlan = wholeNumber(String(number), 1, 4094)
    return link === undefined || vlan === undefined ? [] : [[link, vlan] as const]
  })
}

const poolOf = (
  written: string | undefined,
  address: Cidr,
  pools: Readonly<Record<PoolName, PoolSettings>>,
): PoolName | undefined => {
  const names = ['sap', 'elan', 'eline'] as const
  return (
    names.find((name) => name === written) ??
    names.find((name) => overlap(blockOf(pools[name].prefix), blockOf(address)))
  )
}

const readMarks = (found: Found, marks: Marks, pools: Readonly<Record<PoolName, PoolSettings>>): void => {
  found.cookie ??= wholeNumber(marks[externalIds.cookie], 1, 2 ** 24 - 1)
  const copy = wholeNumber(marks[externalIds.copy], 0, 999_999_999)
  const vnf = optional(parseVnfId, marks[externalIds.vnf])
  if (copy === undefined || vnf === undefined) return
  const dataCenter = optional(parseObjectName, marks[externalIds.dataCenter])
  if (dataCenter !== undefined) addOnce(found.placements, `${copy}/${vnf}`, { copy, vnf, dataCenter })

  const link = optional(parseLinkId, marks[externalIds.link])
  const vlan = wholeNumber(marks[externalIds.vlan], 1, 4094)
  const held = link === undefined || vlan === undefined ? [] : [[link, vlan] as const]
  for (const [id, number] of [...held, ...readAlso(marks[externalIds.also])]) {
    addOnce(found.vlans, `${copy}/${id}`, { copy, link: id, vlan: number })
  }

  const address = optional(parseCidr, marks[externalIds.address])
  const name = optional(parseInterfaceName, marks[externalIds.interface])
  if (link === undefined || address === undefined || name === undefined) return
  const vdu = marks[externalIds.vdu] ?? ''
  const replica = wholeNumber(marks[externalIds.replica], 0, 999_999_999) ?? 0
  const key = `${copy}/${vnf}/${vdu}/${replica}/${name}`
  addOnce(found.addresses, key, { copy, vnf, vdu, replica, interface: name, link, address })
  const pool = poolOf(marks[externalIds.pool], address, pools)
  if (pool !== undefined) addOnce(found.subnets, `${copy}/${link}`, { copy, link, pool, subnet: subnetOf(address) })
}

/** In an external SAP's subnet, its neighbours' addresses belong to the subnet that the SAP holds. */
const withoutTwins = (subnets: readonly SubnetAllocation[]): SubnetAllocation[] => {
  const bySap = new Set(subnets.filter((item) => item.link.startsWith('sap:')).map((item) => item.subnet))
  return subnets.filter((item) => item.link.startsWith('sap:') || !bySap.has(item.subnet))
}

/**
 * What instances hold, from what is written on their containers, ports and bridges: nothing else is needed to go on after the state
 * directory is lost. Text that is not ours or not whole is passed over.
 */
export const readAllocations = (
  containers: readonly Pick<ObservedContainer, 'instance' | 'copy' | 'vnf' | 'dataCenter'>[],
  ports: readonly Pick<ObservedPort, 'externalIds'>[],
  pools: Readonly<Record<PoolName, PoolSettings>>,
  bridges: readonly Pick<ObservedBridge, 'externalIds'>[] = [],
): readonly Allocation[] => {
  const byInstance = new Map<InstanceName, Found>()
  const foundOf = (instance: InstanceName): Found => {
    const found = byInstance.get(instance) ?? {
      cookie: undefined,
      subnets: new Map(),
      vlans: new Map(),
      addresses: new Map(),
      placements: new Map(),
    }
    byInstance.set(instance, found)
    return found
  }
  for (const { instance, copy, vnf, dataCenter } of containers) {
    const name = parseObjectName(dataCenter)
    const { placements } = foundOf(instance)
    if (name !== undefined) addOnce(placements, `${copy}/${vnf}`, { copy, vnf, dataCenter: name })
  }
  for (const { externalIds: marks } of [...bridges, ...ports]) {
    const instance = optional(parseObjectName, marks[externalIds.instance])
    if (instance !== undefined) readMarks(foundOf(instance), marks, pools)
  }
  const none = { allocations: new Map(), reserved: [] }
  return [...byInstance.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([instance, found]) => ({
      instance,
      cookie: found.cookie ?? cookieNumber(instance, none, undefined),
      subnets: withoutTwins([...found.subnets.values()]),
      vlans: [...found.vlans.values()],
      addresses: [...found.addresses.values()],
      placements: [...found.placements.values()],
    }))
}
