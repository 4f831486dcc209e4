import { isImageAllowed } from '../desired/images.ts'
import type { ActualState } from '../model/actual.ts'
import type { DesiredContainer, DesiredState } from '../model/desired.ts'
import { isFetching, isOvertaken } from '../model/errors.ts'
import type { ContainerName, ImageRef, InstanceName, Owner } from '../model/names.ts'
import type { Plan, PlanPolicy, StepOutcome } from '../model/plan.ts'
import type { Waiting } from './backoff.ts'
import type { LoopContext } from './context.ts'

/** What may not be tried now, and why: crash loops, steps and images that failed a moment ago, images that the policy refuses. */

/** Among the keys of `failures`, which are names of containers. */
const imageKey = (image: ImageRef): string => `image/${image}`
const isImageKey = (key: string): boolean => key.startsWith('image/')

/** Whether it takes an image that is not there, or shall be pulled anew, to make the container. */
const wantsFetch = ({ image, imageSource }: DesiredContainer, { images }: ActualState): boolean =>
  !images.has(image) || (imageSource.kind === 'pull' && imageSource.force)

const refusal = (image: ImageRef): string => `images.allow of the daemon does not allow the image ${image}`

/** Whether a container of that name is one of the instance's. An instance's name has no dot in it. */
export const isOf = (owner: Owner, instance: InstanceName): ((container: string) => boolean) => {
  const prefix = `${owner}.${instance}.`
  return (container) => container.startsWith(prefix)
}

const told = ({ reason, until }: Waiting): string => `${reason}; next try at ${until}`

/** Facts for the planner: what of this scope may not be started now, and why. */
export const policyOf = (
  context: LoopContext,
  actual: ActualState,
  desired: DesiredState,
  stopWaitMs: number,
): PlanPolicy => {
  const { scope } = desired
  const concerns = scope.kind === 'fabric' ? () => false : isOf(context.owner, scope.instance)
  context.crashes.look(actual.containers)
  context.scriptRetries.look(actual.containers)
  const failures = [...context.failures.all()].map(([name, waiting]) => [name as ContainerName, told(waiting)] as const) // those that concern us are container names
  const held = [...failures, ...context.crashes.held()].filter(([name]) => concerns(name))
  const fetches = desired.containers.flatMap((container) => {
    const waiting = wantsFetch(container, actual) ? context.failures.waiting(imageKey(container.image)) : undefined
    return waiting === undefined ? [] : [[container.name, told(waiting)] as const]
  })
  const refused = desired.containers
    .filter(({ image }) => !isImageAllowed(image, context.settings.images.allow))
    .map(({ name, image }) => [name, refusal(image)] as const)
  return {
    heldBack: new Map([...held, ...fetches, ...refused]),
    failedScripts: context.scriptRetries.failed(concerns),
    stopWaitMs,
    txOffloadBreaks: context.txOffloadBreaks,
  }
}

/** What is to wait because a step failed: its containers, or those that need its image. */
const heldBy = ({ step, error }: Extract<StepOutcome, { readonly result: 'failed' }>): readonly string[] => {
  if (step.kind === 'pullImage' || step.kind === 'buildImage') return [imageKey(step.image)]
  // Its container ended, or went, in the middle of it: why, and whether that is to wait, the next look tells.
  const isOver = isOvertaken(error) && step.kind !== 'createContainer' && step.kind !== 'startContainer'
  return isOver ? [] : step.serves.containers
}

/** Books the outcome of a step: a failure holds its containers, or those that need its image, back for a while. */
export const noteOutcome = (context: LoopContext, outcome: StepOutcome): void => {
  context.observer.step(outcome)
  const { step } = outcome
  if (outcome.result === 'failed' && !isFetching(outcome.error)) {
    context.log.warn('step failed', { step: step.id, error: outcome.error.message, cause: outcome.error.cause })
    for (const key of heldBy(outcome)) {
      if (context.failures.waiting(key) !== undefined) continue
      context.failures.fail(key, outcome.error.message)
    }
  }
  if (outcome.result === 'done') {
    context.log.debug('step done', { step: step.id, cause: step.cause, ms: Math.round(outcome.ms) })
    if (step.kind === 'runScript') context.scriptRetries.began(step.name)
    if (step.kind === 'startContainer') context.failures.succeed(step.name)
    if (step.kind === 'pullImage' || step.kind === 'buildImage') context.failures.succeed(imageKey(step.image))
  }
}

/** Milliseconds of all waits that concern these containers. */
export const waitsOf = (
  context: LoopContext,
  names: readonly ContainerName[],
  containers: readonly DesiredContainer[],
): readonly number[] => {
  const keys = new Set<string>([...names, ...containers.map(({ image }) => imageKey(image))])
  const failed = [...keys].flatMap((key) => context.failures.waiting(key)?.ms ?? [])
  return [...failed, context.crashes.nextDue(names) ?? [], context.scriptRetries.nextDue(names) ?? []].flat()
}

/** A changed document is tried at once, whatever failed before. */
export const forgetFailures = (context: LoopContext, instance: InstanceName): void => {
  const isOurs = isOf(context.owner, instance)
  context.failures.forget((key) => isOurs(key) || isImageKey(key))
  context.scriptRetries.forget(isOurs)
}

/** Steps that the log names of a plan; a large plan is the making or unmaking of an instance, and says so by its number. */
const stepsNamed = 8

/** Says what is about to be done, and why. One line a plan: a line a step is a tenth of what the making of an instance costs here. */
export const logPlan = (context: LoopContext, about: Readonly<Record<string, string>>, { steps }: Plan): void => {
  const named = steps.slice(0, stepsNamed).map(({ id, cause }) => `${id}: ${cause}`)
  const more = steps.length > named.length ? [`and ${String(steps.length - named.length)} more`] : []
  context.log.info('carrying out a plan', { ...about, steps: steps.length, first: [...named, ...more].join('; ') })
}
