import { setTimeout as delay } from 'node:timers/promises'
import { now } from '../deploy/lab/run.ts'
import type { Arena } from './arena.ts'
import type { Fault } from './faults/fault.ts'
import type { Foreign } from './foreign.ts'
import type { Judge } from './judge.ts'
import { createRandom, drawn } from './random.ts'
import { trialManifest } from './service.ts'
import { type Change, changeNames, changeOf, nothing, type Wanted } from './wanted.ts'

/** A change, what happens during it, and when: all of it from seed and number. */
export interface Round {
  readonly number: number
  readonly change: Change
  readonly fault: Fault
  /** Milliseconds from the change to the fault. */
  readonly moment: number
}

export interface Outcome {
  readonly round: Round
  /** What the fault hit. */
  readonly hit: string
  /** Milliseconds from the end of the fault until all was whole. */
  readonly ms: number
  /** What was not within the bound. */
  readonly complaints: readonly string[]
}

const randomOf = (seed: string, number: number) => createRandom(seed, 'round', number)

/** The rounds of a seed, each from what the one before left. */
export function* roundsOf(seed: string, faults: readonly Fault[], count: number): Generator<Round> {
  let wanted = nothing
  for (let number = 1; number <= count; number += 1) {
    const random = randomOf(seed, number)
    const name = drawn(changeNames, `${seed}/changes`, number - 1)
    const fault = drawn(faults, `${seed}/faults`, number - 1)
    if (name === undefined || fault === undefined) return
    const change = changeOf(name, wanted, random)
    // Most changes take a second or two; some faults come when they are over.
    const moment = random.below(4) === 0 ? random.below(4_000) : random.below(1_500)
    yield { number, change, fault, moment }
    wanted = change.to
  }
}

export const markOf = (number: number): string => `r${number}`

const file = 'trial.yaml'

/** Asks for it, as a user does: by a file. */
export const ask = async ({ lab }: Arena, to: Wanted, mark: string, awayMs?: number): Promise<void> => {
  if (!to.present || awayMs !== undefined) await lab.withdraw(file)
  if (awayMs !== undefined) await delay(awayMs)
  if (to.present) await lab.drop(file, trialManifest(to, mark))
}

/** Looks until nothing is wrong; gives what was wrong at the last look. */
export const settle = async (
  judge: Judge,
  wanted: Wanted,
  mark: string,
  boundMs: number,
): Promise<readonly string[]> => {
  const end = now() + boundMs
  for (;;) {
    const complaints = await judge.complaints(wanted, mark)
    if (complaints.length === 0 || now() > end) return complaints
    await delay(150)
  }
}

export const runRound = async (
  seed: string,
  round: Round,
  world: { readonly arena: Arena; readonly foreign: Foreign; readonly judge: Judge },
  boundMs: number,
): Promise<Outcome> => {
  const { arena, foreign, judge } = world
  const { number, change, fault, moment } = round
  const asked = ask(arena, change.to, markOf(number), change.awayMs)
  await delay(moment)
  const hit = await fault.strike(arena, createRandom(seed, 'target', number), foreign)
  await asked
  const over = now()
  const complaints = await settle(judge, change.to, markOf(number), boundMs)
  return { round, hit, ms: now() - over, complaints }
}
