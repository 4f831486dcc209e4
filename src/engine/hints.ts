import type { InstanceName } from '../model/names.ts'
import type { EngineHint, Subscription } from './ports.ts'

/**
 * Where hints are gathered on their way to the loop: many changes of one moment give one hint per place. Nothing is
 * ever dropped, so a foreign change beside one of ours is still told.
 */
export interface HintHub {
  readonly listening: boolean
  emit(hint: EngineHint): void
  add(listener: (hint: EngineHint) => void): Subscription
  close(): void
}

const place = (hint: EngineHint): InstanceName | 'fabric' | 'everywhere' | `${string}+fabric` => {
  if (hint.instance !== undefined) return hint.fabric === true ? `${hint.instance}+fabric` : hint.instance
  return hint.fabric === true ? 'fabric' : 'everywhere'
}

/** `onListening` is told when the first listener comes and when the last one goes. */
export const createHintHub = (gatherMs: number, onListening: (listening: boolean) => void): HintHub => {
  const listeners = new Set<(hint: EngineHint) => void>()
  const pending = new Map<string, EngineHint>()
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    timer = undefined
    const hints = [...pending.values()]
    pending.clear()
    for (const hint of hints) for (const listener of listeners) listener(hint)
  }
  return {
    get listening() {
      return listeners.size > 0
    },
    emit(hint) {
      if (listeners.size === 0) return
      const key = place(hint)
      if (!pending.has(key)) pending.set(key, hint)
      timer ??= setTimeout(flush, gatherMs)
    },
    add(listener) {
      const own = (hint: EngineHint): void => listener(hint) // the same function may subscribe twice
      listeners.add(own)
      if (listeners.size === 1) onListening(true)
      return {
        close: async () => {
          if (listeners.delete(own) && listeners.size === 0) onListening(false)
        },
      }
    },
    close() {
      clearTimeout(timer)
      pending.clear()
      listeners.clear()
    },
  }
}
