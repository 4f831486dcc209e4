import type { EngineHint, Engines, Subscription } from '../engine/ports.ts'

export interface Subscriptions {
  /**
   * Listens to the engines it does not listen to yet.
   *
   * @throws EngineError when one is away; called again, it goes on with that one.
   */
  open(): Promise<void>
  close(): Promise<void>
}

export const createSubscriptions = (engines: Engines, listener: (hint: EngineHint) => void): Subscriptions => {
  const opened = new Map<keyof Engines, Subscription>()
  return {
    open: async () => {
      const missing = (['containers', 'switches', 'links'] as const).filter((kind) => !opened.has(kind))
      const tried = await Promise.allSettled(
        missing.map(async (kind) => opened.set(kind, await engines[kind].subscribe(listener))),
      )
      for (const one of tried) if (one.status === 'rejected') throw one.reason
    },
    close: async () => {
      await Promise.allSettled([...opened.values()].map((one) => one.close()))
      opened.clear()
    },
  }
}
