import { AsyncLocalStorage } from 'node:async_hooks'
import type { Log } from '../model/log.ts'

export interface Tracing {
  /** Adds the fields of the work that logs. */
  readonly log: Log
  /** Does the work; whatever it logs, and whatever it calls or waits for, bears these fields. */
  readonly trace: <T>(fields: Readonly<Record<string, unknown>>, work: () => T) => T
}

/** Lets every line of one turn be found by its id, also those of engines that know of no turns. */
export const createTracing = (log: Log): Tracing => {
  const current = new AsyncLocalStorage<Readonly<Record<string, unknown>>>()
  const at =
    (level: keyof Log): Log['info'] =>
    (message, fields) =>
      log[level](message, { ...current.getStore(), ...fields })
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    trace: (fields, work) => current.run(fields, work),
  }
}
