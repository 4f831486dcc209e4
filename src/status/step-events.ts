import { EngineError } from '../model/errors.ts'
import type { Step, StepOutcome } from '../model/plan.ts'
import type { EventRecord } from '../model/status.ts'
import { someOf } from './conditions.ts'

type StepEvent = Pick<EventRecord, 'type' | 'reason' | 'message'>

interface Deed {
  readonly reason: string
  /** What it was done to. */
  readonly subject: string
}

/**
 * What a user would want to know of a step that was done; undefined of those that are only part of another, and of those that are
 * told elsewhere with more: fetches of images as they go on, scripts with what they said.
 */
const deedOf = (step: Step, begun: ReadonlySet<string>): Deed | undefined => {
  switch (step.kind) {
    case 'startContainer':
      return { reason: 'ContainerStarted', subject: step.name }
    case 'unpauseContainer':
      return { reason: 'ContainerResumed', subject: step.name }
    case 'updateLimits':
      return { reason: 'LimitsChanged', subject: step.name }
    case 'removeContainer':
      return { reason: 'ContainerRemoved', subject: step.container.name }
    case 'createWire':
    case 'configureWire': {
      const { container, name } = step.interface
      // Those of a new run are part of its start.
      return begun.has(container) ? undefined : { reason: 'InterfaceRepaired', subject: `${name} of ${container}` }
    }
    case 'changeFlows':
      return { reason: 'FlowsChanged', subject: step.bridge }
    case 'runScript':
      return { reason: 'ScriptStarted', subject: step.name }
    case 'createBridge':
      return { reason: 'SwitchCreated', subject: step.bridge.name }
    case 'removeBridge':
      return { reason: 'SwitchRemoved', subject: step.bridge.name }
    case 'pullImage':
    case 'buildImage':
    case 'runStopScripts':
    case 'updateBridge':
    case 'createContainer':
    case 'removeWire':
    case 'renameManagement':
    case 'createTrunk':
    case 'shapeTrunk':
    case 'setPort':
    case 'removePort':
    case 'openGate':
    case 'addNat':
    case 'removeNat':
      return undefined
  }
}

const isFetch = ({ kind }: Step): boolean => kind === 'pullImage' || kind === 'buildImage'
const isCut = (error: Error): boolean => error instanceof EngineError && error.code === 'CANCELLED'

/** What a plan that was carried out has done, in few events: those of one sort and one cause are one. Pure. */
export const stepEvents = (outcomes: readonly StepOutcome[]): readonly StepEvent[] => {
  const begun = new Set(
    outcomes.flatMap(({ step, result }) => (step.kind === 'startContainer' && result === 'done' ? [step.name] : [])),
  )
  const done = new Map<string, { readonly reason: string; readonly cause: string; readonly subjects: string[] }>()
  const failed: StepEvent[] = []
  for (const outcome of outcomes) {
    const { step } = outcome
    if (outcome.result === 'failed' && !isFetch(step) && !isCut(outcome.error))
      failed.push({ type: 'Warning', reason: 'StepFailed', message: `${step.id}: ${outcome.error.message}` })
    const deed = outcome.result === 'done' ? deedOf(step, begun) : undefined
    if (deed === undefined) continue
    const key = `${deed.reason} ${step.cause}`
    const group = done.get(key) ?? { reason: deed.reason, cause: step.cause, subjects: [] }
    group.subjects.push(deed.subject)
    done.set(key, group)
  }
  const told = [...done.values()].map(({ reason, cause, subjects }): StepEvent => ({
    type: 'Normal',
    reason,
    message: `${someOf(subjects)}: ${cause}`,
  }))
  return [...told, ...failed]
}
