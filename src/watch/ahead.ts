import type { ByteSource } from '../model/byte-source.ts'
import { digestsOf } from '../parse/digests.ts'
import type { ParsedPackage, Parsers } from './types.ts'

/** Packages that are parsed while they settle: by the time they rest, what they mean is known. */
export interface Ahead {
  /** Takes what was parsed ahead where the bytes are the same, else parses now. */
  readonly parsers: Parsers
  /**
   * Parses, and never fails; a file that changes after this was parsed in vain, and nothing else.
   *
   * @param source - bytes that do not change
   */
  begin(file: string, source: ByteSource): Promise<void>
}

/** Results that nobody fetched yet, at most. */
const most = 8

interface Begun {
  readonly sha256: string
  readonly parsed: Promise<ParsedPackage>
}

export const createAhead = (parsers: Parsers): Ahead => {
  /** By file. */
  const begun = new Map<string, Begun>()

  return {
    begin: async (file, source) => {
      try {
        const [sha256] = await digestsOf(source, 'sha256')
        if (begun.get(file)?.sha256 === sha256) return
        const [oldest] = begun.keys()
        if (oldest !== undefined && begun.size >= most) begun.delete(oldest)
        const parsed = parsers.package(file, source)
        begun.set(file, { sha256, parsed })
        await parsed
      } catch {
        begun.delete(file) // asked again, it tells the error itself
      }
    },
    parsers: {
      manifest: (file, bytes) => parsers.manifest(file, bytes),
      package: async (file, source) => {
        const ahead = begun.get(file)
        if (ahead === undefined) return parsers.package(file, source)
        begun.delete(file)
        const [sha256] = await digestsOf(source, 'sha256')
        return ahead.sha256 === sha256 ? ahead.parsed : parsers.package(file, source)
      },
    },
  }
}
