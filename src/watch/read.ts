import { open, type FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { bytesInMemory, bytesOfFile, type ByteSource, keepOpen, type OpenBytes } from '../model/byte-source.ts'
import { hasZipEnd, notZipMessage, zipHeadBytes, zipTailBytes } from '../parse/zip-end.ts'
import { fingerprint, heldPath, LinkRefused, reach } from './follow.ts'
import type { FileKind } from './recognise.ts'
import { oddity } from './scan.ts'

/** Why a file's content is not worth reading. */
export interface ReadRefused {
  readonly result: 'refused'
  readonly code: string
  readonly message: string
}

export type BoundedResult = { readonly result: 'bytes'; readonly source: ByteSource } | ReadRefused

/** A file that was scanned, open. One of up to `wholeBytes` is in memory, as it was then. */
export interface SettledFile extends OpenBytes {
  /** False when it is not what was scanned any more: what was read of it counts for nothing. */
  isSame(): Promise<boolean>
}

export type OpenResult =
  | { readonly result: 'open'; readonly content: SettledFile }
  | ReadRefused
  /** It is not the file that was scanned any more: look again. */
  | { readonly result: 'changed' }

const mebibyte = 1024 * 1024
const maximumBytes: Readonly<Record<FileKind, number>> = { manifest: 8 * mebibyte, package: 512 * mebibyte }
/** Files of up to so many bytes are brought into memory at once; larger ones only part by part, and when their end is that of a zip. */
export const wholeBytes = 16 * mebibyte

/** Whoever reads it lets everything else have its turn, as with a file that is not in memory. */
const inTurn = (source: ByteSource): ByteSource => ({
  size: source.size,
  read: async (at, length) => {
    await setImmediate()
    return source.read(at, length)
  },
})

/**
 * The bytes of an open regular file of `size` bytes. One that is too large, or large and no zip, is told without being read.
 *
 * @param handle - has to stay open as long as the bytes are wanted
 * @param most - bytes that are read
 */
export const readBounded = async (
  handle: FileHandle,
  kind: FileKind,
  size: number,
  most = maximumBytes[kind],
): Promise<BoundedResult> => {
  if (size > most) {
    return { result: 'refused', code: 'TOO_LARGE', message: `the file has ${size} bytes; at most ${most} are read` }
  }
  if (size <= wholeBytes) return { result: 'bytes', source: inTurn(bytesInMemory(await handle.readFile())) }
  const source = bytesOfFile(handle, size)
  if (hasZipEnd(await source.read(size - zipTailBytes, zipTailBytes))) return { result: 'bytes', source }
  return { result: 'refused', code: 'NOT_A_ZIP', message: notZipMessage(await source.read(0, zipHeadBytes)) }
}

/**
 * Opens a file that was scanned with this fingerprint. It is opened only when it is known to be that file: nothing waits when the
 * name has become a pipe since, and no device is touched.
 *
 * @param file - its path below the watched directory
 */
export const openSettled = async (
  directory: string,
  file: string,
  kind: FileKind,
  scanned: string,
  most = maximumBytes[kind],
): Promise<OpenResult> => {
  await using opened = new AsyncDisposableStack()
  try {
    const { handle: reached, stats: before } = await reach(directory, file)
    await using held = reached
    if (fingerprint(before) !== scanned || oddity(before) !== undefined) return { result: 'changed' }
    const handle = opened.use(await open(heldPath(held)))
    const read = await readBounded(handle, kind, Number(before.size), most)
    const isSame = (): Promise<boolean> =>
      handle.stat({ bigint: true }).then(
        (now) => fingerprint(now) === scanned,
        () => false, // a file server may have forgotten it
      )
    if (!(await isSame())) return { result: 'changed' }
    if (read.result === 'refused') return read
    return { result: 'open', content: { ...keepOpen(read.source, opened), isSame } }
  } catch (error) {
    const code = codeOf(error)
    return code === 'ENOENT' || code === 'SHORTER' || error instanceof LinkRefused
      ? { result: 'changed' }
      : unreadable(error)
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'EIO')

/** What to say of a file that the system does not let be read. */
export const unreadable = (error: unknown): ReadRefused => {
  const code = codeOf(error)
  const reason = code === 'EACCES' ? 'permission denied; let sond read it (chmod, chown)' : `reading fails with ${code}`
  return { result: 'refused', code: 'UNREADABLE', message: `the file cannot be read: ${reason}` }
}

/** Nothing but white space, or nothing at all. */
export const isBlank = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
