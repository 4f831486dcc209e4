import { isUtf8 } from 'node:buffer'
import type { BigIntStats, Dirent } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import pLimit from 'p-limit'
import { checkLinkers, fingerprint, heldPath, identity, LinkRefused, reach, type Reached } from './follow.ts'
import { fileKind, isIgnored, type FileKind } from './recognise.ts'

export interface FoundFile {
  readonly kind: FileKind
  /** Changes with every change of the content, and when another file takes the name. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly modified: number
  /** Time of the last change by the kernel's clock, which nobody can set. Milliseconds since the epoch. */
  readonly changed: number
  /** Why it cannot be read at all. */
  readonly obstacle?: string
  /** Its real path, of a file with content that is here itself; absent where a link leads to it. */
  readonly place?: string
}

export interface Scan {
  /** Undefined when the directory cannot be read: then `error` says why and nothing else is known. */
  readonly root: { readonly device: string; readonly inode: string } | undefined
  readonly error: string
  /** By path relative to the root. */
  readonly files: ReadonlyMap<string, FoundFile>
  /** Folders that could not be read, relative, with the reason: what is in them is not known. */
  readonly unreadable: ReadonlyMap<string, string>
  /** By real path, the folders where changes matter. */
  readonly folders: ReadonlyMap<string, HintFolder>
}

export interface HintFolder {
  /** Changes when another folder takes the name. */
  readonly identity: string
  /** Names whose changes matter; undefined = all. */
  readonly names: ReadonlySet<string> | undefined
}

/** Folders below folders; deeper ones are reported as unreadable. */
const maximumDepth = 32

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'

const errorText: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links lead in a circle',
}

const explain = (error: unknown): string => {
  if (error instanceof LinkRefused) return error.message
  const code = codeOf(error)
  return errorText[code] ?? `reading fails with ${code}`
}

/** What is not a regular file, in a word; undefined for one. Opening such a thing may wait for ever. */
export const oddity = (stats: BigIntStats): string | undefined => {
  if (stats.isFile()) return undefined
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device'
  return 'not a regular file'
}

interface Folder {
  /** Relative to the root; empty for the root. */
  readonly path: string
  readonly depth: number
}

const below = ({ path }: Folder, name: string): string => (path === '' ? name : `${path}/${name}`)

const unreadableFile = (kind: FileKind, reason: string): FoundFile => ({
  kind,
  fingerprint: `unreadable:${reason}`,
  modified: 0,
  changed: 0,
  obstacle: reason,
})

/** A walk over one directory tree, gathering what `Scan` tells. */
const createWalk = (root: string) => {
  const files = new Map<string, FoundFile>()
  const unreadable = new Map<string, string>()
  const folders = new Map<string, HintFolder>()
  const visited = new Set<string>()
  /** Folders reached by symbolic links wait until all real ones were seen, so that a folder is known by its real path. */
  const queue: { readonly real: Folder[]; readonly linked: Folder[] } = { real: [{ path: '', depth: 0 }], linked: [] }

  /** Gives the real path; undefined when it is gone again, which the next scan tells. */
  const addFolder = async (path: string, name?: string): Promise<string | undefined> => {
    try {
      const real = await realpath(path)
      const found = identity(await stat(real, { bigint: true }))
      // Nothing may be awaited from here on: many links that lead into one folder are followed at the same time.
      const known = folders.get(real)
      const all = name === undefined || (known !== undefined && known.names === undefined)
      folders.set(real, { identity: found, names: all ? undefined : new Set([...(known?.names ?? []), name]) })
      return real
    } catch {
      return undefined
    }
  }

  /** Links that are followed at one time: each takes file handles. */
  const following = pLimit(16)

  /** What a link leads to. The folder of a file there matters from now on. */
  const followed = async (path: string): Promise<BigIntStats> => {
    const { handle, stats } = await reach(root, path)
    await using held = handle
    if (stats.isDirectory()) return stats
    const target = await readlink(heldPath(held))
    await addFolder(dirname(target), basename(target))
    return stats
  }

  /** Of the entry itself, never of what a link leads to that took its name meanwhile. */
  const unlinked = async (folder: Reached, name: string): Promise<BigIntStats> => {
    const stats = await lstat(heldPath(folder.handle, name), { bigint: true })
    checkLinkers(folder.linkers, stats)
    return stats
  }

  /** A file is known by its path as text, in every message and in the store: without one it is told, not taken. */
  const misnamed = (folder: Folder, found: Dirent<Buffer>): void => {
    const name = found.name
      .toString('latin1')
      .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
    const path = below(folder, name)
    const reason = 'its name is not UTF-8; rename it'
    const kind = fileKind(name)
    if (found.isDirectory()) unreadable.set(path, reason)
    else if (kind !== undefined) files.set(path, unreadableFile(kind, reason))
  }

  const entry = async (
    folder: Folder,
    reached: Reached,
    real: string | undefined,
    found: Dirent<Buffer>,
  ): Promise<void> => {
    if (!isUtf8(found.name)) {
      misnamed(folder, found)
      return
    }
    const name = found.name.toString()
    if (isIgnored(name)) return
    const path = below(folder, name)
    const next = { path, depth: folder.depth + 1 }
    if (found.isDirectory()) {
      queue.real.push(next)
      return
    }
    const kind = fileKind(name)
    if (kind === undefined && !found.isSymbolicLink()) return
    try {
      const stats = found.isSymbolicLink() ? await following(() => followed(path)) : await unlinked(reached, name)
      if (stats.isDirectory()) {
        queue.linked.push(next)
      } else if (kind !== undefined) {
        const odd = oddity(stats)
        const here = real !== undefined && found.isFile() && stats.size > 0n
        files.set(path, {
          kind,
          fingerprint: fingerprint(stats),
          modified: Number(stats.mtimeMs),
          changed: Number(stats.ctimeMs),
          ...(odd === undefined ? {} : { obstacle: `it is ${odd}, not a regular file` }),
          ...(here ? { place: join(real, name) } : {}),
        })
      }
    } catch (error) {
      const lost = codeOf(error) === 'ENOENT'
      // A file that was listed a moment ago and is gone now was deleted; a link that leads nowhere is unreadable.
      if (lost && !found.isSymbolicLink()) return
      const reason = lost ? 'it is a symbolic link to something that does not exist' : explain(error)
      if (kind === undefined) unreadable.set(path, reason)
      else files.set(path, unreadableFile(kind, reason))
    }
  }

  const visit = async (folder: Folder): Promise<void> => {
    try {
      const reached = await reach(root, folder.path)
      await using handle = reached.handle
      const { stats } = reached
      if (visited.has(identity(stats))) return
      visited.add(identity(stats))
      if (folder.depth > maximumDepth) {
        unreadable.set(folder.path, `it is nested deeper than ${maximumDepth} folders`)
        return
      }
      const real = await addFolder(await readlink(heldPath(handle)))
      const entries = await readdir(heldPath(handle), { withFileTypes: true, encoding: 'buffer' })
      await Promise.all(entries.map((found) => entry(folder, reached, real, found)))
    } catch (error) {
      if (folder.path === '') throw error
      if (codeOf(error) !== 'ENOENT') unreadable.set(folder.path, explain(error))
    }
  }

  /** In the order of names, whatever order the file system lists them in. */
  const take = (): Folder | undefined => {
    const from = queue.real.length > 0 ? queue.real : queue.linked
    from.sort((a, b) => (a.path < b.path ? -1 : 1))
    return from.shift()
  }

  const skip = async (path: string): Promise<void> => {
    const stats = await stat(path, { bigint: true }).catch(() => undefined)
    if (stats !== undefined) visited.add(identity(stats))
  }

  return { files, unreadable, folders, visit, take, addFolder, skip }
}

/** The nearest folder above that exists, and the name in it that leads down, so that the making of the root is noticed. */
const above = async (path: string): Promise<{ readonly folder: string; readonly name: string }> => {
  const folder = dirname(path)
  try {
    await stat(folder)
    return { folder, name: basename(path) }
  } catch {
    return folder === path ? { folder, name: basename(path) } : above(folder)
  }
}

/**
 * One look at everything below `root`: the names that count, with fingerprints. Symbolic links of root, and of the owner of what
 * they lead to, are followed; every folder is visited once, so links in a circle end. Never throws.
 *
 * @param without - a folder that is left out wherever a link leads to it (our own state changes with every look).
 */
export const scanDirectory = async (root: string, without?: string): Promise<Scan> => {
  const walk = createWalk(root)
  if (without !== undefined) await walk.skip(without)
  const { folder, name } = await above(root)
  await walk.addFolder(folder, name)
  try {
    const stats = await stat(root, { bigint: true })
    for (let next = walk.take(); next !== undefined; next = walk.take()) await walk.visit(next)
    const { files, unreadable, folders } = walk
    const identified = { device: String(stats.dev), inode: String(stats.ino) }
    return { root: identified, error: '', files, unreadable, folders }
  } catch (error) {
    return { root: undefined, error: explain(error), files: new Map(), unreadable: new Map(), folders: walk.folders }
  }
}

/** Whether a path lies in a folder whose content is not known. */
export const isHidden = (scan: Scan, path: string): boolean => {
  for (const folder of scan.unreadable.keys()) if (path.startsWith(`${folder}/`)) return true
  return false
}
