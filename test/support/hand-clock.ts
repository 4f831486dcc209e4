import type { Clock } from '../../src/reconcile/clock.ts'

/** Time that only moves by hand. */
export interface HandClock extends Clock {
  /** Moves on to the next timer that is due within so many milliseconds and rings it; false when there is none: then all of it has passed. */
  step(within: number): boolean
  /** Somebody sets the machine's clock: what people are told jumps, intervals do not. */
  jump(ms: number): void
  /** Timers that are set. */
  timers(): number
}

export const createHandClock = (start = Date.parse('2026-01-01T00:00:00.000Z')): HandClock => {
  let passed = 0
  let jumped = 0
  let next = 0
  const timers = new Map<number, { readonly due: number; readonly ring: () => void }>()
  return {
    now: () => start + passed + jumped,
    monotonic: () => passed,
    after: (ms, ring) => {
      next += 1
      const id = next
      timers.set(id, { due: passed + Math.max(0, ms), ring })
      return () => void timers.delete(id)
    },
    step: (within) => {
      const [first] = [...timers].sort(([a, one], [b, other]) => one.due - other.due || a - b)
      if (first === undefined || first[1].due > passed + within) {
        passed += within
        return false
      }
      const [id, { due, ring }] = first
      timers.delete(id)
      passed = Math.max(passed, due)
      ring()
      return true
    },
    jump: (ms) => {
      jumped += ms
    },
    timers: () => timers.size,
  }
}
