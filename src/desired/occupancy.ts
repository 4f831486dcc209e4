import type { AddressRange, Allocation, Ledger, Occupancy } from '../model/allocation.ts'
import { blockOf } from './subnets.ts'

/** Counts of what is held, so that asking costs the same however many instances there are. */

/** How many blocks overlap another; blocks of prefixes either contain one another or have nothing in common. */
export interface BlockCounter {
  add(block: AddressRange): void
  remove(block: AddressRange): void
  overlapping(block: AddressRange): number
}

/** A prefix as one number: 32 bits of address, 6 of length. */
const keyOf = (first: number, length: number): number => {
  const size = 2 ** (32 - length)
  return Math.floor(first / size) * size * 64 + length
}

const bump = (counts: Map<number, number>, key: number, by: number): void => {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

export const createBlockCounter = (): BlockCounter => {
  const blocks = new Map<number, number>()
  /** Blocks strictly within a prefix. */
  const within = new Map<number, number>()
  /** Prefix lengths that blocks have. */
  const lengths = new Map<number, number>()

  const count = ({ first, length }: AddressRange, by: number): void => {
    bump(blocks, keyOf(first, length), by)
    bump(lengths, length, by)
    for (let wider = length - 1; wider >= 0; wider -= 1) bump(within, keyOf(first, wider), by)
  }

  return {
    add: (block) => count(block, 1),
    remove: (block) => count(block, -1),
    overlapping: ({ first, length }) => {
      let sum = within.get(keyOf(first, length)) ?? 0
      for (const wider of lengths.keys()) if (wider <= length) sum += blocks.get(keyOf(first, wider)) ?? 0
      return sum
    },
  }
}

export interface OccupancyBook extends Occupancy {
  /** One takes the place of another; undefined = there is none. True when something is free now that was held. */
  change(before: Allocation | undefined, after: Allocation | undefined): boolean
  /** True when that has changed. */
  reserve(reserved: Ledger['reserved']): boolean
}

const amounts = (numbers: Iterable<number>): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const number of numbers) bump(counts, number, 1)
  return counts
}

export const createOccupancy = (): OccupancyBook => {
  const cookies = new Map<number, number>()
  const vlans = new Map<number, number>()
  const held = createBlockCounter()
  let reservedNow = createBlockCounter()
  let reservedText = ''
  const searched = new Map<string, number>()

  const cookiesOf = (one: Allocation | undefined): readonly number[] => (one === undefined ? [] : [one.cookie])
  const vlansOf = (one: Allocation | undefined): readonly number[] => one?.vlans.map(({ vlan }) => vlan) ?? []

  /** True when one of `before` is not in `after`. */
  const changeNumbers = (counts: Map<number, number>, before: readonly number[], after: readonly number[]): boolean => {
    const difference = amounts(after)
    for (const number of before) bump(difference, number, -1)
    for (const [number, by] of difference) bump(counts, number, by)
    return difference.values().some((by) => by < 0)
  }

  const changeSubnets = (before: Allocation | undefined, after: Allocation | undefined): boolean => {
    const now = new Set(after?.subnets.map(({ subnet }) => subnet))
    const old = new Set(before?.subnets.map(({ subnet }) => subnet))
    for (const subnet of now.difference(old)) held.add(blockOf(subnet))
    const given = old.difference(now)
    for (const subnet of given) held.remove(blockOf(subnet))
    return given.size > 0
  }

  return {
    cookies,
    vlans,
    subnets: (subnet) => held.overlapping(subnet),
    reserved: (subnet) => reservedNow.overlapping(subnet),
    searchedTo: (order) => searched.get(order) ?? 0,
    noteSearched: (order, place) => void searched.set(order, place),
    change: (before, after) => {
      changeNumbers(cookies, cookiesOf(before), cookiesOf(after))
      const isVlanFree = changeNumbers(vlans, vlansOf(before), vlansOf(after))
      const isSubnetFree = changeSubnets(before, after)
      if (isVlanFree || isSubnetFree) searched.clear()
      return isVlanFree || isSubnetFree
    },
    reserve: (reserved) => {
      const text = JSON.stringify(reserved)
      if (text === reservedText) return false
      reservedText = text
      reservedNow = createBlockCounter()
      for (const { subnet } of reserved) reservedNow.add(blockOf(subnet))
      searched.clear()
      return true
    },
  }
}

/** That of a ledger which brings none. */
export const occupancyOf = ({ allocations, reserved, occupancy }: Ledger): Occupancy => {
  if (occupancy !== undefined) return occupancy
  const made = createOccupancy()
  for (const allocation of allocations.values()) made.change(undefined, allocation)
  made.reserve(reserved)
  return made
}
