import { isFetching } from '../model/errors.ts'
import { isEmpty, type StepId, type StepOutcome } from '../model/plan.ts'
import { stepEvents } from '../status/step-events.ts'
import type { LoopContext, Stuck } from './context.ts'
import type { Convergence } from './converge.ts'

/** An image under way is looked after so often, should its end go unheard. Milliseconds. */
const fetchLook = 10_000

const none: Stuck['outcomes'] = new Map()

/** Says what a plan that was carried out has done to the object. */
export const tellSteps = (context: LoopContext, object: string, outcomes: readonly StepOutcome[]): void => {
  for (const { type, reason, message } of stepEvents(outcomes)) context.board.event(object, type, reason, message)
}

/** Steps that failed, and those that only they hold up. Those that wait for an image on its way are none of them. */
const stuckSteps = (outcomes: readonly StepOutcome[]): Stuck['outcomes'] => {
  const stuck = new Map<StepId, StepOutcome>()
  // What a step waits for stands before it.
  for (const outcome of outcomes) {
    const isStuck =
      outcome.result === 'failed'
        ? !isFetching(outcome.error)
        : outcome.result === 'skipped' && stuck.has(outcome.because)
    if (isStuck) stuck.set(outcome.step.id, outcome)
    else stuck.delete(outcome.step.id)
  }
  return stuck
}

/**
 * Steps that failed in the key's last turn, while they wait for their time: hints, which a failing step may cause itself, do not
 * make it tried again at once.
 */
export const waitingSteps = (context: LoopContext, key: string): Stuck['outcomes'] =>
  context.troubles.waiting(key) === undefined ? none : (context.stuck.get(key)?.outcomes ?? none)

/** With what is to be told of steps that wait: why they failed, also where this turn has not tried them, and when they are tried again. */
export const withWaiting = <C extends Convergence>(
  context: LoopContext,
  key: string,
  seen: C,
): C & { readonly nextTry?: string } => {
  const stuck = context.stuck.get(key)
  if (stuck === undefined) return seen
  const nextTry = context.troubles.waiting(key)?.until ?? stuck.nextTry
  if (seen.outcomes.length > 0) return { ...seen, nextTry }
  return { ...seen, nextTry, outcomes: seen.plan.steps.flatMap(({ id }) => stuck.outcomes.get(id) ?? []) }
}

/** Milliseconds after which what is left of a plan is tried again; undefined when nothing is left. */
export const retryAfter = (context: LoopContext, key: string, { plan, outcomes }: Convergence): number | undefined => {
  if (isEmpty(plan)) {
    context.troubles.succeed(key)
    context.stuck.delete(key)
    return undefined
  }
  const failures = outcomes.flatMap((one) => (one.result === 'failed' ? [one.error] : []))
  // The end of the fetch asks for a look.
  if (failures.length > 0 && failures.every(isFetching)) return fetchLook
  const waiting = outcomes.length === 0 ? context.troubles.waiting(key) : undefined
  if (waiting !== undefined) return waiting.ms + 1
  const ms = context.troubles.fail(key, `${String(plan.steps.length)} steps are left`)
  const nextTry = context.troubles.waiting(key)?.until ?? ''
  context.stuck.set(key, { outcomes: stuckSteps(outcomes), nextTry })
  return ms
}
