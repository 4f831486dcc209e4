import { Awaited, EngineError } from '../model/errors.ts'
import type { LoopContext } from './context.ts'
import { fabricKey, resyncKey } from './keys.ts'
import type { Turn } from './queue.ts'

type Work = (key: string, turn: Turn) => Promise<number | undefined>

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const stackOf = (error: unknown): string | undefined => (error instanceof Error ? error.stack : undefined)

/** The same work, each turn with an id in every line that it logs, its failure logged, its length measured. */
export const watched =
  ({ clock, log, newId, observer, trace }: LoopContext, turnOf: Work): Work =>
  (key, turn) =>
    trace({ reconcileId: newId(), key }, async () => {
      const began = clock.monotonic()
      const kind = key === fabricKey ? 'fabric' : key === resyncKey ? 'resync' : 'instance'
      let result: 'done' | 'failed' = 'failed'
      try {
        const again = await turnOf(key, turn)
        result = 'done'
        return again
      } catch (error) {
        log.warn('turn failed', {
          error: messageOf(error),
          // Whatever is neither an engine's word nor waited for is a bug.
          stack: error instanceof EngineError || error instanceof Awaited ? undefined : stackOf(error),
        })
        throw error
      } finally {
        observer.turn(kind, clock.monotonic() - began, result)
      }
    })
