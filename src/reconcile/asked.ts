import type { InstanceName } from '../model/names.ts'
import type { CatalogInstance } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { forgetFailures, isOf } from './holds.ts'
import { instanceKey } from './keys.ts'

/** What instances were asked to be when they last changed. */
export interface Asked {
  note(entry: CatalogInstance): void
  /** Its file may ask for something else now: then what failed before may work, and is forgotten. */
  compare(name: InstanceName, entry: CatalogInstance | undefined): void
  forget(name: InstanceName): void
}

/** Differs when something else is asked for. */
const wordsOf = ({ generation, package: pack }: CatalogInstance): string => `${generation} ${pack?.digest ?? ''}`

export const createAsked = (context: LoopContext): Asked => {
  const asked = new Map<InstanceName, string>()
  return {
    note: (entry) => {
      asked.set(entry.document.metadata.name, wordsOf(entry))
    },
    compare: (name, entry) => {
      const now = entry === undefined ? '' : wordsOf(entry)
      if (asked.get(name) === now) return
      context.troubles.succeed(instanceKey(name))
      context.stuck.delete(instanceKey(name))
      forgetFailures(context, name)
      if (asked.has(name)) context.crashes.pardon(isOf(context.owner, name))
      asked.set(name, now)
    },
    forget: (name) => {
      asked.delete(name)
    },
  }
}
