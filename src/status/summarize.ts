import type { InstanceStatus } from '../model/status.ts'
import { conditions } from './conditions.ts'
import { functionStatuses } from './functions.ts'
import type { InstanceEntry, SummaryInput } from './input.ts'
import { linkStatuses, sapStatuses } from './links.ts'

/** The whole status of an instance after a look at it. */
export const summarize = (input: SummaryInput): InstanceStatus => {
  const { entry } = input
  const links = linkStatuses(input)
  const pack = entry.package?.package
  return {
    observedGeneration: entry.generation,
    conditions: conditions(input, links),
    package:
      pack === undefined
        ? null
        : { vendor: pack.vendor, name: pack.name, version: pack.version, digest: pack.digest },
    functions: functionStatuses(input),
    links,
    saps: sapStatuses(input),
  }
}

/** Of an instance that had no turn yet. */
export const initialStatus = (entry: InstanceEntry, now: string): InstanceStatus => ({
  ...summarize({
    entry,
    previous: undefined,
    result: undefined,
    convergence: undefined,
    acted: false,
    restarts: () => 0,
    now,
  }),
  observedGeneration: 0,
})
