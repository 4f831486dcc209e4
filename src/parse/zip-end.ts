import type { ByteSource } from '../model/byte-source.ts'

// The record that ends a zip archive (APPNOTE 4.3.16) tells whether a file is one at all: it is looked for before a large file is read.

const endSignature = 0x06054b50
const endLength = 22
/** Bytes before the last end record that may follow it: its comment, and as much again of something else. */
const mostBehind = 2 * 0xffff
/** So many bytes of a file's end show whether it has an end record. */
export const zipTailBytes = endLength + mostBehind

/** Places of end records whose comment fits, the last one first. */
function* endRecords(buffer: Buffer): Generator<number, undefined> {
  const lowest = Math.max(0, buffer.length - zipTailBytes)
  for (let at = buffer.length - endLength; at >= lowest; at -= 1) {
    if (buffer.readUInt32LE(at) !== endSignature) continue
    if (at + endLength + buffer.readUInt16LE(at + 20) <= buffer.length) yield at
  }
  return undefined
}

/** @param tail - the last `zipTailBytes` of a file, or all of a smaller one. */
export const hasZipEnd = (tail: Buffer): boolean => endRecords(tail).next().done !== true

const locatorSignature = 0x07064b50
const locatorLength = 20

/**
 * Bytes of the directory, by the end record; of large ones another record tells (APPNOTE 4.3.14), and where that is, its locator (4.3.15).
 *
 * @param zip - a whole one: what its end refers to is there.
 * @param at - where its end record begins
 * @param said - what that says
 */
const directorySize = async (zip: ByteSource, at: number, said: number): Promise<number> => {
  if (said !== 0xffffffff || at < locatorLength) return said
  const locator = await zip.read(at - locatorLength, locatorLength)
  if (locator.readUInt32LE() !== locatorSignature) return said
  const size = await zip.read(Number(locator.readBigUInt64LE(8)) + 40, 8)
  return Number(size.readBigUInt64LE())
}

/** A zip, from its first entry to its end record, in what was saved around it (a form's multipart body, for one). */
export interface FoundZip {
  readonly zip: ByteSource
  /** Bytes, by its end. */
  directorySize(): Promise<number>
}

const directorySignature = 0x02014b50

const partOf = (source: ByteSource, start: number, end: number): ByteSource => ({
  size: end - start,
  read: (at, length) => source.read(start + at, Math.min(length, end - start - at)),
})

/** Offsets in a zip count from its own start (APPNOTE 4.4.24), so what was saved before it is what they are short of. */
export const findZip = async (source: ByteSource): Promise<FoundZip | undefined> => {
  const tailAt = Math.max(0, source.size - zipTailBytes)
  const tail = await source.read(tailAt, zipTailBytes)
  for (const inTail of endRecords(tail)) {
    const at = tailAt + inTail
    const size = tail.readUInt32LE(inTail + 12)
    const offset = tail.readUInt32LE(inTail + 16)
    const isZip64 = size === 0xffffffff || offset === 0xffffffff
    const start = isZip64 ? 0 : at - size - offset
    if (start < 0) continue
    if (!isZip64 && size > 0) {
      const directory = await source.read(start + offset, 4)
      if (directory.length < 4 || directory.readUInt32LE() !== directorySignature) continue
    }
    const zip = partOf(source, start, at + endLength + tail.readUInt16LE(inTail + 20))
    return { zip, directorySize: () => directorySize(zip, at - start, size) }
  }
  return undefined
}

const localSignature = 'PK\u0003\u0004'

/** Bytes of a file's beginning that {@link notZipMessage} looks at. */
export const zipHeadBytes = 256

/** What to say of a file that is no zip, by its beginning. */
export const notZipMessage = (head: Uint8Array): string => `this is not a whole zip archive${likelyKind(head)}`

const likelyKind = (bytes: Uint8Array): string => {
  if (bytes.length === 0) return '; the file is empty'
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return '; it is compressed with gzip. Pack the files as a zip'
  const start = Buffer.from(bytes.subarray(0, zipHeadBytes)).toString('latin1')
  if (/^\s*<(?:!doctype|html)/i.test(start)) return '; it is an HTML page, perhaps the answer to a failed download'
  if (start.includes(localSignature)) return '; its end is missing, the file seems cut off'
  return '; a package is a zip with META-INF/MANIFEST.MF'
}
