import { watch as watchNames } from 'node:fs'
import { join } from 'node:path'
import { watch } from 'chokidar'
import type { Log } from '../model/log.ts'
import type { Arrivals } from './arrivals.ts'
import type { HintFolder } from './scan.ts'
import type { Clock } from './types.ts'

/** Says that something changed in one of the folders; what, only a scan tells. */
export interface Hints {
  /** The folders to listen to, by real path; all others are let go. */
  listen(folders: ReadonlyMap<string, HintFolder>): Promise<void>
  /** Why changes are not all heard of; undefined when they are. */
  problem(): string | undefined
  close(): Promise<void>
}

interface Listening {
  readonly identity: string
  names: ReadonlySet<string> | undefined
  /** It is known to listen. */
  works: boolean
  /** When it was found not to work, in milliseconds that never jump. */
  failedAt?: number
  watcher?: { close(): Promise<void> }
}

/** Shortest time until listening is tried again where it failed. Milliseconds. */
const retryMs = 5_000

/** What runs out is no disk and mostly not the daemon's file handles, whatever the system's words say: the limits of inotify(7). */
const limits: Readonly<Record<string, string>> = {
  ENOSPC: 'fs.inotify.max_user_watches, watches of all programs of this user',
  EMFILE: 'fs.inotify.max_user_instances, listening programs of this user; or file handles of sond, ulimit -n',
}

const limitOf = (error: unknown): { readonly limit?: string } => {
  const limit = error instanceof Error && 'code' in error ? limits[String(error.code)] : undefined
  return limit === undefined ? {} : { limit }
}

/**
 * One watcher per folder, not recursive: which folders there are, and whether one was replaced by another of the
 * same name, is told by scans, so circles of links and swapped folders are no concern here. A watcher that begins to listen
 * is a hint too: what changed between the scan and that moment would be missed otherwise.
 */
export const createHints = (log: Log, arrivals: Arrivals, clock: Clock, hint: () => void): Hints => {
  const watchers = new Map<string, Listening>()
  let problem: string | undefined

  const heard = (folder: string, event: string, name: string | null): void => {
    if (name !== null) arrivals.heard(join(folder, name), event === 'rename' ? 'rename' : 'change')
    const names = watchers.get(folder)?.names
    if (name === null || names === undefined || names.has(name)) hint()
  }

  const failed = (folder: string, listening: Listening, error: unknown): void => {
    listening.failedAt = clock.monotonic()
    listening.works = false
    const fields = { folder, error: String(error), ...limitOf(error) }
    // The periodic look still finds every change, and tries to listen again.
    if (problem === undefined) log.warn('cannot listen for changes, looking periodically until it can', fields)
    problem = `changes in ${folder} are looked for every few seconds, not heard of: ${fields.limit ?? fields.error}`
  }

  /** One that failed may have gone with its folder. Without any, no folder can be read. */
  const forgetProblem = (): void => {
    if (problem === undefined || watchers.size === 0 || !watchers.values().every((one) => one.works)) return
    log.info('listening for changes again')
    problem = undefined
  }

  const works = (listening: Listening): void => {
    if (listening.failedAt !== undefined) return
    listening.works = true
    forgetProblem()
    hint()
  }

  const open = (folder: string, listening: Listening): Listening['watcher'] =>
    watch(folder, {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // The watch on a folder tells of its files too: one watch a folder is enough.
      ignored: (path) => path !== folder,
    })
      .on('raw', (event, name) => heard(folder, event, name))
      .on('ready', () => works(listening))
      .on('error', (error) => failed(folder, listening, error))

  /** A folder of which few names count may be a busy one, such as /tmp: chokidar reads a folder in full whenever anything in it changes. */
  const openForNames = (folder: string, listening: Listening): Listening['watcher'] => {
    try {
      const watcher = watchNames(folder, (event, name) => heard(folder, event, name))
      watcher.on('error', (error) => failed(folder, listening, error))
      works(listening)
      return { close: async () => watcher.close() }
    } catch (error) {
      failed(folder, listening, error)
      return undefined
    }
  }

  const isOver = ({ failedAt = Infinity }: Listening): boolean => clock.monotonic() - failedAt >= retryMs

  return {
    listen: async (folders) => {
      const closing: Promise<void>[] = []
      for (const [folder, listening] of watchers) {
        if (folders.get(folder)?.identity === listening.identity && !isOver(listening)) continue
        watchers.delete(folder)
        if (listening.watcher !== undefined) closing.push(listening.watcher.close())
      }
      await Promise.all(closing)
      for (const [folder, { identity, names }] of folders) {
        const known = watchers.get(folder)
        if (known !== undefined) known.names = names
        else {
          const listening: Listening = { identity, names, works: false }
          watchers.set(folder, listening)
          const watcher = names === undefined ? open(folder, listening) : openForNames(folder, listening)
          if (watcher !== undefined) listening.watcher = watcher
        }
      }
      forgetProblem()
    },
    problem: () => problem,
    close: async () => {
      const all = [...watchers.values()]
      watchers.clear()
      await Promise.all(all.flatMap(({ watcher }) => watcher?.close() ?? []))
    },
  }
}
