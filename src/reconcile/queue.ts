import type { Clock } from './clock.ts'

/** What a worker gets beside its key. */
export interface Turn {
  /** Call before looking at the world: whatever was asked for before is seen by this look and need not be asked again. */
  look(): void
  /** What the key stands for was changed since the turn began: what it set out with is old, and another turn follows. */
  stale(): boolean
  /** Aborted when the queue closes. */
  readonly signal: AbortSignal
}

export interface QueueOptions {
  /** Works on one key; it is never run twice at a time for one key. Resolves with milliseconds after which to look again, or undefined. */
  readonly work: (key: string, turn: Turn) => Promise<number | undefined>
  /** Called when `work` throws; the key is tried again after the result's milliseconds. */
  readonly failed: (key: string, error: unknown) => number
  readonly concurrency: number
  readonly clock: Clock
}

export interface WorkQueue {
  /** Look at this key soon; many calls before the look are one. */
  add(key: string): void
  /** What the key stands for has changed: unlike `add`, no look of a turn that has begun makes up for it. */
  renew(key: string): void
  /** Look at it no later than after so many milliseconds. */
  addAfter(key: string, ms: number): void
  /** Resolves when nothing is under way or due now. */
  idle(): Promise<void>
  /** Stops taking work, cancels timers, and resolves when what is under way has ended. */
  close(): Promise<void>
  /** Keys waiting for a worker, for metrics. */
  depth(): number
}

/** When even telling of a failure fails. Milliseconds. */
const lastResort = 1_000

/** A queue of keys, not of events: a key is in it once however often it is asked for, and one worker at a time has it. */
export const createQueue = ({ work, failed, concurrency, clock }: QueueOptions): WorkQueue => {
  const waiting = new Set<string>()
  const running = new Map<string, { again: boolean; renewed: boolean }>()
  const timers = new Map<string, { due: number; cancel: () => void }>()
  /** Workers that have a key, or had one a moment ago. */
  let busy = 0
  const abort = new AbortController()
  let idlers: (() => void)[] = []

  const settle = (): void => {
    if (waiting.size > 0 || running.size > 0) return
    for (const resolve of idlers) resolve()
    idlers = []
  }

  const addAfter = (key: string, ms: number): void => {
    if (abort.signal.aborted) return
    const due = clock.monotonic() + ms
    const planned = timers.get(key)
    if (planned !== undefined && planned.due <= due) return
    planned?.cancel()
    const cancel = clock.after(ms, () => {
      timers.delete(key)
      add(key)
    })
    timers.set(key, { due, cancel })
  }

  /** Nothing that goes wrong in one turn may end the loop, not even a failure to tell of it. */
  const waitAfter = (key: string, error: unknown): number => {
    try {
      return failed(key, error)
    } catch {
      return lastResort
    }
  }

  const run = async (key: string): Promise<void> => {
    const state = { again: false, renewed: false }
    running.set(key, state)
    busy += 1
    try {
      const turn: Turn = {
        look: () => {
          state.again = false
        },
        stale: () => state.renewed,
        signal: abort.signal,
      }
      const ms = await work(key, turn)
      if (ms !== undefined) addAfter(key, ms)
    } catch (error) {
      addAfter(key, waitAfter(key, error))
    } finally {
      running.delete(key)
      if (state.again || state.renewed) put(key)
      // Where engines answer at once, turn would follow turn, and nothing else come in: no request, no changed file.
      setImmediate(() => {
        busy -= 1
        next()
      })
    }
  }

  const next = (): void => {
    if (!abort.signal.aborted) {
      for (const key of waiting) {
        if (busy >= concurrency) break
        waiting.delete(key)
        void run(key)
      }
    }
    settle()
  }

  /** Without beginning it. */
  const put = (key: string): void => {
    if (abort.signal.aborted) return
    timers.get(key)?.cancel()
    timers.delete(key)
    const state = running.get(key)
    if (state === undefined) waiting.add(key)
    else state.again = true
  }

  const add = (key: string): void => {
    put(key)
    next()
  }

  const renew = (key: string): void => {
    const state = running.get(key)
    if (state === undefined) add(key)
    else state.renewed = true
  }

  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      idlers.push(resolve)
      settle()
    })

  return {
    add,
    renew,
    addAfter,
    idle,
    close: async () => {
      abort.abort()
      waiting.clear()
      for (const { cancel } of timers.values()) cancel()
      timers.clear()
      await idle()
    },
    depth: () => waiting.size,
  }
}
