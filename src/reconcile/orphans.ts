import type { InstanceName } from '../model/names.ts'
import type { Clock } from './clock.ts'

/** A second sighting counts when it comes at least this much later. Milliseconds. */
export const sightingDistance = 5_000

export interface Orphans {
  /**
   * Takes the instances that have objects on the engines and no document. Gives those that were seen so before, long enough
   * ago, without a break.
   */
  sight(names: ReadonlySet<InstanceName>): readonly InstanceName[]
}

/** Two sightings before an orphan is removed: a file that is just being replaced is not a deletion. */
export const createOrphans = (clock: Clock): Orphans => {
  const seen = new Map<InstanceName, number>()
  return {
    sight: (names) => {
      for (const name of seen.keys()) if (!names.has(name)) seen.delete(name)
      const now = clock.monotonic()
      return [...names].filter((name) => {
        const first = seen.get(name)
        if (first === undefined) seen.set(name, now)
        return first !== undefined && now - first >= sightingDistance
      })
    },
  }
}
