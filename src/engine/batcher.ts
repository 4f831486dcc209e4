/** Gathers calls of one moment into one piece of work. */

export type Outcome<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown }

export const succeeded = <R>(value: R): Outcome<R> => ({ ok: true, value })
export const failed = (error: unknown): Outcome<never> => ({ ok: false, error })

interface Waiting<T, R> {
  readonly item: T
  readonly resolve: (value: R) => void
  readonly reject: (error: unknown) => void
}

/**
 * Calls of one turn of the event loop, and those that come while a batch is under way, go to `work` together; one batch
 * runs at a time. `work` gives one outcome per item, in order; when it throws, every item of the batch fails so.
 * Items with the same `keyOf` never share a batch: the later one waits for the next, so it sees what the earlier did.
 */
export const createBatcher = <T, R>(
  work: (items: readonly T[]) => Promise<readonly Outcome<R>[]>,
  keyOf: (item: T) => string,
): ((item: T) => Promise<R>) => {
  let waiting: Waiting<T, R>[] = []
  let busy = false

  const take = (): Waiting<T, R>[] => {
    const keys = new Set<string>()
    const now: Waiting<T, R>[] = []
    const later: Waiting<T, R>[] = []
    for (const call of waiting) {
      const key = keyOf(call.item)
      ;(keys.has(key) ? later : now).push(call)
      keys.add(key)
    }
    waiting = later
    return now
  }

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = take()
      let outcomes: readonly Outcome<R>[]
      try {
        outcomes = await work(batch.map((call) => call.item))
      } catch (error) {
        outcomes = batch.map(() => failed(error))
      }
      for (const [index, call] of batch.entries()) {
        const outcome = outcomes[index] ?? failed(new Error('a batch gave no outcome for this item'))
        if (outcome.ok) call.resolve(outcome.value)
        else call.reject(outcome.error)
      }
    }
    busy = false
  }

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (busy) return
      busy = true
      setImmediate(() => void drain())
    })
}
