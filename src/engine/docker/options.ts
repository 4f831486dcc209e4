import type { Log } from '../../model/log.ts'
import type { Owner } from '../../model/names.ts'

export interface DockerEngineOptions {
  /** `unix:///var/run/docker.sock`, `tcp://host:port` or a path. The engine's processes must be this host's. */
  readonly url: string
  readonly owner: Owner
  /** `gates` and `scripts` below it are ours. */
  readonly stateDir: string
  /** A static busybox. */
  readonly busybox: string
  readonly log: Log
  /** Milliseconds that never jump. */
  readonly monotonic?: () => number
  /** Docker's settings with registry credentials. */
  readonly dockerConfig?: string
  /** Milliseconds. */
  readonly timeouts?: Partial<Timeouts>
}

export interface Timeouts {
  readonly call: number
  /** Start, remove and limits: the kernel and runc work. */
  readonly work: number
  readonly gate: number
  readonly exec: number
  readonly pull: number
  readonly build: number
  /** Of a pull or build that says nothing. */
  readonly silence: number
  readonly pingEvery: number
  /** After which a ping says that the stream of events is dead too. */
  readonly ping: number
  /** Oldest answer that observe still takes as true. */
  readonly maxAge: number
}

export const defaultTimeouts: Timeouts = {
  call: 20_000,
  work: 60_000,
  gate: 10_000,
  exec: 10 * 60_000,
  pull: 60 * 60_000,
  build: 60 * 60_000,
  silence: 5 * 60_000,
  pingEvery: 5_000,
  ping: 3_000,
  maxAge: 30_000,
}
