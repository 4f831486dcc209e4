import { constants, type BigIntStats } from 'node:fs'
import { lstat, open, readlink, type FileHandle } from 'node:fs/promises'

// Whoever may write into the watched directory can make links to what only root can read. So no link is left to the kernel: each part of
// a path is opened by itself, and whose links led where is known of the very thing that was opened, whatever is renamed meanwhile.

export const identity = (stats: BigIntStats): string => `${stats.dev}:${stats.ino}`

export const fingerprint = (stats: BigIntStats): string =>
  `${identity(stats)}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`

/** Something that a path leads to, held but not opened for reading: that is harmless also for pipes and devices. */
export interface Reached {
  readonly handle: FileHandle
  readonly stats: BigIntStats
  /** Users whose links led here, without root and our own. */
  readonly linkers: ReadonlySet<bigint>
}

/** O_PATH of open(2), which Node.js does not name. */
const holdOnly = 0o10000000
/** Links on one path (the kernel's own bound, path_resolution(7)), and parts with all that links add. */
const most = { links: 40, parts: 512 } as const

/** A path to what a handle holds, and below it. */
export const heldPath = ({ fd }: FileHandle, name?: string): string =>
  name === undefined ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`

const circle = (): Error => Object.assign(new Error('too many symbolic links'), { code: 'ELOOP' })

/** A link that is not followed. Whether there is anything where it leads is not told: its maker may not be allowed to know. */
export class LinkRefused extends Error {
  constructor(uid: bigint) {
    const followed = 'Links are followed that root made, or the owner of what they lead to'
    const next = 'put the file itself here, or have root make the link'
    super(`a symbolic link of user ${uid} leads to nothing of this user’s. ${followed}: ${next}`)
  }
}

/** Throws where a link leads to what is not its maker's: as `fs.protected_symlinks` of the kernel, for links in any folder. */
export const checkLinkers = (linkers: ReadonlySet<bigint>, { uid }: BigIntStats): void => {
  for (const linker of linkers) if (linker !== uid) throw new LinkRefused(linker)
}

const isTrusted = (uid: bigint): boolean => uid === 0n || uid === BigInt(process.getuid?.() ?? 0)

/** Errors that tell what is there, or is not. */
const telling = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'])

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/**
 * Goes from a trusted folder down a path. Close the handle.
 *
 * @throws LinkRefused, or as `open` does.
 */
export const reach = async (root: string, path: string): Promise<Reached> => {
  const linkers = new Set<bigint>()
  const parts = path.split('/')
  // Opened for reading, unlike what is below it: that has it mounted where it is mounted on demand.
  let here = await open(root, constants.O_RDONLY | constants.O_DIRECTORY)
  let links = 0
  let taken = 0
  try {
    for (let name = parts.shift(); name !== undefined; name = parts.shift()) {
      if (name === '' || name === '.') continue
      if ((taken += 1) > most.parts) throw circle()
      const next = await open(heldPath(here, name), holdOnly | constants.O_NOFOLLOW)
      const stats = await next.stat({ bigint: true })
      let from = next
      if (stats.isSymbolicLink()) {
        await next.close()
        if ((links += 1) > most.links) throw circle()
        const target = await readlink(heldPath(here, name))
        // A link that was swapped in between would speak in the name of this one's owner. A rename changes the ctime.
        if (fingerprint(await lstat(heldPath(here, name), { bigint: true })) !== fingerprint(stats)) {
          parts.unshift(name)
          continue
        }
        if (!isTrusted(stats.uid)) linkers.add(stats.uid)
        parts.unshift(...target.split('/'))
        if (!target.startsWith('/')) continue
        from = await open('/', holdOnly)
      }
      await here.close()
      here = from
    }
    const stats = await here.stat({ bigint: true })
    checkLinkers(linkers, stats)
    return { handle: here, stats, linkers }
  } catch (error) {
    await here.close()
    const [linker] = linkers
    throw linker !== undefined && telling.has(codeOf(error)) ? new LinkRefused(linker) : error
  }
}
