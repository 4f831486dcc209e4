import type { ObservedContainer } from '../model/actual.ts'
import type { ContainerName } from '../model/names.ts'
import type { ContainerHistory } from '../store/records.ts'
import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'

/** A run longer than this makes good for all before. Milliseconds. */
const longRun = 600_000
/** Exit codes of a program that was killed from outside: SIGKILL, SIGTERM. That is no crash, unless it goes on and on. */
const killed: ReadonlySet<number> = new Set([137, 143])
/** A killed run shorter than this counts towards `killsForgiven`. Milliseconds. */
const shortRun = 10_000
const killsForgiven = 6

export interface Crashes {
  /** Looks at observed containers: every end of a run counts once. */
  look(containers: readonly ObservedContainer[]): void
  /** Starts seen beyond the first, for status. */
  restarts(name: ContainerName): number
  /** What may not be started now, and why. */
  held(): ReadonlyMap<ContainerName, string>
  /** Milliseconds until the first of these may be started again. */
  nextDue(names: Iterable<ContainerName>): number | undefined
  forget(name: ContainerName): void
}

interface Run {
  startedAt: string
  ended: boolean
  restarts: number
  /** Ends in a row of its own doing; the first is forgiven. */
  crashes: number
  /** Ends in a row by a signal from outside, each soon after its start. */
  kills: number
  reason: string
}

/** Where what is known of a container outlives the daemon. */
export interface Histories {
  get(name: ContainerName): ContainerHistory | undefined
  set(name: ContainerName, history: ContainerHistory): void
  delete(name: ContainerName): void
}

/** Tells crash loops from single ends: the first crash is started again at once, those after it wait longer and longer. */
export const createCrashes = (backoff: Backoff, clock: Clock, histories: Histories): Crashes => {
  const runs = new Map<ContainerName, Run>()

  /** A container that this daemon has not seen: what an earlier one knew of it, and the rest of its wait. */
  const remembered = (container: ObservedContainer): Run => {
    const before = histories.get(container.name)
    const run: Run = { startedAt: container.startedAt, ended: false, restarts: 0, crashes: 0, kills: 0, reason: '' }
    if (before === undefined) return run
    const left = Date.parse(before.nextStart) - clock.now()
    if (left > 0) backoff.hold(container.name, before.crashes, left, before.reason)
    const { startedAt, restarts, crashes, reason } = before
    return { ...run, startedAt, restarts, crashes, reason, ended: left > 0 }
  }

  const remember = (name: ContainerName, { startedAt, restarts, crashes, reason }: Run): void => {
    const left = backoff.waiting(name)?.ms
    const nextStart = left === undefined ? '' : new Date(clock.now() + left).toISOString()
    histories.set(name, { startedAt, restarts, crashes, reason, nextStart })
  }

  const ended = (run: Run, container: ObservedContainer): void => {
    run.ended = true
    const uptime = clock.now() - Date.parse(container.startedAt)
    if (uptime > longRun) run.crashes = 0
    if (uptime > shortRun) run.kills = 0
    if (killed.has(container.exitCode)) run.kills += 1
    else run.crashes += 1
    if (run.crashes < 2 && run.kills <= killsForgiven) return
    const what = `its program ended with code ${String(container.exitCode)} after ${String(Math.max(0, Math.round(uptime / 1000)))} s`
    const wait = backoff.fail(container.name, what)
    run.reason = `${what}, ${String(run.crashes + run.kills)} times in a row; next start at ${new Date(clock.now() + wait).toISOString()}`
  }

  return {
    look: (containers) => {
      for (const container of containers) {
        if (container.state === 'created') continue
        const run = runs.get(container.name) ?? remembered(container)
        runs.set(container.name, run)
        if (run.startedAt !== container.startedAt) {
          run.startedAt = container.startedAt
          run.restarts += 1
          run.ended = false
        }
        const over = container.state === 'exited' || container.state === 'dead'
        if (over && !run.ended) ended(run, container)
        remember(container.name, run)
      }
    },
    restarts: (name) => runs.get(name)?.restarts ?? 0,
    held: () =>
      new Map(
        [...runs].flatMap(([name, run]) => (backoff.waiting(name) === undefined ? [] : [[name, run.reason] as const])),
      ),
    nextDue: (names) => {
      const due = [...names].flatMap((name) => backoff.waiting(name)?.ms ?? [])
      return due.length === 0 ? undefined : Math.min(...due)
    },
    forget: (name) => {
      runs.delete(name)
      backoff.succeed(name)
      histories.delete(name)
    },
  }
}
