import type { Allocation, Ledger } from '../model/allocation.ts'
import type { InstanceName } from '../model/names.ts'

export interface LedgerBook {
  /** What is held now, by all. */
  view(): Ledger
  of(instance: InstanceName): Allocation | undefined
  set(allocation: Allocation): void
  release(instance: InstanceName): void
  reserve(reserved: Ledger['reserved']): void
}

/** The one book of what instances hold of pools. Kept in memory; its truth is written on containers and ports and read back at start. */
export const createLedgerBook = (initial: readonly Allocation[]): LedgerBook => {
  const allocations = new Map<InstanceName, Allocation>(initial.map((one) => [one.instance, one]))
  let reserved: Ledger['reserved'] = []
  return {
    view: () => ({ allocations, reserved }),
    of: (instance) => allocations.get(instance),
    set: (allocation) => void allocations.set(allocation.instance, allocation),
    release: (instance) => void allocations.delete(instance),
    reserve: (next) => {
      reserved = next
    },
  }
}
