import { cp, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isReady } from '../deploy/lab/api.ts'
import type { LabEngines } from '../deploy/lab/lab.ts'
import { findTraces } from '../deploy/lab/leftovers.ts'
import { type Arena, createArena } from './arena.ts'
import type { Fault } from './faults/fault.ts'
import { plantForeign } from './foreign.ts'
import { createJudge } from './judge.ts'
import { ask, markOf, type Outcome, roundsOf, runRound, settle } from './rounds.ts'
import { calm, standingFiles } from './service.ts'
import { nothing } from './wanted.ts'

export interface ChaosOptions {
  readonly engines: LabEngines
  readonly seed: string
  readonly rounds: number
  /** The first that is run; what those before asked for is asked for at once. */
  readonly from: number
  readonly faults: readonly Fault[]
  /** Milliseconds from the end of a fault until all must be whole. */
  readonly boundMs: number
  /** Called after each round. */
  readonly ended: (outcome: Outcome) => void
  /** Ends the run where it is. */
  readonly signal: AbortSignal
}

export interface ChaosResult {
  readonly outcomes: readonly Outcome[]
  /** Empty = everything held. */
  readonly complaints: readonly string[]
  /** Where logs are kept, when something did not. */
  readonly logs: string | undefined
}

const keepLogs = async ({ lab }: Arena): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-chaos-logs-'))
  await mkdir(join(directory, 'engines'))
  await cp(lab.logFile, join(directory, 'sond.log'))
  await cp(join(lab.stateDir, 'engines', 'log'), join(directory, 'engines'), { recursive: true }).catch(() => undefined)
  return directory
}

/** The first round that fails ends it: what comes after it would be judged by a broken world. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { seed, boundMs } = options
  const outcomes: Outcome[] = []
  const complaints: string[] = []
  let logs: string | undefined
  const arena = await createArena(options.engines)
  const { lab } = arena
  try {
    for (const [name, content] of await standingFiles()) await lab.drop(name, content)
    await lab.api.follow(calm, boundMs, isReady)
    const foreign = await plantForeign(arena)
    try {
      const judge = await createJudge(arena, foreign)
      // How the world looks without the service: that is how it must look whenever it is gone.
      complaints.push(...(await settle(judge, nothing, '', boundMs)))
      let wanted = nothing
      for (const round of roundsOf(seed, options.faults, options.rounds)) {
        if (complaints.length > 0 || options.signal.aborted) break
        const { number, change } = round
        if (number < options.from) {
          wanted = change.to
          if (number < options.from - 1) continue
          await ask(arena, wanted, markOf(number)).catch(() => undefined) // a file that was never there cannot go
          complaints.push(...(await settle(judge, wanted, markOf(number), boundMs)))
          continue
        }
        const outcome = await runRound(seed, round, { arena, foreign, judge }, boundMs)
        wanted = change.to
        outcomes.push(outcome)
        options.ended(outcome)
        complaints.push(...outcome.complaints)
      }
      if (complaints.length === 0) {
        if (wanted.present) await ask(arena, nothing, '')
        complaints.push(...(await settle(judge, nothing, '', boundMs)))
      }
    } finally {
      foreign.end()
    }
  } catch (error) {
    complaints.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  if (complaints.length > 0) logs = await keepLogs(arena)
  await arena.stop().catch((error: unknown) => complaints.push(`clean-up: ${String(error)}`))
  for (const [kind, found] of Object.entries(await findTraces(lab.dir, lab.netns))) {
    for (const one of found) complaints.push(`left after the end: ${kind}: ${one}`)
  }
  return { outcomes, complaints, logs }
}
