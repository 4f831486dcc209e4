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
  succeed(key: string): void
  /** What is left of its wait; undefined when it may be tried. */
  waiting(key: string): Waiting | undefined
  failures(key: string): number
  /** Keys that wait, with what is left of it. */
  all(): ReadonlyMap<string, Waiting>
  forget(matches: (key: string) => boolean): void
}

export interface Waiting {
  /** Milliseconds still to wait. */
  readonly ms: number
  readonly reason: string
  readonly failures: number
  /** When that is over, by the machine's clock as it is set now. ISO 8601. */
  readonly until: string
}

interface Entry {
  failures: number
  at: number
  wait: number
  reason: string
  /** As it was told last, in milliseconds since 1970. */
  until: number
}

/** An instant that was told is told anew when the machine's clock was set by more than this. Milliseconds. */
const clockSet = 1_000

/** Doubling waits per key: first, 2 x first, ... longest. */
export const createBackoff = (policy: BackoffPolicy, clock: Clock): Backoff => {
  const entries = new Map<string, Entry>()

  const put = (key: string, failures: number, wait: number, reason: string): void => {
    entries.set(key, { failures, at: clock.monotonic(), wait, reason, until: clock.now() + wait })
  }

  const waitingOf = (entry: Entry): Waiting | undefined => {
    const { at, wait, reason, failures } = entry
    const ms = at + wait - clock.monotonic()
    if (ms <= 0) return undefined
    if (Math.abs(clock.now() + ms - entry.until) > clockSet) entry.until = clock.now() + ms
    return { ms, reason, failures, until: new Date(entry.until).toISOString() }
  }

  return {
    fail: (key, reason) => {
      const now = clock.monotonic()
      const before = entries.get(key)
      const failures = before === undefined || now - before.at > policy.reset + before.wait ? 1 : before.failures + 1
      const wait = Math.min(policy.longest, policy.first * 2 ** (failures - 1))
      put(key, failures, wait, reason)
      return wait
    },
    hold: (key, failures, ms, reason) => {
      // What an earlier daemon wrote down as an instant may have become years: clocks are set.
      put(key, failures, Math.min(ms, policy.longest), reason)
    },
    succeed: (key) => {
      entries.delete(key)
    },
    waiting: (key) => {
      const entry = entries.get(key)
      return entry && waitingOf(entry)
    },
    failures: (key) => entries.get(key)?.failures ?? 0,
    all: () =>
      new Map(
        [...entries].flatMap(([key, entry]) => {
          const waiting = waitingOf(entry)
          return waiting === undefined ? [] : [[key, waiting] as const]
        }),
      ),
    forget: (matches) => {
      for (const key of entries.keys()) if (matches(key)) entries.delete(key)
    },
  }
}
