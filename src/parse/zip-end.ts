// The record that ends a zip archive (APPNOTE 4.3.16) tells whether a file is one at all: it is looked for before a large file is read.

const endSignature = 0x06054b50
export const endLength = 22
/** Bytes before the last end record that may follow it: its comment, and as much again of something else. */
const mostBehind = 2 * 0xffff
/** So many bytes of a file's end show whether it has an end record. */
export const zipTailBytes = endLength + mostBehind

/** Places of end records whose comment fits, the last one first. */
export function* endRecords(buffer: Buffer): Generator<number, undefined> {
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
 */
export const directorySize = (zip: Buffer, at: number): number => {
  const size = zip.readUInt32LE(at + 12)
  const locator = at - locatorLength
  if (size !== 0xffffffff || locator < 0 || zip.readUInt32LE(locator) !== locatorSignature) return size
  const record = Number(zip.readBigUInt64LE(locator + 8))
  return Number(zip.readBigUInt64LE(record + 40))
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
