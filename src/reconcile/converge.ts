import { apply, type ApplyOptions } from '../apply/apply.ts'
import type { Engines } from '../engine/ports.ts'
import type { ActualState } from '../model/actual.ts'
import type { DesiredState } from '../model/desired.ts'
import { isEmpty, type Plan, type PlanPolicy, type Step, type StepId, type StepOutcome } from '../model/plan.ts'
import { observe } from '../observe/observe.ts'
import { plan } from '../plan/plan.ts'

/** Looks in a row at most; what has not settled by then is tried again after a back-off. */
const maxLooks = 6

export interface ConvergeOptions {
  readonly engines: Engines
  /** The instance's number in its flows' cookies; 0 in the fabric's scope. */
  readonly cookie: number
  /** False: look and plan, change nothing. */
  readonly act: boolean
  /** Called before each look. */
  readonly look: () => void
  /** Called with what was seen, before it is planned on; gives what the planner may not know by itself. */
  readonly policy: (actual: ActualState) => PlanPolicy
  /** Called with what was seen and a plan that is about to be carried out. */
  readonly acting: (seen: Convergence) => void
  readonly ended: (outcome: StepOutcome) => void
  readonly buildContext: (packageDigest: string, folder: string) => Promise<Uint8Array>
  readonly onStopped?: ApplyOptions['onStopped']
  /** Called after each plan that was carried out, with what it did. */
  readonly applied: (outcomes: readonly StepOutcome[]) => void
  /** What shall be has changed meanwhile: carrying on with the old is no use. */
  readonly stale: () => boolean
  /** Steps that failed lately and wait for their time, with how they ended: when nothing else is left to do, nothing is done. */
  readonly waiting: ReadonlyMap<StepId, StepOutcome>
  readonly signal: AbortSignal
}

export interface Convergence {
  /** As last seen. */
  readonly actual: ActualState
  /** Made from what was last seen. */
  readonly plan: Plan
  readonly policy: PlanPolicy
  readonly outcomes: readonly StepOutcome[]
}

type Ends = ReadonlyMap<StepId, StepOutcome>

/** Steps whose last try did not succeed, with how it ended. */
const failedSteps = (waiting: Ends, outcomes: readonly StepOutcome[]): Ends => {
  const last = new Map([...waiting, ...outcomes.map((outcome) => [outcome.step.id, outcome] as const)])
  return new Map([...last].filter(([, { result }]) => result !== 'done'))
}

/** Rules that waited for others' failed steps, and of which some need those no longer: other replicas serve. */
const isFreed = (step: Step, failed: Ends): boolean =>
  step.kind === 'changeFlows' &&
  failed.get(step.id)?.result === 'skipped' &&
  !step.after.some((id) => failed.has(id)) &&
  step.changes.some(({ after }) => !after.some((id) => failed.has(id)))

/**
 * Observe, plan, apply, until a look finds nothing left to do, or only what has just failed: the caller decides when that is
 * tried again.
 *
 * @throws EngineError when an engine cannot be looked at; nothing is decided then.
 */
export const converge = async (desired: DesiredState, options: ConvergeOptions): Promise<Convergence> => {
  const outcomes: StepOutcome[] = []
  for (let looks = 1; ; looks += 1) {
    options.look()
    const actual = await observe(desired, options.engines, options.cookie)
    const failed = failedSteps(options.waiting, outcomes)
    const policy = { ...options.policy(actual), failedSteps: new Set(failed.keys()) }
    const planned = plan(desired, actual, policy)
    const hopeless = planned.steps.every((step) => failed.has(step.id) && !isFreed(step, failed))
    const cut = options.signal.aborted || options.stale()
    if (isEmpty(planned) || hopeless || !options.act || looks >= maxLooks || cut)
      return { actual, plan: planned, policy, outcomes }
    options.acting({ actual, plan: planned, policy, outcomes: [...outcomes] })
    const ended = await apply(planned, options.engines, {
      signal: options.signal,
      onOutcome: options.ended,
      buildContext: options.buildContext,
      ...(options.onStopped === undefined ? {} : { onStopped: options.onStopped }),
    })
    outcomes.push(...ended)
    options.applied(ended)
  }
}
