import { apply } from '../../src/apply/apply.ts'
import type { Engines } from '../../src/engine/ports.ts'
import type { DesiredState } from '../../src/model/desired.ts'
import { isEmpty, type Plan, type PlanPolicy, type StepOutcome } from '../../src/model/plan.ts'
import { observe } from '../../src/observe/observe.ts'
import { plan } from '../../src/plan/plan.ts'
import { printPlan } from '../../src/plan/print.ts'

export const calm: PlanPolicy = { heldBack: new Map(), stopWaitMs: 5000, txOffloadBreaks: true }

export interface PassOptions {
  readonly cookie: number
  readonly policy?: PlanPolicy
  /** The pass is cut off after so many steps. */
  readonly cutAfter?: number
}

/** One pass of the loop. */
export const pass = async (
  desired: DesiredState,
  engines: Engines,
  { cookie, policy = calm, cutAfter = Infinity }: PassOptions,
): Promise<{ readonly plan: Plan; readonly outcomes: readonly StepOutcome[] }> => {
  const planned = plan(desired, await observe(desired, engines, cookie), policy)
  const cut = new AbortController()
  let ended = 0
  const outcomes = await apply(planned, engines, {
    signal: cut.signal,
    onOutcome: () => {
      ended += 1
      if (ended >= cutAfter) cut.abort()
    },
    buildContext: async () => new Uint8Array(),
  })
  return { plan: planned, outcomes }
}

/** Passes until a plan is empty; throws when that takes more than `most`. Gives all outcomes. */
export const converge = async (
  desired: DesiredState,
  engines: Engines,
  options: PassOptions,
  most = 4,
): Promise<readonly StepOutcome[]> => {
  const all: StepOutcome[] = []
  const texts: string[] = []
  for (let count = 0; count <= most; count += 1) {
    const { plan: planned, outcomes } = await pass(desired, engines, options)
    if (isEmpty(planned)) return all
    all.push(...outcomes)
    texts.push(printPlan(planned))
  }
  throw new Error(`no end after ${most} passes:\n${texts.join('---\n')}`)
}
