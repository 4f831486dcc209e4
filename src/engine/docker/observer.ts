import type { ObservedContainer } from '../../model/actual.ts'
import type { ContainerName } from '../../model/names.ts'
import type { Owned } from '../../model/ownership.ts'
import type { ContainerEngine } from '../ports.ts'
import { isCode } from './errors.ts'
import { gateOf } from './gate.ts'
import type { Gates } from './gate.ts'
import { toObserved } from './observed.ts'
import type { Inspected } from './observed.ts'
import type { Registry } from './registry.ts'
import type { Scripts } from './scripts.ts'

export type Observer = Pick<ContainerEngine, 'observe'>

export interface ObserverOptions {
  readonly registry: Registry
  readonly gates: Gates
  readonly scripts: Scripts
  /** Names whose gates may be there before Docker knows them. */
  readonly making: ReadonlySet<string>
}

/** Puts together what Docker, /proc and the records of scripts tell of our containers. */
export const createObserver = ({ registry, gates, scripts, making }: ObserverOptions): Observer => {
  const observeOne = async (inspected: Inspected, again = true): Promise<Owned<ObservedContainer> | undefined> => {
    const { id, name, pid } = inspected.container
    const gate = pid === 0 ? 'closed' : await gateOf(pid)
    if (gate === 'gone' && again) {
      // It ended, or was started again, since it was inspected.
      registry.changed(id)
      try {
        return await observeOne(await registry.inspect(name), false)
      } catch (error) {
        if (isCode(error, 'NOT_FOUND')) return undefined
        throw error
      }
    }
    const seen = gate === 'gone' ? 'closed' : gate
    return toObserved(inspected, inspected.gate === undefined ? 'none' : seen, await scripts.states(inspected))
  }

  /** Removes gates and records of containers that somebody else removed. */
  const sweep = async (before: readonly ContainerName[], there: ReadonlySet<string>): Promise<void> => {
    for (const name of before) {
      if (there.has(name) || making.has(name)) continue
      await gates.remove(name)
      await scripts.remove(name)
    }
  }

  const observe: Observer['observe'] = async (instance) => {
    const before = instance === undefined ? (await gates.names()).filter((name) => !making.has(name)) : []
    const inspected = await registry.list(instance)
    await sweep(before, new Set(inspected.map(({ container }) => container.name)))
    const observed = await Promise.all(inspected.map((one) => observeOne(one)))
    return observed.filter((one) => one !== undefined)
  }

  return { observe }
}
