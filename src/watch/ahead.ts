import { createHash } from 'node:crypto'
import type { ParsedPackage, Parsers } from './types.ts'

/** Packages that are parsed while they settle: by the time they rest, what they mean is known. */
export interface Ahead {
  /** Takes what was parsed ahead where the bytes are the same, else parses now. */
  readonly parsers: Parsers
  /** Parses, and never fails; a file that changes after this was parsed in vain, and nothing else. */
  begin(file: string, bytes: Uint8Array): Promise<void>
}

/** Results that nobody fetched yet, at most. */
const most = 8

const keyOf = (file: string, bytes: Uint8Array): string =>
  `${file}\0${createHash('sha256').update(bytes).digest('hex')}`

export const createAhead = (parsers: Parsers): Ahead => {
  const begun = new Map<string, Promise<ParsedPackage>>()

  return {
    begin: async (file, bytes) => {
      const key = keyOf(file, bytes)
      if (begun.has(key)) return
      const [oldest] = begun.keys()
      if (oldest !== undefined && begun.size >= most) begun.delete(oldest)
      const result = parsers.package(file, bytes)
      begun.set(key, result)
      try {
        await result
      } catch {
        begun.delete(key) // asked again, it tells the error itself
      }
    },
    parsers: {
      manifest: (file, bytes) => parsers.manifest(file, bytes),
      package: (file, bytes) => {
        const key = keyOf(file, bytes)
        const result = begun.get(key) ?? parsers.package(file, bytes)
        begun.delete(key)
        return result
      },
    },
  }
}
