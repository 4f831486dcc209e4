import type { AnyConditionType, Condition, ConditionType } from '../model/status.ts'

/** What a condition says now, before it is known since when. */
export interface Verdict {
  readonly status: Condition['status']
  /** UpperCamelCase. */
  readonly reason: string
  readonly message: string
}

export const yes = (reason: string, message = ''): Verdict => ({ status: 'True', reason, message })
export const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })
export const unknown = (reason: string, message: string): Verdict => ({ status: 'Unknown', reason, message })

/** One verdict for every condition. */
export type Verdicts = Readonly<Record<ConditionType, Verdict>>

/** A clock that tells of an earlier time is not set yet: machines without a battery begin in 1970. */
const written = '2025-01-01'

/**
 * An instant that was written down, or now where that is earlier: the clock was set back since, and nothing has begun in the future.
 * Both ISO 8601, in UTC.
 */
export const notAfter = (now: string, instant: string): string => (instant > now && now > written ? now : instant)

/** Verdicts with the time since when each status is what it is; the time of one that did not flip stays. */
export const stampConditions = <T extends AnyConditionType>(
  types: readonly T[],
  verdicts: Readonly<Record<T, Verdict>>,
  previous: readonly Condition[],
  observedGeneration: number,
  now: string,
): readonly Condition[] =>
  types.map((type) => {
    const verdict = verdicts[type]
    const before = previous.find((condition) => condition.type === type)
    const lastTransitionTime = before?.status === verdict.status ? notAfter(now, before.lastTransitionTime) : now
    return { type, ...verdict, observedGeneration, lastTransitionTime }
  })

/** `a, b, c and 4 more`. */
export const someOf = (items: readonly string[], most = 3): string => {
  const more = items.length - most
  return more > 0 ? `${items.slice(0, most).join(', ')} and ${more} more` : items.join(', ')
}

/** As sentences, one after the other: `one; two; and 3 more`. */
export const sentences = (items: readonly string[], most = 3): string => {
  const more = items.length - most
  return more > 0 ? [...items.slice(0, most), `and ${more} more`].join('; ') : items.join('; ')
}
