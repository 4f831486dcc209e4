import { crc32, deflateRawSync } from 'node:zlib'

/** What no honest writer of zips lets one say. */
export interface CraftedEntry {
  readonly name: string | Buffer
  /** As it stands in the archive, compressed already. */
  readonly data?: Uint8Array
  /** Bit 0: encrypted; bit 11: the name is UTF-8. */
  readonly flags?: number
  /** 0: stored, 8: deflated. */
  readonly method?: number
  /** Unpacked, as both headers tell. */
  readonly size?: number
  readonly sum?: number
  /** Unix mode. */
  readonly mode?: number
  /** Points to the body of the entry before it: the same bytes are counted twice. */
  readonly sharesBody?: boolean
  /** With `sharesBody`: so many bytes further. */
  readonly from?: number
  /** Of the local header alone. */
  readonly localName?: string
}

export interface CraftedEnd {
  /** Entries, as the end tells. */
  readonly count?: number
  readonly comment?: string
}

const utf8 = 0x0800

/** An archive of exactly these headers. */
export const craftZip = (entries: readonly CraftedEntry[], end: CraftedEnd = {}): Buffer => {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  let body = 0
  for (const entry of entries) {
    const { data = new Uint8Array(), flags = utf8, method = 0, mode = 0o100644 } = entry
    const name = Buffer.from(entry.name)
    const common = Buffer.alloc(24)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(flags, 2)
    common.writeUInt16LE(method, 4)
    common.writeUInt16LE(33, 8)
    common.writeUInt32LE(entry.sum ?? crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(entry.size ?? data.length, 18)
    if (entry.sharesBody !== true) {
      const localName = Buffer.from(entry.localName ?? name)
      const lengths = Buffer.alloc(4)
      lengths.writeUInt16LE(localName.length)
      const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common.subarray(0, 22), lengths, localName, data])
      bodies.push(local)
      body = offset
      offset += local.length
    }
    common.writeUInt16LE(name.length, 22)
    const rest = Buffer.alloc(16)
    rest.writeUInt32LE((mode << 16) >>> 0, 8)
    rest.writeUInt32LE(body + (entry.from ?? 0), 12)
    directory.push(
      Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0003', 'latin1'), common, rest.subarray(0, 16), name]),
    )
  }
  const central = Buffer.concat(directory)
  const last = Buffer.alloc(22)
  last.write('PK\u0005\u0006', 'latin1')
  last.writeUInt16LE(end.count ?? entries.length, 8)
  last.writeUInt16LE(end.count ?? entries.length, 10)
  last.writeUInt32LE(central.length, 12)
  last.writeUInt32LE(offset, 16)
  const comment = Buffer.from(end.comment ?? '')
  last.writeUInt16LE(comment.length, 20)
  return Buffer.concat([...bodies, central, last, comment])
}

/** An honest deflated entry. */
export const deflated = (name: string, bytes: Uint8Array): CraftedEntry => ({
  name,
  data: deflateRawSync(bytes),
  method: 8,
  size: bytes.length,
  sum: crc32(bytes),
})

export const stored = (name: string, bytes: Uint8Array): CraftedEntry => ({ name, data: bytes })
