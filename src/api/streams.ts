import { ApiError } from './errors.ts'

/** Answers that stay open: counted, and ended when the server closes. */
export interface Streams {
  /** A place for one more; `UNAVAILABLE` when all are taken. */
  enter(): { readonly signal: AbortSignal; readonly leave: () => void }
  /** Ends all of them and refuses new ones. */
  close(): void
}

export const createStreams = (limit: number): Streams => {
  const open = new Set<AbortController>()
  const closing = new AbortController()
  return {
    enter() {
      if (closing.signal.aborted)
        throw new ApiError('UNAVAILABLE', 'the daemon is stopping', { next: 'ask again later' })
      if (open.size >= limit) {
        throw new ApiError('UNAVAILABLE', `${limit} streams are open already`, {
          next: 'close one of them, or ask again',
        })
      }
      const controller = new AbortController()
      open.add(controller)
      return { signal: controller.signal, leave: () => void open.delete(controller) }
    },
    close() {
      closing.abort()
      for (const controller of open) controller.abort()
      open.clear()
    },
  }
}
