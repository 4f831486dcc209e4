import { setTimeout as delay } from 'node:timers/promises'
import type { Arena } from '../arena.ts'
import type { Foreign } from '../foreign.ts'
import type { Random } from '../random.ts'

/** Something that happens from outside. */
export interface Fault {
  readonly name: string
  /** Resolves, with what was hit, when it is over: what hung goes on, what was full has room. */
  strike(arena: Arena, random: Random, foreign: Foreign): Promise<string>
}

/** Nothing of the kind is there at that moment. */
export const missed = 'nothing there to hit'

/** What is looked for may go, or come, at that very moment: then it is looked for again. */
export const steadily = async <T>(look: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await look()
    } catch (error) {
      if (tries === 10) throw error
      await delay(50)
    }
  }
}

/** False when there is no such process any more. */
export const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return pid > 1 && process.kill(pid, name)
  } catch {
    return false
  }
}
