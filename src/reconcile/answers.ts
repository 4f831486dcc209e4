import type { Engines } from '../engine/ports.ts'
import type { Clock } from './clock.ts'
import { messageOf } from './watched.ts'

/** While one does not answer, all are asked so often: the longer waits of a failing look would be felt when it comes. Milliseconds. */
export const answerDistance = 4_000

export interface Answers {
  /**
   * Fails soon after one does not answer; what the others say later is noted when they have said it.
   *
   * @throws EngineError when an engine does not answer
   */
  ask(): Promise<void>
  /** Not every engine answered when they were asked last. */
  missing(): boolean
  /** Why each that did not answer when it was asked last did not; empty when all did. */
  away(): string
  /**
   * Asks again, and has `cameBack` called when all answer; gives the milliseconds after which to do so once more. Silent: what is to
   * be told, the look that failed has told.
   */
  await(): Promise<number | undefined>
}

const kinds = ['containers', 'switches', 'links'] as const

/** For the others to say it too, when one does not answer. Milliseconds. */
const grace = 300

/** Whether the engines answer: cheap to ask, unlike a look at everything. */
export const createAnswers = (engines: Engines, clock: Clock, cameBack: () => void): Answers => {
  let missing = false
  let questions = 0
  /** What each said last. One that hangs is asked again before its silence is known: the younger question counts. */
  const said = new Map<keyof Engines, { readonly question: number; readonly why: string }>()

  const note = (kind: keyof Engines, question: number, why: string): void => {
    if (question > (said.get(kind)?.question ?? 0)) said.set(kind, { question, why })
  }

  const ask = async (): Promise<void> => {
    missing = true
    questions += 1
    const question = questions
    const askOne = async (kind: keyof Engines): Promise<void> => {
      try {
        await engines[kind].ping()
        note(kind, question, '')
      } catch (error) {
        note(kind, question, messageOf(error))
        throw error
      }
    }
    const asked = kinds.map(askOne)
    try {
      await Promise.all(asked)
    } catch (error) {
      const later = new Promise((resolve) => void clock.after(grace, () => resolve(undefined)))
      await Promise.race([Promise.allSettled(asked), later])
      throw error
    }
    missing = false
  }

  return {
    ask,
    missing: () => missing,
    away: () =>
      kinds
        .map((kind) => said.get(kind)?.why ?? '')
        .filter((why) => why !== '')
        .join('; '),
    await: async () => {
      if (!missing) return undefined
      try {
        await ask()
      } catch {
        return answerDistance
      }
      cameBack()
      return undefined
    },
  }
}
