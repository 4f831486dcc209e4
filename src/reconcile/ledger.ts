import type { Allocation, Ledger } from '../model/allocation.ts'
import { createOccupancy } from '../desired/occupancy.ts'
import type { InstanceName } from '../model/names.ts'

export interface LedgerBook {
  /** What is held now, by all. */
  view(): Ledger
  of(instance: InstanceName): Allocation | undefined
  set(allocation: Allocation): void
  release(instance: InstanceName): void
  reserve(reserved: Ledger['reserved']): void
  /** Called whenever something was given back. */
  onFree(listener: () => void): void
}

/** The one book of what instances hold of pools. Kept in memory; its truth is written on containers and ports and read back at start. */
export const createLedgerBook = (initial: readonly Allocation[]): LedgerBook => {
  const allocations = new Map<InstanceName, Allocation>()
  const occupancy = createOccupancy()
  let reserved: Ledger['reserved'] = []
  let freed: () => void = () => undefined
  const set = (allocation: Allocation): void => {
    const isFree = occupancy.change(allocations.get(allocation.instance), allocation)
    allocations.set(allocation.instance, allocation)
    if (isFree) freed()
  }
  for (const one of initial) set(one)
  return {
    view: () => ({ allocations, reserved, occupancy }),
    of: (instance) => allocations.get(instance),
    set,
    release: (instance) => {
      const isFree = occupancy.change(allocations.get(instance), undefined)
      allocations.delete(instance)
      if (isFree) freed()
    },
    reserve: (next) => {
      reserved = next
      if (occupancy.reserve(next)) freed()
    },
    onFree: (listener) => {
      freed = listener
    },
  }
}
