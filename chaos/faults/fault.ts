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
