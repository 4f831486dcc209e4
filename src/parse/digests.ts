import { createHash } from 'node:crypto'
import { type ByteSource, piecesOf } from '../model/byte-source.ts'

/** Hex digests of all bytes, in the order of the algorithms. */
export const digestsOf = async <const Names extends readonly ('sha1' | 'sha256')[]>(
  source: ByteSource,
  ...names: Names
): Promise<{ readonly [K in keyof Names]: string }> => {
  const hashes = names.map((name) => createHash(name))
  for await (const piece of piecesOf(source)) for (const hash of hashes) hash.update(piece)
  return hashes.map((hash) => hash.digest('hex')) as { [K in keyof Names]: string } // one for each name
}
