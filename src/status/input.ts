import type { DesireResult } from '../desired/result.ts'
import type { ActualState } from '../model/actual.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { ServiceInstance } from '../model/documents.ts'
import type { ContainerName, PackageDigest } from '../model/names.ts'
import type { ServicePackage } from '../model/package.ts'
import type { Plan, PlanPolicy, StepOutcome } from '../model/plan.ts'
import type { InstanceStatus } from '../model/status.ts'

/** What the catalog says of an instance. */
export interface InstanceEntry {
  readonly document: ServiceInstance
  readonly generation: number
  readonly accepted: boolean
  readonly diagnostics: readonly Diagnostic[]
  readonly package: { readonly package: ServicePackage; readonly digest: PackageDigest } | undefined
}

/** What the last pass saw and did. */
export interface PassResult {
  /** As last seen. */
  readonly actual: ActualState
  /** Made from what was last seen: what is still to do. */
  readonly plan: Plan
  readonly policy: Pick<PlanPolicy, 'heldBack' | 'failedScripts'>
  readonly outcomes: readonly StepOutcome[]
  /** When what failed is tried again. ISO 8601. */
  readonly nextTry?: string
}

export interface SummaryInput {
  readonly entry: InstanceEntry
  readonly previous: InstanceStatus | undefined
  /** Undefined when nothing could be planned (no package), and for a stopped instance. */
  readonly result: DesireResult | undefined
  /** Undefined when nothing was looked at. */
  readonly convergence: PassResult | undefined
  /** This generation was in place once: what differs since is drift. */
  readonly settled: boolean
  /** The pass was to repair what it found. */
  readonly acted: boolean
  /** Starts of a container beyond the first. */
  readonly restarts: (name: ContainerName) => number
  /** ISO 8601. */
  readonly now: string
}
