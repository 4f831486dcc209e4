import type { Engines } from '../engine/ports.ts'

/** While one does not answer, all are asked so often: the longer waits of a failing look would be felt when it comes. Milliseconds. */
export const answerDistance = 4_000

export interface Answers {
  /** @throws EngineError when an engine does not answer */
  ask(): Promise<void>
  /** Not every engine answered when they were asked last. */
  missing(): boolean
  /**
   * Asks again, and has `cameBack` called when all answer; gives the milliseconds after which to do so once more. Silent: what is to
   * be told, the look that failed has told.
   */
  await(): Promise<number | undefined>
}

/** Whether the engines answer: cheap to ask, unlike a look at everything. */
export const createAnswers = ({ containers, switches, links }: Engines, cameBack: () => void): Answers => {
  let missing = false

  const ask = async (): Promise<void> => {
    missing = true
    await Promise.all([containers.ping(), switches.ping(), links.ping()])
    missing = false
  }

  return {
    ask,
    missing: () => missing,
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
