/** Time as an argument: the daemon passes the machine's, tests pass one they move by hand. */
export interface Clock {
  /** Milliseconds since the epoch, for people. */
  now(): number
  /** Milliseconds that never jump, for intervals. */
  monotonic(): number
  /** Calls back once after so many milliseconds; the result cancels. */
  after(ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => {
      clearTimeout(timer)
    }
  },
}
