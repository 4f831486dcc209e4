import type { AnyObject, Change } from '../api/backend.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import { implicitEntry } from '../reconcile/data-centers.ts'
import type { Tombstone } from '../store/records.ts'
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
  buried: ReadonlyMap<InstanceName, Tombstone>,
  nowText: () => string,
): Changes => {
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change)
  }

  const known = new Map<string, AnyObject>()
  const note = (key: string, object: AnyObject | undefined): void => {
    const before = known.get(key)
    if (object !== undefined) {
      known.set(key, object)
      tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', object })
    } else if (before !== undefined) {
      known.delete(key)
      tell({ type: 'DELETED', object: before })
    }
  }
  const changed = (key: ObjectKey): void => {
    note(key, view.object(key))
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
      const { source, generation } = before
      view.leaving.set(name, { entry: before, since: nowText(), file: source.file, generation })
    }
  }
  // What an earlier daemon did not finish.
  for (const [name, { deletedAt, file, generation }] of buried) {
    if (present.has(name)) continue
    view.leaving.set(name, { entry: undefined, since: deletedAt, file, generation })
    changed(`ServiceInstance/${name}`)
  }

  /** It comes with the first whole look that finds none declared, or when the last one goes; it goes when others come. */
  const noteImplicit = (): void => {
    const { key } = implicitEntry
    if (known.has(key) !== (view.object(key) !== undefined)) changed(key)
  }
  noteImplicit()

  const stops = [
    watcher.onChange(({ objects, packages, files }) => {
      for (const key of objects) {
        noteInstance(key)
        changed(key)
      }
      noteImplicit()
      // All of a kind are listed once: looking each up by itself takes seconds when thousands come at a time.
      const packageObjects = packages.size === 0 ? [] : view.list('Package')
      const byDigest = new Map(packageObjects.map((object) => [object.spec.digest, object]))
      for (const digest of packages) note(`Package/${digest}`, byDigest.get(digest))
      const fileObjects = files.size === 0 ? [] : view.list('File')
      const byFile = new Map(fileObjects.map((object) => [object.metadata.name, object]))
      for (const file of files) note(`File/${file}`, byFile.get(file))
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
