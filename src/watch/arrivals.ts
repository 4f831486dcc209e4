/**
 * Tells files that came under their name whole (by a rename, or as a hard link) from files that are written where they lie: of the
 * first kind the file system says that the name came and never that it was written to.
 */
export interface Arrivals {
  /** `rename`: the name came or went; `change`: what is under it was written to. */
  heard(path: string, event: 'rename' | 'change'): void
  /** Whether the file with this real path came whole. Call `caughtUp` after looking at the file. */
  isWhole(path: string): boolean
  /** Resolves when all that the kernel had to tell at the call was heard. */
  caughtUp(): Promise<void>
}

/** Names that are remembered, at most. A forgotten one has to rest before it is read, and nothing else. */
const most = 4096

export const createArrivals = (): Arrivals => {
  const came = new Set<string>()
  return {
    heard: (path, event) => {
      if (event === 'change') came.delete(path)
      else if (came.size < most || came.has(path)) came.add(path)
      else came.clear()
    },
    isWhole: (path) => came.has(path),
    // The first turn may be inside a round of events that was gathered before the call; the second comes after one of its own.
    caughtUp: async () => {
      for (let turn = 0; turn < 2; turn += 1) {
        await new Promise((done) => {
          setImmediate(done)
        })
      }
    },
  }
}
