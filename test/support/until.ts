import { setTimeout as delay } from 'node:timers/promises'

interface Limits {
  /** Milliseconds. */
  readonly timeout?: number
  readonly every?: number
}

/** Looks until `probe` gives something other than undefined, null or false, and gives that; rejects after `timeout`, 10 s. */
export const until = async <T>(
  what: string,
  probe: () => T | Promise<T>,
  { timeout = 10_000, every = 10 }: Limits = {},
): Promise<Exclude<T, undefined | null | false>> => {
  const end = performance.now() + timeout
  for (;;) {
    const found = await probe()
    // The compiler does not carry the three comparisons over to Exclude<T, ...>.
    if (found !== undefined && found !== null && found !== false) return found as Exclude<T, undefined | null | false>
    if (performance.now() > end) throw new Error(`waited ${timeout} ms in vain for: ${what}`)
    await delay(every)
  }
}
