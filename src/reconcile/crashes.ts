import type { ObservedContainer } from '../model/actual.ts'
import type { ContainerName } from '../model/names.ts'
import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'

/** A program that ends sooner than this after its start has crashed, however it ended. Milliseconds. */
const shortRun = 10_000
/** Exit codes of a program that somebody killed: SIGKILL, SIGTERM. Killed after a good while is no crash. */
const killed: ReadonlySet<number> = new Set([137, 143])

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
  /** Ends in a row that count as crashes; the first is forgiven. */
  crashes: number
  reason: string
}

/** Tells crash loops from single ends: the first crash is started again at once, those after it wait longer and longer. */
export const createCrashes = (backoff: Backoff, clock: Clock): Crashes => {
  const runs = new Map<ContainerName, Run>()

  const ended = (run: Run, container: ObservedContainer): void => {
    run.ended = true
    const uptime = clock.now() - Date.parse(container.startedAt)
    if (uptime > shortRun && killed.has(container.exitCode)) return
    if (uptime > 600_000) run.crashes = 0
    run.crashes += 1
    if (run.crashes < 2) return
    const what = `its program ended with code ${String(container.exitCode)} after ${String(Math.max(0, Math.round(uptime / 1000)))} s`
    const wait = backoff.fail(container.name, what)
    run.reason = `${what}, ${String(run.crashes)} times in a row; next start at ${new Date(clock.now() + wait).toISOString()}`
  }

  return {
    look: (containers) => {
      for (const container of containers) {
        if (container.state === 'created') continue
        const known = runs.get(container.name)
        const run = known ?? { startedAt: container.startedAt, ended: false, restarts: 0, crashes: 0, reason: '' }
        runs.set(container.name, run)
        if (run.startedAt !== container.startedAt) {
          run.startedAt = container.startedAt
          run.restarts += 1
          run.ended = false
        }
        const over = container.state === 'exited' || container.state === 'dead'
        if (over && !run.ended) ended(run, container)
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
    },
  }
}
