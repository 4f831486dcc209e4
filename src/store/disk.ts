import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Name of the file that holds a record: readable, safe as one path segment, unique per key. At most 200 characters. */
export const fileNameOf = (key: string): string => {
  const readable = key.toWellFormed().replaceAll(/[^A-Za-z0-9_.-]/gu, (character) => encodeURIComponent(character))
  // What encodeURIComponent leaves as it is (!'()~) is harmless in a file name; a leading dot is kept for temporary files.
  const visible = readable.startsWith('.') ? `%2E${readable.slice(1)}` : readable
  if (visible.length <= 180) return visible
  return `${visible.slice(0, 160)}+${createHash('sha256').update(key).digest('hex').slice(0, 24)}`
}

/** Makes what was renamed or removed in a directory last through a power cut. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Why a write to a directory failed. The system says of a lack of inodes that no space is left, where df shows plenty. */
export const whyNotWritten = async (error: unknown, directory: string): Promise<string> => {
  if (!(error instanceof Error)) return String(error)
  // Each try has its own temporary file, and the same reason.
  const text = error.message.replace(/\.[0-9a-f]{12}\.tmp/, '*.tmp')
  if (!('code' in error) || error.code !== 'ENOSPC') return text
  const { files, ffree } = await statfs(directory).catch(() => ({ files: 0, ffree: 0 }))
  return files > 0 && ffree === 0 ? `${text}; all ${files} inodes of its file system are in use (df -i)` : text
}

/** A file that `replaceFile` was writing when the daemon was killed. */
export const isTemporary = (name: string): boolean => name.startsWith('.') && name.endsWith('.tmp')

/**
 * Puts bytes in place of a file in one step: readers see the old or the new bytes, never a part. Its directory still
 * has to be synced (`syncDirectory`), once for many files.
 *
 * @throws what the file system says, ENOSPC for one, or where the bytes come from; nothing is left behind then.
 */
export const replaceFile = async (
  path: string,
  bytes: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> => {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}
