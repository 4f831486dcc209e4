import type { Log } from '../model/log.ts'

export interface End {
  /** Resolves with the exit code once something has asked the daemon to end. */
  readonly asked: Promise<number>
  ask(code: number): void
  /** Aborted with the first call of `ask`. */
  readonly signal: AbortSignal
  /** The work's result, or undefined when the daemon is asked to end meanwhile. */
  unless<T>(work: Promise<T>): Promise<T | undefined>
}

/**
 * Listens, from its first moment on, to signals that ask the daemon to end. A promise that nobody waits for is a bug that is logged and
 * harms one turn at most; an exception out of nowhere ends the daemon in good order, and whoever keeps it starts it again.
 */
export const listenForEnd = (log: Log, events: NodeJS.EventEmitter = process): End => {
  const { promise: asked, resolve } = Promise.withResolvers<number>()
  const abort = new AbortController()
  const ask = (code: number): void => {
    resolve(code)
    abort.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    events.on(signal, () => {
      log.info('asked to end', { signal })
      ask(0)
    })
  const detail = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
  events.on('unhandledRejection', (error: unknown) => {
    log.error('a failure that nobody waited for', { error: detail(error) })
  })
  events.on('uncaughtException', (error: unknown) => {
    log.error('an exception that nobody caught, ending', { error: detail(error) })
    ask(1)
  })
  return { asked, ask, signal: abort.signal, unless: (work) => Promise.race([work, asked.then(() => undefined)]) }
}
