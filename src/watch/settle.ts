/** Tells files that are being written from files that rest: one rests when it looked the same for a while. */
export interface Settle {
  /**
   * Notes what was seen at `now` (milliseconds that never jump). `oldEnough` names files known to have rested before
   * they were first seen here.
   */
  observe(files: ReadonlyMap<string, string>, now: number, oldEnough: (file: string) => boolean): void
  /** Milliseconds until it rests if nothing changes; 0 when it does. */
  left(file: string, now: number): number
}

export const createSettle = (settleMs: number): Settle => {
  let seen: ReadonlyMap<string, { readonly fingerprint: string; readonly since: number }> = new Map()
  return {
    observe: (files, now, oldEnough) => {
      const next = new Map<string, { readonly fingerprint: string; readonly since: number }>()
      for (const [file, fingerprint] of files) {
        const before = seen.get(file)
        if (before?.fingerprint === fingerprint) next.set(file, before)
        else next.set(file, { fingerprint, since: oldEnough(file) ? now - settleMs : now })
      }
      seen = next
    },
    left: (file, now) => {
      const one = seen.get(file)
      return one === undefined ? settleMs : Math.max(0, one.since + settleMs - now)
    },
  }
}
