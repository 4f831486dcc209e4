import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileKind } from './recognise.ts'
import { fingerprint, oddity } from './scan.ts'

export type ReadResult =
  | { readonly result: 'bytes'; readonly bytes: Uint8Array }
  /** It is not the file that was scanned any more: look again. */
  | { readonly result: 'changed' }
  | { readonly result: 'refused'; readonly code: string; readonly message: string }

const mebibyte = 1024 * 1024
const maximumBytes: Readonly<Record<FileKind, number>> = { manifest: 8 * mebibyte, package: 512 * mebibyte }

/**
 * Reads a file that was scanned with this fingerprint, whole or not at all: it is compared before and after. Opening
 * does not wait, even when the name has become a pipe since.
 */
export const readSettled = async (path: string, kind: FileKind, scanned: string): Promise<ReadResult> => {
  let handle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    const before = await handle.stat({ bigint: true })
    if (fingerprint(before) !== scanned || oddity(before) !== undefined) return { result: 'changed' }
    const limit = maximumBytes[kind]
    if (before.size > limit) {
      const message = `the file has ${before.size} bytes; at most ${limit} are read`
      return { result: 'refused', code: 'TOO_LARGE', message }
    }
    const bytes = await handle.readFile()
    const after = await handle.stat({ bigint: true })
    return fingerprint(after) === scanned ? { result: 'bytes', bytes } : { result: 'changed' }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
    if (code === 'ENOENT') return { result: 'changed' }
    const reason =
      code === 'EACCES' ? 'permission denied; let sond read it (chmod, chown)' : `reading fails with ${code}`
    return { result: 'refused', code: 'UNREADABLE', message: `the file cannot be read: ${reason}` }
  } finally {
    await handle?.close().catch(() => undefined)
  }
}

/** Nothing but white space, or nothing at all. */
export const isBlank = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
