import type { AnyConditionType, Condition } from '../model/status.ts'
import type { AnyObject } from './backend.ts'

export const conditionsOf = (object: AnyObject): readonly Condition[] =>
  'conditions' in object.status ? object.status.conditions : []

export const conditionOf = (object: AnyObject, type: AnyConditionType): Condition | undefined =>
  conditionsOf(object).find((condition) => condition.type === type)

/** True only when the condition was judged on what the user last asked for. */
export const holds = (object: AnyObject, type: AnyConditionType, status: Condition['status'] = 'True'): boolean => {
  const condition = conditionOf(object, type)
  return condition?.status === status && condition.observedGeneration >= object.metadata.generation
}

// From the first thing that must be right to the last: what is wrong early explains what is wrong later.
const order: readonly AnyConditionType[] = [
  'Accepted',
  'Stalled',
  'PackageResolved',
  'Placed',
  'ImagesReady',
  'ContainersReady',
  'LinksReady',
  'SapsReady',
  'Drifted',
  'Shaped',
  'Ready',
]

const isWrong = (condition: Condition): boolean =>
  condition.type === 'Stalled' || condition.type === 'Drifted'
    ? condition.status === 'True'
    : condition.status !== 'True'

/** Why an object is not ready: the conditions that are wrong, the deepest cause first. */
export const troubles = (object: AnyObject): readonly Condition[] =>
  order
    .map((type) => conditionOf(object, type))
    .filter((condition): condition is Condition => condition !== undefined && isWrong(condition))

/** One line per condition that is wrong: `ImagesReady=False (ImageNotFound): message`. */
export const explain = (object: AnyObject): readonly string[] => {
  const wrong = troubles(object)
  const [first] = wrong
  if (first === undefined) {
    return conditionsOf(object).some((one) => one.observedGeneration >= object.metadata.generation)
      ? ['nothing is wrong with it']
      : ['the daemon has not looked at the last change yet']
  }
  const withoutSummary = wrong.filter(({ type }) => type !== 'Ready')
  return (withoutSummary.length === 0 ? wrong : withoutSummary).map(
    ({ type, status, reason, message }) => `${type}=${status} (${reason})${message === '' ? '' : `: ${message}`}`,
  )
}
