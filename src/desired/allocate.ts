import type { AddressAllocation, Allocation, Ledger, SubnetAllocation, VlanAllocation } from '../model/allocation.ts'
import type { PoolName, PoolSettings } from '../model/documents.ts'
import type { Cidr, InstanceName, InterfaceName, LinkId, VnfId } from '../model/names.ts'
import { hash24 } from './hash.ts'
import type { Exhausted } from './result.ts'
import { type Block, blockOf, hostAddress, hostCount, hostIndex, overlap, poolSubnets, subnetOf } from './subnets.ts'

/** An address that is wanted in a segment. */
export interface Member {
  readonly vnf: VnfId
  readonly vdu: string
  readonly interface: InterfaceName
  /** The link that gives the address. */
  readonly link: LinkId
  /** Replicas that have this one address: all of a VNF on an E-Line, one on an E-LAN. */
  readonly replicas: readonly number[]
  /** Host address number it would have by its position; absent = the next free one. */
  readonly position?: number
}

/** A subnet that is wanted, and who wants addresses in it. */
export interface Segment {
  readonly copy: number
  readonly link: LinkId
  readonly pool: PoolName
  readonly members: readonly Member[]
  /** Positions that references to what does not exist use up. */
  readonly usedUp: readonly number[]
}

export interface VlanRequest {
  readonly copy: number
  readonly link: LinkId
}

export interface Allocated {
  readonly cookie: number
  readonly subnet: (segment: Segment) => Cidr | undefined
  readonly address: (segment: Segment, member: Member) => Cidr | undefined
  readonly vlan: (copy: number, link: LinkId) => number | undefined
  readonly subnets: readonly SubnetAllocation[]
  readonly vlans: readonly VlanAllocation[]
  readonly addresses: readonly AddressAllocation[]
  readonly exhausted: readonly Exhausted[]
}

interface AllocationInput {
  readonly instance: InstanceName
  readonly ledger: Ledger
  readonly previous: Allocation | undefined
  readonly pools: Readonly<Record<PoolName, PoolSettings>>
  readonly segments: readonly Segment[]
  readonly vlans: readonly VlanRequest[]
}

/** VLAN ids of 802.1Q; 0 and 4095 are reserved. */
const vlanCount = 4094
const cookieCount = 2 ** 24 - 1

const keyOf = (item: { readonly copy: number; readonly link: LinkId }): string => `${item.copy}/${item.link}`

/** The instance's cookie number: what it had, else by its name, else the next free one. */
export const cookieNumber = (instance: InstanceName, ledger: Ledger, previous: Allocation | undefined): number => {
  const taken = new Set<number>()
  for (const [name, allocation] of ledger.allocations) if (name !== instance) taken.add(allocation.cookie)
  let number = previous?.cookie ?? (hash24('cookie', instance) % cookieCount) + 1
  while (taken.has(number)) number = (number % cookieCount) + 1
  return number
}

const allocateSubnets = (
  { instance, ledger, previous, pools, segments }: AllocationInput,
  exhausted: Exhausted[],
): ReadonlyMap<string, Cidr> => {
  const others = [...ledger.allocations.values()].filter((item) => item.instance !== instance)
  const theirs = others.flatMap((item) =>
    item.subnets.map((held) => ({ block: blockOf(held.subnet), holder: `instance ${item.instance}`, pool: held.pool })),
  )
  const reserved = ledger.reserved.map((item) => ({ block: blockOf(item.subnet), holder: item.holder }))
  const mine: Block[] = []
  const subnets = new Map<string, Cidr>()
  const needs = (segment: Segment): number =>
    Math.max(
      segment.members.length + segment.usedUp.length,
      ...segment.usedUp,
      ...segment.members.map((member) => member.position ?? 0),
    )
  const free = (block: Block, against: readonly { readonly block: Block }[]): boolean =>
    !mine.some((other) => overlap(block, other)) && !against.some((other) => overlap(block, other.block))
  const take = (segment: Segment, subnet: Cidr): void => {
    mine.push(blockOf(subnet))
    subnets.set(keyOf(segment), subnet)
  }
  const before = new Map(previous?.subnets.map((item) => [keyOf(item), item]))
  // What is held stays even where the host has a route to it by now: the route may well be to us.
  for (const segment of segments) {
    const held = before.get(keyOf(segment))
    if (held?.pool !== segment.pool || hostCount(held.subnet) < needs(segment)) continue
    if (free(blockOf(held.subnet), theirs)) take(segment, held.subnet)
  }
  for (const segment of segments) {
    if (subnets.has(keyOf(segment))) continue
    const against = [...theirs, ...reserved]
    const found = poolSubnets(pools[segment.pool], needs(segment)).find((subnet) => free(blockOf(subnet), against))
    if (found !== undefined) {
      take(segment, found)
      continue
    }
    const prefix = blockOf(pools[segment.pool].prefix)
    const holders = against.filter((item) => overlap(item.block, prefix)).map((item) => item.holder)
    if (mine.some((block) => overlap(block, prefix))) holders.push(`instance ${instance}`)
    exhausted.push({
      pool: segment.pool,
      wanted: `${instance} copy ${segment.copy} link ${segment.link}`,
      copy: segment.copy,
      link: segment.link,
      holders: [...new Set(holders)].sort(),
    })
  }
  return subnets
}

/** Addresses of one segment: kept ones first, then by position, then the lowest free. */
const allocateAddresses = (segment: Segment, subnet: Cidr, previous: Allocation | undefined): Map<Member, Cidr> => {
  const addresses = new Map<Member, Cidr>()
  const taken = new Set<number>()
  const take = (member: Member, index: number): void => {
    const address = hostAddress(subnet, index)
    if (address === undefined || taken.has(index)) return
    taken.add(index)
    addresses.set(member, address)
  }
  for (const member of segment.members) {
    const held = previous?.addresses.find(
      (item) =>
        item.copy === segment.copy &&
        item.vnf === member.vnf &&
        item.vdu === member.vdu &&
        item.interface === member.interface &&
        item.replica === member.replicas[0] &&
        subnetOf(item.address) === subnet,
    )
    if (held !== undefined) take(member, hostIndex(held.address))
  }
  for (const member of segment.members) {
    if (!addresses.has(member) && member.position !== undefined) take(member, member.position)
  }
  for (const position of segment.usedUp) taken.add(position)
  for (const member of segment.members) {
    for (let index = 1; !addresses.has(member) && index <= hostCount(subnet); index += 1) take(member, index)
  }
  return addresses
}

const allocateVlans = (
  { instance, ledger, previous, vlans }: AllocationInput,
  exhausted: Exhausted[],
): ReadonlyMap<string, number> => {
  const taken = new Map<number, string>()
  for (const [name, allocation] of ledger.allocations) {
    if (name !== instance) for (const item of allocation.vlans) taken.set(item.vlan, name)
  }
  const before = new Map(previous?.vlans.map((item) => [keyOf(item), item.vlan]))
  const result = new Map<string, number>()
  const take = (key: string, vlan: number): void => {
    taken.set(vlan, instance)
    result.set(key, vlan)
  }
  for (const request of vlans) {
    const held = before.get(keyOf(request))
    if (held !== undefined && !taken.has(held)) take(keyOf(request), held)
  }
  let next = 1
  for (const request of vlans) {
    if (result.has(keyOf(request))) continue
    while (taken.has(next)) next += 1
    if (next <= vlanCount) take(keyOf(request), next)
    else {
      exhausted.push({
        pool: 'vlan',
        wanted: `${instance} copy ${request.copy} link ${request.link}`,
        copy: request.copy,
        link: request.link,
        holders: [...new Set(taken.values())].sort().map((name) => `instance ${name}`),
      })
    }
  }
  return result
}

/** Hands out what all instances share. Never throws: what ran out is in `exhausted`, and its answer is undefined. */
export const allocate = (input: AllocationInput): Allocated => {
  const exhausted: Exhausted[] = []
  const subnets = allocateSubnets(input, exhausted)
  const vlans = allocateVlans(input, exhausted)
  const addresses = new Map<string, ReadonlyMap<Member, Cidr>>()
  for (const segment of input.segments) {
    const subnet = subnets.get(keyOf(segment))
    if (subnet !== undefined) addresses.set(keyOf(segment), allocateAddresses(segment, subnet, input.previous))
  }
  return {
    cookie: cookieNumber(input.instance, input.ledger, input.previous),
    subnet: (segment) => subnets.get(keyOf(segment)),
    address: (segment, member) => addresses.get(keyOf(segment))?.get(member),
    vlan: (copy, link) => vlans.get(keyOf({ copy, link })),
    subnets: input.segments.flatMap((segment) => {
      const subnet = subnets.get(keyOf(segment))
      return subnet === undefined ? [] : { copy: segment.copy, link: segment.link, pool: segment.pool, subnet }
    }),
    vlans: input.vlans.flatMap((request) => {
      const vlan = vlans.get(keyOf(request))
      return vlan === undefined ? [] : { ...request, vlan }
    }),
    addresses: input.segments.flatMap((segment) =>
      segment.members.flatMap((member) => {
        const address = addresses.get(keyOf(segment))?.get(member)
        if (address === undefined) return []
        const { vnf, vdu, interface: name, link } = member
        return member.replicas.map((replica) => ({
          copy: segment.copy,
          vnf,
          vdu,
          replica,
          interface: name,
          link,
          address,
        }))
      }),
    ),
    exhausted,
  }
}
