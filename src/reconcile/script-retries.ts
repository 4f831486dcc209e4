import type { ObservedContainer } from '../model/actual.ts'
import type { ContainerName } from '../model/names.ts'
import type { PlanPolicy } from '../model/plan.ts'
import type { Backoff } from './backoff.ts'

/** A start script that failed is tried again, less and less often, until it ends well; its container runs on meanwhile. */
export interface ScriptRetries {
  /** Looks at observed containers: every end of a script counts once. */
  look(containers: readonly ObservedContainer[]): void
  /** It was started again: its next end is another one. */
  began(name: ContainerName): void
  /** Those that failed, and whether their time has come. */
  failed(matches: (name: string) => boolean): NonNullable<PlanPolicy['failedScripts']>
  /** Milliseconds until the first of these may be tried again. */
  nextDue(names: Iterable<ContainerName>): number | undefined
  /** The user has changed what runs: it is tried at once. */
  forget(matches: (name: string) => boolean): void
}

interface Counted {
  readonly startedAt: string
  readonly reason: string
  /** ISO 8601, as the clock was set when it ended. */
  readonly next: string
}

export const createScriptRetries = (backoff: Backoff): ScriptRetries => {
  /** Runs of containers whose script's last end is counted, with what is said of it. */
  const counted = new Map<ContainerName, Counted>()

  const count = ({ name, startedAt }: ObservedContainer, exitCode: number): void => {
    if (counted.get(name)?.startedAt === startedAt) return
    const what = `its start script (SON_EMU_CMD) ended with code ${String(exitCode)}`
    backoff.fail(name, what)
    const times = backoff.failures(name)
    const often = times > 1 ? `, ${String(times)} times in a row` : ''
    counted.set(name, { startedAt, reason: `${what}${often}`, next: backoff.waiting(name)?.until ?? '' })
  }

  return {
    look: (containers) => {
      for (const container of containers) {
        const { name, scripts } = container
        if (scripts.start?.run !== 'done') continue
        const { exitCode = 0 } = scripts.start
        if (exitCode > 0) count(container, exitCode)
        else {
          // One whose end nobody saw may have done its work.
          counted.delete(name)
          backoff.succeed(name)
        }
      }
    },
    began: (name) => void counted.delete(name),
    failed: (matches) =>
      new Map(
        [...counted]
          .filter(([name]) => matches(name))
          .map(([name, { reason, next }]) => {
            const waiting = backoff.waiting(name)
            return [name, { reason: `${reason}; next try at ${waiting?.until ?? next}`, due: waiting === undefined }]
          }),
      ),
    nextDue: (names) => {
      const due = [...names].flatMap((name) => (counted.has(name) ? (backoff.waiting(name)?.ms ?? []) : []))
      return due.length === 0 ? undefined : Math.min(...due)
    },
    forget: (matches) => {
      backoff.forget(matches)
      for (const name of counted.keys()) if (matches(name)) counted.delete(name)
    },
  }
}
