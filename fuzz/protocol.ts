import type { Finding } from './explore.ts'

/** What a worker is told. */
export interface WorkerOrder {
  readonly target: string
  readonly seconds: number
  readonly seed: number
  /** Directory of inputs that were worth keeping. */
  readonly corpus: string
  /** Two 32 bit numbers: inputs so far, and the length of the current one. */
  readonly state: SharedArrayBuffer
  /** The current input. */
  readonly current: SharedArrayBuffer
}

/** What it tells when its time is over. */
export interface WorkerReport {
  readonly runs: number
  readonly reached: number
  readonly kept: number
  readonly findings: readonly Finding[]
}
