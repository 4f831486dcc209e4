import { createHash } from 'node:crypto'
import { type MacAddress, must, parseMacAddress } from '../model/names.ts'

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

// Lengths in front keep ('a', 'bc') and ('ab', 'c') apart.
const digest = (parts: readonly (string | number)[]): Buffer =>
  createHash('sha256')
    .update(parts.map((part) => `${String(part).length}:${part}`).join(','))
    .digest()

/** Lower-case base32 text of a digest, 5 bits a character. */
export const shortHash = (length: number, ...parts: readonly (string | number)[]): string =>
  [...digest(parts)]
    .slice(0, length)
    .map((byte) => base32.charAt(byte % 32))
    .join('')

/** A number of 24 bits. */
export const hash24 = (...parts: readonly (string | number)[]): number => digest(parts).readUIntBE(0, 3)

/** Locally administered unicast address with 40 bits of digest. */
export const hashMac = (...parts: readonly (string | number)[]): MacAddress => {
  const text = ['02', ...[...digest(parts)].slice(0, 5).map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
  return must(parseMacAddress(text), text)
}

const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

/** Hex SHA-256 of a value's JSON with sorted keys. */
export const hashJson = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex')
