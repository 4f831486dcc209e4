import { open, type FileHandle } from 'node:fs/promises'
import { hasZipEnd, notZipMessage, zipHeadBytes, zipTailBytes } from '../parse/zip-end.ts'
import { fingerprint, heldPath, LinkRefused, reach } from './follow.ts'
import type { FileKind } from './recognise.ts'
import { oddity } from './scan.ts'

/** The whole content, or why it is not worth reading. */
export type BoundedResult =
  | { readonly result: 'bytes'; readonly bytes: Buffer }
  | { readonly result: 'refused'; readonly code: string; readonly message: string }

export type ReadResult =
  | BoundedResult
  /** It is not the file that was scanned any more: look again. */
  | { readonly result: 'changed' }

const mebibyte = 1024 * 1024
const maximumBytes: Readonly<Record<FileKind, number>> = { manifest: 8 * mebibyte, package: 512 * mebibyte }
/** A package from this size on is read in full only when its end is that of a zip. */
const lookFirstBytes = 4 * mebibyte

const part = async (handle: FileHandle, from: number, bytes: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, from)
  return buffer.subarray(0, bytesRead)
}

/**
 * Reads an open regular file of `size` bytes. One that is too large, or large and no zip, is told without being brought into memory.
 *
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
  if (
    kind === 'package' &&
    size > lookFirstBytes &&
    !hasZipEnd(await part(handle, size - zipTailBytes, zipTailBytes))
  ) {
    const message = notZipMessage(await part(handle, 0, zipHeadBytes))
    return { result: 'refused', code: 'NOT_A_ZIP', message }
  }
  return { result: 'bytes', bytes: await handle.readFile() }
}

/**
 * Reads a file that was scanned with this fingerprint, whole or not at all: it is compared before and after. It is
 * opened only when it is known to be that file: nothing waits when the name has become a pipe since, and no device is touched.
 *
 * @param file - its path below the watched directory
 */
export const readSettled = async (
  directory: string,
  file: string,
  kind: FileKind,
  scanned: string,
  most = maximumBytes[kind],
): Promise<ReadResult> => {
  try {
    const { handle: reached, stats: before } = await reach(directory, file)
    await using held = reached
    if (fingerprint(before) !== scanned || oddity(before) !== undefined) return { result: 'changed' }
    await using handle = await open(heldPath(held))
    const read = await readBounded(handle, kind, Number(before.size), most)
    const after = await handle.stat({ bigint: true })
    return fingerprint(after) === scanned ? read : { result: 'changed' }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
    if (code === 'ENOENT' || error instanceof LinkRefused) return { result: 'changed' }
    const reason =
      code === 'EACCES' ? 'permission denied; let sond read it (chmod, chown)' : `reading fails with ${code}`
    return { result: 'refused', code: 'UNREADABLE', message: `the file cannot be read: ${reason}` }
  }
}

/** Nothing but white space, or nothing at all. */
export const isBlank = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
