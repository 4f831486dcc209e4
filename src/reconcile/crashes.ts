import { codeOfEnd, type ObservedContainer } from '../model/actual.ts'
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
  /** What was done so far counts no longer: the user has changed what runs. */
  pardon(matches: (name: string) => boolean): void
  forget(matches: (name: string) => boolean): void
}

interface Run {
  startedAt: string
  /** When it began, in milliseconds that never jump; undefined for one that was never seen to run. */
  began: number | undefined
  ended: boolean
  restarts: number
  /** ISO 8601: from when on it may be started again; empty while it runs. */
  nextStart: string
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
  names(): Iterable<ContainerName>
}

/** Tells crash loops from single ends: the first crash is started again at once, those after it wait longer and longer. */
export const createCrashes = (backoff: Backoff, clock: Clock, histories: Histories): Crashes => {
  const runs = new Map<ContainerName, Run>()

  /** A container that this daemon has not seen: what an earlier one knew of it, and the rest of its wait. */
  const remembered = (container: ObservedContainer): Run => {
    const before = histories.get(container.name)
    const fresh = container.startedAt
    const run = { startedAt: fresh, began: undefined, ended: false, restarts: 0, nextStart: '', crashes: 0, kills: 0 }
    if (before === undefined) return { ...run, reason: '' }
    const left = before.nextStart === '' ? 0 : Math.max(0, Date.parse(before.nextStart) - clock.now())
    // The first crash was forgiven: it began no wait. One that is over counts too: the next is longer.
    const waits = Math.max(left > 0 ? 1 : 0, before.crashes - 1)
    if (waits > 0) backoff.hold(container.name, waits, left, before.reason)
    const { startedAt, restarts, crashes, nextStart } = before
    const reason = before.reason.replace(/; next start at \S+$/, '') // earlier versions kept it there
    return { ...run, startedAt, restarts, crashes, reason, nextStart, ended: nextStart !== '' }
  }

  const remember = (name: ContainerName, run: Run): void => {
    const { startedAt, restarts, crashes, reason, nextStart } = run
    histories.set(name, { startedAt, restarts, crashes, reason, nextStart })
  }

  const ageOf = ({ startedAt }: ObservedContainer): number => Math.max(0, clock.now() - Date.parse(startedAt))

  /** The engine's instants are those of a clock that may be set while a program runs: they count where nothing better is known. */
  const uptimeOf = (run: Run, container: ObservedContainer): number =>
    run.began === undefined ? ageOf(container) : clock.monotonic() - run.began

  const ended = (run: Run, container: ObservedContainer): void => {
    run.ended = true
    run.nextStart = new Date(clock.now()).toISOString()
    const uptime = uptimeOf(run, container)
    if (uptime > longRun) {
      run.crashes = 0
      backoff.succeed(container.name)
    }
    if (uptime > shortRun) run.kills = 0
    // The kernel's kill for want of memory is the program's own doing, or its limit's: the next run ends the same way.
    if (killed.has(container.exitCode) && container.outOfMemory === undefined) run.kills += 1
    else run.crashes += 1
    if (run.crashes < 2 && run.kills <= killsForgiven) return
    const what = `its program ended with ${codeOfEnd(container)} after ${String(Math.round(uptime / 1000))} s`
    backoff.fail(container.name, what)
    run.reason = `${what}, ${String(run.crashes + run.kills)} times in a row`
  }

  return {
    look: (containers) => {
      for (const container of containers) {
        if (container.state === 'created' || container.unread !== undefined) continue
        const run = runs.get(container.name) ?? remembered(container)
        runs.set(container.name, run)
        if (run.startedAt !== container.startedAt) {
          run.startedAt = container.startedAt
          run.began = undefined
          run.restarts += 1
          run.ended = false
          run.nextStart = ''
        }
        const over = container.state === 'exited' || container.state === 'dead'
        if (!over) run.began ??= clock.monotonic() - ageOf(container)
        if (over && !run.ended) ended(run, container)
        // Told and kept by the clock as it is set now.
        if (over) run.nextStart = backoff.waiting(container.name)?.until ?? run.nextStart
        remember(container.name, run)
      }
    },
    restarts: (name) => runs.get(name)?.restarts ?? 0,
    held: () =>
      new Map(
        [...backoff.all()].flatMap(([key, { until }]) => {
          const name = key as ContainerName // `fail` and `hold` are called with names of containers alone
          const run = runs.get(name)
          return run === undefined ? [] : [[name, `${run.reason}; next start at ${until}`] as const]
        }),
      ),
    nextDue: (names) => {
      const due = [...names].flatMap((name) => backoff.waiting(name)?.ms ?? [])
      return due.length === 0 ? undefined : Math.min(...due)
    },
    pardon: (matches) => {
      for (const [name, run] of runs) {
        if (!matches(name)) continue
        backoff.succeed(name)
        Object.assign(run, { crashes: 0, kills: 0, reason: '' })
        remember(name, run)
      }
    },
    forget: (matches) => {
      for (const name of new Set([...runs.keys(), ...histories.names()])) {
        if (!matches(name)) continue
        runs.delete(name)
        backoff.succeed(name)
        histories.delete(name)
      }
    },
  }
}
