import { watch as watchNames } from 'node:fs'
import { join } from 'node:path'
import { watch } from 'chokidar'
import type { Log } from '../model/log.ts'
import type { Arrivals } from './arrivals.ts'
import type { HintFolder } from './scan.ts'

/** Says that something changed in one of the folders; what, only a scan tells. */
export interface Hints {
  /** The folders to listen to, by real path; all others are let go. */
  listen(folders: ReadonlyMap<string, HintFolder>): Promise<void>
  close(): Promise<void>
}

interface Listening {
  identity: string
  names: ReadonlySet<string> | undefined
  readonly watcher: { close(): Promise<void> }
}

/**
 * One watcher per folder, not recursive: which folders there are, and whether one was replaced by another of the
 * same name, is told by scans, so circles of links and swapped folders are no concern here. A watcher that begins to listen
 * is a hint too: what changed between the scan and that moment would be missed otherwise.
 */
export const createHints = (log: Log, arrivals: Arrivals, hint: () => void): Hints => {
  const watchers = new Map<string, Listening>()
  let warned = false

  const heard = (folder: string, event: string, name: string | null): void => {
    if (name !== null) arrivals.heard(join(folder, name), event === 'rename' ? 'rename' : 'change')
    const names = watchers.get(folder)?.names
    if (name === null || names === undefined || names.has(name)) hint()
  }

  const failed = (folder: string, error: unknown): void => {
    // Typically ENOSPC: the host's limit on inotify watches. The periodic look still finds every change.
    if (!warned) log.warn('cannot listen for changes, looking periodically', { folder, error: String(error) })
    warned = true
  }

  const open = (folder: string): Listening['watcher'] =>
    watch(folder, {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // The watch on a folder tells of its files too: one watch a folder is enough.
      ignored: (path) => path !== folder,
    })
      .on('raw', (event, name) => heard(folder, event, name))
      .on('ready', hint)
      .on('error', (error) => failed(folder, error))

  /** A folder of which few names count may be a busy one, such as /tmp: chokidar reads a folder in full whenever anything in it changes. */
  const openForNames = (folder: string): Listening['watcher'] => {
    try {
      const watcher = watchNames(folder, (event, name) => heard(folder, event, name))
      watcher.on('error', (error) => failed(folder, error))
      hint()
      return { close: async () => watcher.close() }
    } catch (error) {
      failed(folder, error)
      return { close: async () => undefined }
    }
  }

  return {
    listen: async (folders) => {
      const closing: Promise<void>[] = []
      for (const [folder, { identity, watcher }] of watchers) {
        if (folders.get(folder)?.identity === identity) continue
        watchers.delete(folder)
        closing.push(watcher.close())
      }
      await Promise.all(closing)
      for (const [folder, { identity, names }] of folders) {
        const known = watchers.get(folder)
        if (known !== undefined) known.names = names
        else {
          const watcher = names === undefined ? open(folder) : openForNames(folder)
          watchers.set(folder, { identity, names, watcher })
        }
      }
    },
    close: async () => {
      const all = [...watchers.values()]
      watchers.clear()
      await Promise.all(all.map(({ watcher }) => watcher.close()))
    },
  }
}
