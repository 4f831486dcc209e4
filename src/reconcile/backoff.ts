import type { Clock } from './clock.ts'

/** Milliseconds. */
export interface BackoffPolicy {
  readonly first: number
  readonly longest: number
  /** Forgotten after so long without a failure. */
  readonly reset: number
}

export interface Backoff {
  /** Notes a failure; gives the milliseconds to wait. */
  fail(key: string, reason: string): number
  /** Takes over a wait that began earlier, of at most the longest that there is. */
  hold(key: string, failures: number, ms: number, reason: string): void
  /** Changes what is said about a key that waits. */
  reword(key: string, reason: string): void
  succeed(key: string): void
  /** Milliseconds still to wait, with the reason; undefined when it may be tried. */
  waiting(key: string): { readonly ms: number; readonly reason: string; readonly failures: number } | undefined
  failures(key: string): number
  /** Keys that wait, with what is left of it. */
  all(): ReadonlyMap<string, { readonly ms: number; readonly reason: string }>
  forget(matches: (key: string) => boolean): void
}

interface Entry {
  failures: number
  at: number
  wait: number
  reason: string
}

/** Doubling waits per key: first, 2 x first, ... longest. */
export const createBackoff = (policy: BackoffPolicy, clock: Clock): Backoff => {
  const entries = new Map<string, Entry>()

  const left = (entry: Entry): number => entry.at + entry.wait - clock.monotonic()

  return {
    fail: (key, reason) => {
      const now = clock.monotonic()
      const before = entries.get(key)
      const failures = before === undefined || now - before.at > policy.reset + before.wait ? 1 : before.failures + 1
      const wait = Math.min(policy.longest, policy.first * 2 ** (failures - 1))
      entries.set(key, { failures, at: now, wait, reason })
      return wait
    },
    hold: (key, failures, ms, reason) => {
      // What an earlier daemon wrote down as an instant may have become years: clocks are set.
      entries.set(key, { failures, at: clock.monotonic(), wait: Math.min(ms, policy.longest), reason })
    },
    reword: (key, reason) => {
      const entry = entries.get(key)
      if (entry !== undefined) entry.reason = reason
    },
    succeed: (key) => {
      entries.delete(key)
    },
    waiting: (key) => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      const ms = left(entry)
      return ms > 0 ? { ms, reason: entry.reason, failures: entry.failures } : undefined
    },
    failures: (key) => entries.get(key)?.failures ?? 0,
    all: () =>
      new Map(
        [...entries].flatMap(([key, entry]) => {
          const ms = left(entry)
          return ms > 0 ? [[key, { ms, reason: entry.reason }] as const] : []
        }),
      ),
    forget: (matches) => {
      for (const key of entries.keys()) if (matches(key)) entries.delete(key)
    },
  }
}
