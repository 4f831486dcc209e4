import { setTimeout as delay } from 'node:timers/promises'
import type { AnyObject } from '../../api/backend.ts'
import { explain, holds } from '../../api/conditions.ts'
import { apiRoot } from '../../api/paths.ts'
import { conditionTypes, topologyConditionTypes, type AnyConditionType, type Condition } from '../../model/status.ts'
import { ApiRefusal, type Client } from '../client.ts'
import type { CliContext } from '../context.ts'
import { formatAge } from '../duration.ts'
import { CliError, usageError, type ExitCode } from '../errors.ts'
import { messagesOf } from '../event-stream.ts'
import { objectPath, requireReferences, showReference, type Reference } from '../reference.ts'
import { formatServer } from '../server-address.ts'

/** What is waited for. */
export type Goal =
  | { readonly kind: 'delete' }
  | { readonly kind: 'create' }
  | { readonly kind: 'condition'; readonly type: AnyConditionType; readonly status: Condition['status'] }

export interface WaitOptions {
  readonly goal: Goal
  readonly timeoutMs: number
}

const goalTypes: readonly AnyConditionType[] = [...new Set([...conditionTypes, ...topologyConditionTypes])]

/** `condition=Ready`, `condition=Ready=False`, `create`, `delete`. */
export const parseGoal = (text: string): Goal => {
  if (text === 'delete' || text === 'create') return { kind: text }
  const [word, typeText = '', statusText = 'True', ...rest] = text.split('=')
  const type = goalTypes.find((each) => each.toLowerCase() === typeText.toLowerCase())
  const status = (['True', 'False', 'Unknown'] as const).find((each) => each.toLowerCase() === statusText.toLowerCase())
  if (word === 'condition' && type !== undefined && status !== undefined && rest.length === 0) {
    return { kind: 'condition', type, status }
  }
  throw usageError(
    `--for=${text} is nothing to wait for`,
    `Write condition=TYPE[=STATUS], create or delete; types: ${goalTypes.join(', ')}.`,
  )
}

const showGoal = (goal: Goal): string =>
  goal.kind === 'condition' ? `condition=${goal.type}${goal.status === 'True' ? '' : `=${goal.status}`}` : goal.kind

const isMet = (goal: Goal, object: AnyObject | undefined): boolean => {
  switch (goal.kind) {
    case 'delete':
      return object === undefined
    case 'create':
      return object !== undefined
    case 'condition':
      return object !== undefined && holds(object, goal.type, goal.status)
  }
}

/** Waits for all that are named; 1 and why not, for each that did not get there in time. */
export const wait = async (context: CliContext, words: readonly string[], options: WaitOptions): Promise<ExitCode> => {
  const references = requireReferences(words)
  const api = await context.client()
  const results = await Promise.all(references.map((reference) => waitForOne(context, api, reference, options)))
  return results.every(Boolean) ? 0 : 1
}

/** Prints how it ended; true when the goal was met. */
export const waitForOne = async (
  { io }: CliContext,
  api: Client,
  reference: Reference,
  { goal, timeoutMs }: WaitOptions,
): Promise<boolean> => {
  const deadline = AbortSignal.timeout(timeoutMs)
  const { met, last, answered } = await follow(api, reference, goal, AbortSignal.any([deadline, io.signal]))
  const shown = showReference(reference)
  if (met) {
    io.out(`${shown} ${goal.kind === 'condition' ? 'condition met' : `${goal.kind}d`}\n`)
    return true
  }
  if (io.signal.aborted) return false
  const none = answered ? `there is no ${shown}` : `the daemon at ${formatServer(api.address)} does not answer`
  const why = last === undefined ? [none] : explain(last)
  io.err(`error: ${shown}: timed out after ${formatAge(timeoutMs)} waiting for ${showGoal(goal)}\n`)
  io.err(why.map((line) => `  ${line}\n`).join(''))
  if (last !== undefined) io.err(`See: sonctl describe ${shown}\n`)
  return false
}

interface Sight {
  readonly met: boolean
  readonly last: AnyObject | undefined
  /** The daemon said so. */
  readonly answered: boolean
}

// A daemon that restarts is away for about this long; shorter only makes noise.
const RETRY_MS = 500

/** Looks at the object, then again at every change of it, until the goal is met or `signal` aborts. */
const follow = async (api: Client, reference: Reference, goal: Goal, signal: AbortSignal): Promise<Sight> => {
  const look = async (): Promise<Sight> => {
    const last = await api.find<AnyObject>(objectPath(reference), { signal })
    return { met: isMet(goal, last), last, answered: true }
  }
  let sight: Sight = { met: false, last: undefined, answered: false }
  try {
    sight = await look()
  } catch (error) {
    // A daemon that is away is told at once; later it may come and go.
    if (!signal.aborted) throw error
  }
  while (!sight.met && !signal.aborted) {
    try {
      const query = { watch: '1', only: 'objects', for: showReference(reference) }
      const stream = await api.stream(`${apiRoot}/events`, { query, signal })
      try {
        for await (const { type } of messagesOf(stream)) {
          if (type !== 'EVENT') sight = await look()
          if (sight.met) return sight
        }
      } finally {
        stream.destroy()
      }
    } catch (error) {
      if (isFinal(error)) throw error
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
  }
  return sight
}

/** Refusals do not go away by asking again; connections and restarts do. */
const isFinal = (error: unknown): boolean =>
  error instanceof ApiRefusal ? error.status < 500 : error instanceof CliError && error.exitCode === 2
