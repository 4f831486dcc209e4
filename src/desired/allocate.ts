import type {
  AddressAllocation,
  Allocation,
  Ledger,
  Occupancy,
  SubnetAllocation,
  VlanAllocation,
} from '../model/allocation.ts'
import type { PoolName, PoolSettings } from '../model/documents.ts'
import type { Cidr, InstanceName, InterfaceName, LinkId, VnfId } from '../model/names.ts'
import { hash24 } from './hash.ts'
import { createBlockCounter, occupancyOf } from './occupancy.ts'
import type { Exhausted } from './result.ts'
import {
  type Block,
  blockOf,
  hostAddress,
  hostCount,
  hostIndex,
  overlap,
  poolOrder,
  subnetOf,
  subnetText,
} from './subnets.ts'

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
  const { cookies } = occupancyOf(ledger)
  const own = ledger.allocations.get(instance)?.cookie
  const isTaken = (number: number): boolean => (cookies.get(number) ?? 0) > (number === own ? 1 : 0)
  let number = previous?.cookie ?? (hash24('cookie', instance) % cookieCount) + 1
  while (isTaken(number)) number = (number % cookieCount) + 1
  return number
}

/** Those that hold most first. */
const namesOf = (amounts: ReadonlyMap<string, number>): readonly string[] =>
  [...amounts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).map(([name]) => name)

const subnetHolders = ({ instance, ledger }: AllocationInput, prefix: Block, mine: number): readonly string[] => {
  const amounts = new Map<string, number>(mine === 0 ? [] : [[`instance ${instance}`, mine]])
  const note = (holder: string, subnet: Cidr): void => {
    if (overlap(blockOf(subnet), prefix)) amounts.set(holder, (amounts.get(holder) ?? 0) + 1)
  }
  for (const [name, { subnets }] of ledger.allocations)
    if (name !== instance) for (const { subnet } of subnets) note(`instance ${name}`, subnet)
  for (const { subnet, holder } of ledger.reserved) note(holder, subnet)
  return namesOf(amounts)
}

const allocateSubnets = (
  input: AllocationInput,
  occupancy: Occupancy,
  exhausted: Exhausted[],
): ReadonlyMap<string, Cidr> => {
  const { instance, ledger, previous, pools, segments } = input
  /** What the ledger counts as this instance's own. */
  const own = createBlockCounter()
  const ownSubnets = new Set(ledger.allocations.get(instance)?.subnets.map(({ subnet }) => subnet))
  for (const subnet of ownSubnets) own.add(blockOf(subnet))
  const taken = createBlockCounter()
  const subnets = new Map<string, Cidr>()
  const needs = (segment: Segment): number =>
    Math.max(
      segment.members.length + segment.usedUp.length,
      ...segment.usedUp,
      ...segment.members.map((member) => member.position ?? 0),
    )
  const isMine = (block: Block): boolean => taken.overlapping(block) > 0
  const isTheirs = (block: Block): boolean => occupancy.subnets(block) > own.overlapping(block)
  const take = (segment: Segment, subnet: Cidr): void => {
    taken.add(blockOf(subnet))
    subnets.set(keyOf(segment), subnet)
  }

  /** The first free subnet. What others hold is passed by for good, what this instance holds is not: it may be given up. */
  const find = ({ pool }: Segment, hosts: number): Cidr | undefined => {
    const order = poolOrder(pools[pool], hosts)
    const { prefix, size, count } = pools[pool]
    const name = `${prefix} ${size} ${count} ${order.at(0).length}`
    let passed = occupancy.searchedTo(name)
    let found: Cidr | undefined
    for (let place = givesUp ? 0 : passed; place < order.count && found === undefined; place += 1) {
      const block = order.at(place)
      const isOut = isTheirs(block) || occupancy.reserved(block) > 0
      if (isOut && place === passed) passed += 1
      if (!isOut && !isMine(block)) found = subnetText(block)
    }
    occupancy.noteSearched(name, passed)
    return found
  }

  const before = new Map(previous?.subnets.map((item) => [keyOf(item), item]))
  // What is held stays even where the host has a route to it by now: the route may well be to us.
  for (const segment of segments) {
    const held = before.get(keyOf(segment))
    if (held?.pool !== segment.pool || hostCount(held.subnet) < needs(segment)) continue
    const block = blockOf(held.subnet)
    if (!isMine(block) && !isTheirs(block)) take(segment, held.subnet)
  }
  // That may lie before what was passed by.
  const givesUp = ownSubnets.difference(new Set(subnets.values())).size > 0
  for (const segment of segments) {
    if (subnets.has(keyOf(segment))) continue
    const found = find(segment, needs(segment))
    if (found !== undefined) {
      take(segment, found)
      continue
    }
    const prefix = blockOf(pools[segment.pool].prefix)
    exhausted.push({
      pool: segment.pool,
      wanted: `${instance} copy ${segment.copy} link ${segment.link}`,
      copy: segment.copy,
      link: segment.link,
      holders: subnetHolders(input, prefix, taken.overlapping(prefix)),
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

const vlanHolders = ({ instance, ledger }: AllocationInput, mine: number): readonly string[] => {
  const amounts = new Map<string, number>(mine === 0 ? [] : [[`instance ${instance}`, mine]])
  for (const [name, { vlans }] of ledger.allocations)
    if (name !== instance && vlans.length > 0) amounts.set(`instance ${name}`, vlans.length)
  return namesOf(amounts)
}

const allocateVlans = (
  input: AllocationInput,
  occupancy: Occupancy,
  exhausted: Exhausted[],
): ReadonlyMap<string, number> => {
  const { instance, ledger, previous, vlans } = input
  const own = new Set(ledger.allocations.get(instance)?.vlans.map(({ vlan }) => vlan))
  const taken = new Set<number>()
  const isTheirs = (vlan: number): boolean => (occupancy.vlans.get(vlan) ?? 0) > (own.has(vlan) ? 1 : 0)
  const before = new Map(previous?.vlans.map((item) => [keyOf(item), item.vlan]))
  const result = new Map<string, number>()
  const take = (key: string, vlan: number): void => {
    taken.add(vlan)
    result.set(key, vlan)
  }
  for (const request of vlans) {
    const held = before.get(keyOf(request))
    if (held !== undefined && !taken.has(held) && !isTheirs(held)) take(keyOf(request), held)
  }
  let next = 1
  for (const request of vlans) {
    if (result.has(keyOf(request))) continue
    while (next <= vlanCount && (taken.has(next) || isTheirs(next))) next += 1
    if (next <= vlanCount) take(keyOf(request), next)
    else {
      exhausted.push({
        pool: 'vlan',
        wanted: `${instance} copy ${request.copy} link ${request.link}`,
        copy: request.copy,
        link: request.link,
        holders: vlanHolders(input, taken.size),
      })
    }
  }
  return result
}

/** Hands out what all instances share. Never throws: what ran out is in `exhausted`, and its answer is undefined. */
export const allocate = (input: AllocationInput): Allocated => {
  const exhausted: Exhausted[] = []
  const occupancy = occupancyOf(input.ledger)
  const ledger = { ...input.ledger, occupancy }
  const subnets = allocateSubnets(input, occupancy, exhausted)
  const vlans = allocateVlans(input, occupancy, exhausted)
  const addresses = new Map<string, ReadonlyMap<Member, Cidr>>()
  for (const segment of input.segments) {
    const subnet = subnets.get(keyOf(segment))
    if (subnet !== undefined) addresses.set(keyOf(segment), allocateAddresses(segment, subnet, input.previous))
  }
  return {
    cookie: cookieNumber(input.instance, ledger, input.previous),
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
