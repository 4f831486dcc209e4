import pLimit from 'p-limit'
import type { Engines, ScriptOutput } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import type { ContainerName, ImageRef } from '../model/names.ts'
import type { FlowChange, Plan, Step, StepId, StepOutcome } from '../model/plan.ts'
import { runStep, type StepTools } from './runners.ts'

/** Container creations and starts at a time: more make the container engine slower, not faster. */
const containersAtOnce = 8

export interface ApplyOptions {
  /** Steps that have not begun when it aborts fail with `CANCELLED`; those that have begun end. */
  readonly signal: AbortSignal
  /** Called as each step ends. */
  readonly onOutcome: (outcome: StepOutcome) => void
  /** The folder of a package, by the package's digest, as an uncompressed tar. */
  readonly buildContext: (packageDigest: string, folder: string) => Promise<Uint8Array>
  /** Lines that pulling or building an image prints. */
  readonly onProgress?: (image: ImageRef, line: string) => void
  /** How a stop script ended; `output` undefined when it did not end in its time. */
  readonly onStopped?: (container: ContainerName, output: ScriptOutput | undefined, waitMs: number) => void
  /** Milliseconds that never jump; the machine's when absent. */
  readonly monotonic?: () => number
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** Asks once per container: in a plan, every start comes before every wire. */
const createPids = ({ containers }: Engines): StepTools['pidOf'] => {
  const pids = new Map<ContainerName, Promise<number>>()
  return (container) => {
    const pid = pids.get(container) ?? containers.pidOf(container)
    pids.set(container, pid)
    return pid
  }
}

/**
 * Carries out a plan: each step as soon as what it waits for has ended, side by side where nothing is waited for. Resolves when
 * every step has an outcome, in the plan's order; a failed step is an outcome, not an exception.
 */
export const apply = async (
  plan: Plan,
  engines: Engines,
  { signal, onOutcome, buildContext, onProgress, onStopped, monotonic = () => performance.now() }: ApplyOptions,
): Promise<readonly StepOutcome[]> => {
  const limit = pLimit(containersAtOnce)
  const running = new Map<StepId, Promise<StepOutcome>>()
  const succeeded = new Set<StepId>()
  const isPossible = ({ after }: FlowChange): boolean => after.every((id) => succeeded.has(id))
  const tools: StepTools = {
    engines,
    pidOf: createPids(engines),
    buildContext,
    progress: (image, line) => onProgress?.(image, line),
    stopped: (container, output, waitMs) => onStopped?.(container, output, waitMs),
    possible: (changes) => changes.filter(isPossible),
  }

  const begin = async (step: Step): Promise<void> => {
    if (signal.aborted) throw new EngineError('CANCELLED', { step: step.id })
    await runStep(step, tools)
  }

  const carryOut = (step: Step): Promise<void> =>
    step.kind === 'createContainer' || step.kind === 'startContainer' ? limit(begin, step) : begin(step)

  /** A step that must not run, or has nothing left to do because all it would do waits for failed ones. */
  const obstacle = (step: Step): StepId | undefined => {
    const failed = step.after.find((id) => !succeeded.has(id))
    if (failed !== undefined || step.kind !== 'changeFlows' || step.changes.some(isPossible)) return failed
    return step.changes.flatMap(({ after }) => after).find((id) => !succeeded.has(id))
  }

  const attempt = async (step: Step): Promise<StepOutcome> => {
    const because = obstacle(step)
    if (because !== undefined) return { step, result: 'skipped', because }
    const began = monotonic()
    try {
      await carryOut(step)
      succeeded.add(step.id)
      return { step, result: 'done', ms: monotonic() - began }
    } catch (thrown) {
      return { step, result: 'failed', ms: monotonic() - began, error: asError(thrown) }
    }
  }

  const follow = async (step: Step): Promise<StepOutcome> => {
    await Promise.all([...step.after, ...step.afterEnd].flatMap((id) => running.get(id) ?? []))
    const outcome = await attempt(step)
    onOutcome(outcome)
    return outcome
  }

  // A plan's steps stand in an order in which they can run one by one, so what a step waits for is running already.
  for (const step of plan.steps) running.set(step.id, follow(step))
  return Promise.all(running.values())
}
