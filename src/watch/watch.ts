import { resolve } from 'node:path'
import type { Log } from '../model/log.ts'
import { createArrivals } from './arrivals.ts'
import { compareCatalogs, emptyCatalog } from './catalog.ts'
import { createHints } from './hints.ts'
import { openLooker, type Looked, type Looker, type LookOptions } from './look.ts'
import type { CatalogChange, Watcher } from './types.ts'

export interface WatcherOptions extends Omit<LookOptions, 'arrivals'> {
  /** Milliseconds after which to look without a hint; hints may be lost. 10 s when absent. */
  readonly pollMs?: number
}

/** Shortest time from a hint to the look it asks for, so that one look serves a burst of hints. Milliseconds. */
const gather = 15
/** `rescan` waits no longer than so many settle times for files that never rest. */
const patience = 25

const notify = (listeners: Iterable<(change: CatalogChange) => void>, change: CatalogChange, log: Log): void => {
  for (const listener of listeners) {
    try {
      listener(change)
    } catch (error) {
      log.error('a listener of the watched directory failed', { error: String(error) })
    }
  }
}

/**
 * Watches a directory of manifests and packages. Hints from the file system say when to look; what counts is decided by a
 * full look at the directory alone, so a lost hint costs time and nothing else.
 */
export const createWatcher = ({ pollMs = 10_000, ...options }: WatcherOptions): Watcher => {
  const { settleMs, log, clock } = options
  const directory = resolve(options.directory)
  const arrivals = createArrivals()
  const listeners = new Set<(change: CatalogChange) => void>()
  let catalog = emptyCatalog(directory)
  let looker: Promise<Looker> | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let timer: { readonly due: number; readonly cancel: () => void } | undefined
  let cost = 0
  let closed = false

  const opened = (): Promise<Looker> => (looker ??= openLooker({ ...options, directory, arrivals }))

  /** Looks within `ms`, or earlier when that is planned already. */
  const lookWithin = (ms: number): void => {
    const due = clock.monotonic() + ms
    if (closed || (timer !== undefined && timer.due <= due)) return
    timer?.cancel()
    const cancel = clock.after(ms, () => {
      timer = undefined
      void lookNow()
    })
    timer = { due, cancel }
  }

  // While a tree is being filled, hints come faster than looks can be made: leave as much time for other work.
  const hints = createHints(log, arrivals, clock, () => lookWithin(Math.max(gather, cost)))

  const lookOnce = async (): Promise<Looked | undefined> => {
    if (closed) return undefined
    const began = clock.monotonic()
    try {
      const looked = await (await opened()).look()
      await hints.listen(looked.scan.folders)
      const change = compareCatalogs(catalog, looked.catalog)
      catalog = looked.catalog
      if (change !== undefined) notify(listeners, change, log)
      const away = looked.scan.root === undefined ? 1000 : Infinity
      lookWithin(Math.min(looked.pending ?? pollMs, away, pollMs))
      return looked
    } catch (error) {
      log.error('looking at the watched directory failed', { directory, error: String(error) })
      lookWithin(Math.min(1000, pollMs))
      return undefined
    } finally {
      cost = clock.monotonic() - began
    }
  }

  /** One look at a time, each after the last. */
  const lookNow = (): Promise<Looked | undefined> => {
    const mine = turn.then(lookOnce)
    turn = mine
    return mine
  }

  const pause = (ms: number): Promise<void> =>
    new Promise((done) => {
      clock.after(ms, done)
    })

  const rescan = async (): Promise<void> => {
    const deadline = clock.monotonic() + Math.max(2000, patience * settleMs)
    let looked = await lookNow()
    while (looked?.pending !== undefined && clock.monotonic() < deadline) {
      await pause(looked.pending)
      looked = await lookNow()
    }
  }

  return {
    start: async () => {
      await opened()
      await lookNow()
    },
    catalog: () => catalog,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    rescan,
    problem: () => hints.problem(),
    markDeliberate: async (files) => {
      const target = await opened()
      target.markDeliberate(files)
      // Where they are gone already, the guard may have held them.
      if (catalog.held !== undefined) await lookNow()
    },
    confirmPrune: async () => {
      const target = await opened()
      const { held } = catalog
      target.confirm(held?.files ?? [])
      await lookNow()
      return held
    },
    close: async () => {
      closed = true
      timer?.cancel()
      await turn
      await hints.close()
    },
  }
}
