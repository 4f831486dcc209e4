import type { DesireResult } from '../desired/result.ts'
import type { ActualState } from '../model/actual.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { ServiceInstance } from '../model/documents.ts'
import type { ContainerName } from '../model/names.ts'
import type { ServicePackage } from '../model/package.ts'
import type { Plan, StepOutcome } from '../model/plan.ts'
import type { InstanceStatus } from '../model/status.ts'

/** An instance as the catalog has it. */
export interface InstanceEntry {
  readonly document: ServiceInstance
  readonly generation: number
  /** False: its file is wrong now, and an older meaning is in force. */
  readonly accepted: boolean
  readonly diagnostics: readonly Diagnostic[]
  readonly package: { readonly package: ServicePackage } | undefined
}

/** How the last look at it ended. */
export interface Seen {
  readonly actual: ActualState
  /** What is left to do. */
  readonly plan: Plan
  readonly policy: { readonly heldBack: ReadonlyMap<ContainerName, string> }
  readonly outcomes: readonly StepOutcome[]
}

export interface SummaryInput {
  readonly entry: InstanceEntry
  readonly previous: InstanceStatus | undefined
  /** Undefined: its package is not there, or it is stopped. */
  readonly result: DesireResult | undefined
  /** Undefined: nothing could be looked at for want of a package. */
  readonly convergence: Seen | undefined
  /** False: suspended, or drift is only reported. */
  readonly acted: boolean
  readonly restarts: (name: ContainerName) => number
  /** ISO 8601. */
  readonly now: string
}
