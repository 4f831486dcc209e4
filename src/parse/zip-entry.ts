import { pipeline, Readable } from 'node:stream'
import { createInflateRaw, inflateRawSync } from 'node:zlib'
import type { Entry } from 'yauzl'
import { type ByteSource, piecesOf } from '../model/byte-source.ts'

export const stored = 0
export const deflated = 8

/** An unpacker and its streams cost as much as unpacking some dozen kilobytes: up to this size both ways it is done in one go. */
const smallBytes = 64 * 1024
/** What comes out of the unpacker at a time: each piece costs as much as it takes to hash some kilobytes. */
const chunkBytes = 128 * 1024

/**
 * What an entry holds, piece by piece. There may be less or, by a little, more than it says.
 *
 * @param start - where its body begins in the zip
 * @throws what the unpacker says of what it cannot unpack
 */
export async function* unpack(zip: ByteSource, start: number, entry: Entry): AsyncGenerator<Buffer> {
  const { compressedSize, uncompressedSize } = entry
  const packed = piecesOf(zip, start, start + compressedSize)
  if (entry.compressionMethod === stored) yield* packed
  else if (compressedSize <= smallBytes && uncompressedSize <= smallBytes) {
    yield unpackSmall(await zip.read(start, compressedSize), uncompressedSize)
  } else {
    const inflate = createInflateRaw({ chunkSize: chunkBytes })
    yield* pipeline(Readable.from(packed, { objectMode: false }), inflate, () => undefined) // an error is the unpacker's too
  }
}

const unpackSmall = (packed: Buffer, size: number): Buffer => {
  try {
    return inflateRawSync(packed, { maxOutputLength: size + 1 })
  } catch (error) {
    // More than it says, however much.
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      return Buffer.alloc(size + 1)
    throw error
  }
}
