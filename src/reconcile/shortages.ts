import equal from 'fast-deep-equal'
import type { DesireResult, NoticeCode } from '../desired/result.ts'
import type { InstanceName } from '../model/names.ts'
import type { LoopContext } from './context.ts'

/** Notices of what others may have: subnets and VLANs, room in data centers. */
const short: ReadonlySet<NoticeCode> = new Set(['EXHAUSTED', 'UNPLACEABLE'])

const goesWithout = (result: DesireResult | undefined): boolean =>
  result?.notices.some(({ code }) => short.has(code)) === true

/**
 * Knows the instances that go without something because others hold it. When one holds other things after its turn than before,
 * they are looked at again: what it gave back may be what they lack.
 *
 * @param look - asks for a turn of an instance.
 */
export const createShortages = (
  { book, wishes }: Pick<LoopContext, 'book' | 'wishes'>,
  look: (instance: InstanceName) => void,
): (<T>(name: InstanceName, turn: () => Promise<T>) => Promise<T>) => {
  const waiting = new Set<InstanceName>()
  const heldBy = (name: InstanceName): readonly unknown[] => [book.of(name), [...(wishes.get(name)?.usage ?? [])]]

  return async (name, turn) => {
    const before = heldBy(name)
    try {
      return await turn()
    } finally {
      if (goesWithout(wishes.get(name))) waiting.add(name)
      else waiting.delete(name)
      // Compared only while somebody waits: there are as many turns as there are hints.
      const others = [...waiting].filter((other) => other !== name)
      if (others.length > 0 && !equal(before, heldBy(name))) for (const other of others) look(other)
    }
  }
}
