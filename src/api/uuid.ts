import { createHash } from 'node:crypto'

// Namespace of our own for name-based UUIDs (RFC 9562, section 5.5); made once, at random.
const NAMESPACE = '6c0f0b1e-7a0e-4c8b-9d55-2f1b6a3e9d41'

/** UUID version 5 of a text: the same text gives the same UUID, on every machine and after every restart. */
export const uuidOf = (text: string): string => {
  const hash = createHash('sha1')
    .update(Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(text)
    .digest()
    .subarray(0, 16)
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
