import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { PATIENCE } from './patience.ts'
import { now, until } from './run.ts'

interface Attempt {
  readonly begun: number
  readonly ended: number
  readonly worked: boolean
}

export interface Traffic {
  /** Resolves when an exchange that begins from now on has brought data back. */
  passes(timeoutMs: number): Promise<void>
  /**
   * Ms from `since` until data passed again, after the last exchange that failed; undefined when none failed. Looks back on
   * exchanges that began before the call, and waits for those that have not ended.
   */
  outageSince(since: number): Promise<number | undefined>
  /** How many exchanges began from `since` on, and how many of them failed. */
  since(since: number): Promise<{ readonly exchanges: number; readonly failed: number }>
  stop(): Promise<void>
}

/** TCP exchanges with `address` from the network of process `pid`, one every 20 ms. */
export const startTraffic = (pid: number, address: string, port: number): Traffic => {
  const probe = join(import.meta.dirname, 'probe.ts')
  const child = spawn('nsenter', ['-t', String(pid), '-n', process.execPath, probe, address, String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  const gone = once(child, 'close')
  child.on('error', () => undefined)
  const attempts: Attempt[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [begun = 0, ended = 0, worked = 0] = line.split(' ').map(Number)
    attempts.push({ begun, ended, worked: worked === 1 })
  })
  return {
    passes: (timeoutMs) => {
      const from = now()
      const works = async (): Promise<boolean> => attempts.some(({ begun, worked }) => worked && begun >= from)
      return until(`a TCP exchange with ${address}:${port}`, works, timeoutMs)
    },
    outageSince: async (since) => {
      await delay(PATIENCE + 50)
      const later = attempts.filter(({ ended }) => ended >= since).sort((one, other) => one.begun - other.begun)
      const lastFailure = later.findLastIndex(({ worked }) => !worked)
      const next = later.slice(lastFailure + 1).map(({ ended }) => ended)
      return lastFailure < 0 || next.length === 0 ? undefined : Math.min(...next) - since
    },
    since: async (since) => {
      await delay(PATIENCE + 50)
      const later = attempts.filter(({ begun }) => begun >= since)
      return { exchanges: later.length, failed: later.filter(({ worked }) => !worked).length }
    },
    stop: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}
