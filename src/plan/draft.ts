import type { PlanNotice, Step, StepId, StepKind } from '../model/plan.ts'

type Waits = 'after' | 'afterEnd' | 'serves'
type Served = Step['serves']
/** A step before it is complete: what it waits for may be left out, and may name steps that no one planned. */
export type StepDraft = {
  [K in StepKind]: Omit<Extract<Step, { readonly kind: K }>, Waits> & {
    readonly after?: readonly (StepId | undefined)[]
    readonly afterEnd?: readonly (StepId | undefined)[]
    readonly serves?: Partial<Served>
  }
}[StepKind]

/** A plan while it is made. Steps come in an order in which they can run one by one. */
export interface Draft {
  /** Waiting for a step that is not in the draft is not waiting. Gives the step's id. */
  readonly add: (step: StepDraft) => StepId
  readonly has: (id: StepId) => boolean
  readonly notice: (notice: PlanNotice) => void
  readonly steps: readonly Step[]
  readonly notices: readonly PlanNotice[]
}

export const createDraft = (): Draft => {
  const steps: Step[] = []
  const ids = new Set<StepId>()
  const notices: PlanNotice[] = []
  const known = (list: readonly (StepId | undefined)[] = []): readonly StepId[] => [
    ...new Set(list.flatMap((id) => (id !== undefined && ids.has(id) ? [id] : []))),
  ]
  return {
    steps,
    notices,
    has: (id) => ids.has(id),
    notice: (notice) => {
      notices.push(notice)
    },
    add: (draft) => {
      const { after, afterEnd, serves, ...rest } = draft
      const first = known(after)
      steps.push({
        ...rest,
        after: first,
        afterEnd: known(afterEnd).filter((id) => !first.includes(id)),
        serves: { containers: serves?.containers ?? [], links: serves?.links ?? [] },
      })
      ids.add(draft.id)
      return draft.id
    },
  }
}
