import type { AnyObject, Change } from '../api/backend.ts'
import { parseObjectName } from '../model/names.ts'
import type { ObjectKey, Watcher } from '../watch/types.ts'
import type { Board } from './board.ts'
import { kindOf, type View } from './view.ts'

export interface Changes {
  /** From now on; the function given back ends it. */
  subscribe(listener: (change: Change) => void): () => void
  close(): void
}

/** Turns what changes in the catalog and on the board into changes of objects. */
export const createChanges = (
  watcher: Pick<Watcher, 'catalog' | 'onChange'>,
  board: Board,
  view: View,
  nowText: () => string,
): Changes => {
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change)
  }

  const known = new Map<string, AnyObject>()
  const changed = (key: ObjectKey): void => {
    const object = view.object(key)
    const before = known.get(key)
    if (object !== undefined) {
      known.set(key, object)
      tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', object })
    } else if (before !== undefined) {
      known.delete(key)
      tell({ type: 'DELETED', object: before })
    }
  }

  /** An instance whose document goes stays an object until nothing of it is left. */
  const present = new Map(watcher.catalog().instances)
  const noteInstance = (key: ObjectKey): void => {
    const name = parseObjectName(kindOf(key).name)
    if (kindOf(key).kind !== 'ServiceInstance' || name === undefined) return
    const entry = watcher.catalog().instances.get(name)
    const before = present.get(name)
    if (entry !== undefined) {
      present.set(name, entry)
      view.leaving.delete(name)
    } else if (before !== undefined) {
      present.delete(name)
      view.leaving.set(name, { entry: before, since: nowText() })
    }
  }

  const stops = [
    watcher.onChange(({ objects }) => {
      for (const key of objects) {
        noteInstance(key)
        changed(key)
      }
    }),
    board.onGone((name) => {
      view.leaving.delete(name)
      changed(`ServiceInstance/${name}`)
    }),
    board.onStatus((name) => {
      changed(`ServiceInstance/${name}`)
    }),
    board.onTopology(changed),
    board.onEvent((event) => {
      tell({ type: 'EVENT', event })
    }),
  ]

  return {
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      for (const stop of stops) stop()
    },
  }
}
