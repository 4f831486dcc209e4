import type { Registry } from 'prom-client'
import type { Log } from '../model/log.ts'
import type { Backend } from './backend.ts'
import type { Services } from './services.ts'

/** Settings of the daemon that only the gatekeeper's calls know. */
export interface GatekeeperSettings {
  /** An uploaded package starts at once. */
  readonly autoDeploy: boolean
  /** Before that, everything else that runs stops. */
  readonly autoDelete: boolean
  /** Milliseconds that a call waits for a service to come up or to be gone. */
  readonly waitMs: number
}

export interface Limits {
  /** Bytes of an uploaded package. */
  readonly packageBytes: number
  /** Bytes of any other body. */
  readonly bodyBytes: number
  /** Milliseconds in which request headers must arrive, and in which a body must (an upload: its next piece). */
  readonly receiveMs: number
  readonly connections: number
  /** Streams (events, logs) open at once on one listener. */
  readonly streams: number
}

export const defaultLimits: Limits = {
  packageBytes: 512 * 1024 * 1024,
  bodyBytes: 1024 * 1024,
  receiveMs: 30_000,
  connections: 1024,
  streams: 256,
}

/** What every route needs. */
export interface ApiContext {
  readonly backend: Backend
  /** One for all listeners: names of new instances are given out one at a time. */
  readonly services: Services
  readonly version: string
  readonly log: Log
  readonly metrics: Registry
  /** Uploads are kept there while they are looked at. */
  readonly uploadDirectory: string
  readonly gatekeeper: GatekeeperSettings
  readonly limits: Limits
}
