import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { checkRows, type HostileRow } from '../support/hostile-rows.ts'
import { type CraftedEntry, craftZip, deflated, stored } from '../support/hostile-zip.ts'
import { sampleFiles } from './fixtures/sample.ts'

// Archives that no honest program writes, made here. Each is refused with one error, or read without harm, in bounded time and memory.

const mebibyte = 1024 * 1024
const good = (): CraftedEntry[] => [...sampleFiles()].map(([path, bytes]) => stored(path, bytes))
const manyOf = <T>(count: number, make: (index: string) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(String(index)))
const text = Buffer.from('x')

const pack = (...more: readonly CraftedEntry[]): Buffer => craftZip([...good(), ...more])

const whole = pack()

const refusedPath = (name: string | Buffer, message: RegExp, code = 'ARCHIVE_BROKEN'): HostileRow => ({
  name: `the path ${JSON.stringify(name.toString())}`,
  file: 'p.son',
  bytes: pack({ name, data: text }),
  refused: [`${code} p.son:1`, message],
})

const refused = (name: string, bytes: Uint8Array, code: string, message: RegExp): HostileRow => ({
  name,
  file: 'p.son',
  bytes,
  refused: [`${code} p.son:1`, message],
})

const handled = (name: string, bytes: Uint8Array, ...notices: readonly string[]): HostileRow => ({
  name,
  file: 'p.son',
  bytes,
  notices,
})

/** A zip in a zip in a zip, each of which holds the one before it several times. */
const nested = (): Uint8Array => {
  let inner: Uint8Array = deflateRawSync(Buffer.alloc(4 * mebibyte))
  for (let level = 0; level < 6; level += 1) {
    const packed = deflated('', inner)
    inner = craftZip(manyOf(8, (index) => ({ ...packed, name: `${index}.zip` })))
  }
  return inner
}

/** Text that packs as well as is still allowed. */
const packsWell = (megabytes: number): Buffer => {
  const line = Buffer.alloc(4096)
  for (let at = 0; at < line.length; at += 1) line[at] = at < 16 ? 97 + ((at * 7) % 26) : 32
  const all = Buffer.alloc(megabytes * mebibyte)
  for (let at = 0; at < all.length; at += line.length) {
    line.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, 8)
    line.writeUInt32LE(Math.imul(at + 7, 40_503) >>> 0, 2_000)
    line.writeUInt32LE(Math.imul(at + 3, 2_246_822_519) >>> 0, 3_000)
    line.copy(all, at)
  }
  return all
}

const zeros = Buffer.alloc(64 * mebibyte)
const packedZeros = deflated('zeros', zeros)
/** As large as two megabytes that pack well. */
const descriptor = deflated('d', packsWell(2))

/** Its directory has as many bytes as can be said. */
const endless = (zip: Buffer): Buffer => {
  zip.writeUInt32LE(0xffff_ffff, zip.length - 10)
  return zip
}

/** The records of a zip64 that tell of one entry, where the directory holds more. */
const fewer64 = (): Buffer => {
  const zip = craftZip(good())
  const at = zip.length - 22
  const [size, offset] = [zip.readUInt32LE(at + 12), zip.readUInt32LE(at + 16)]
  const record = Buffer.alloc(56)
  record.write('PK\u0006\u0006', 'latin1')
  record.writeBigUInt64LE(44n, 4)
  for (const place of [24, 32]) record.writeBigUInt64LE(1n, place)
  record.writeBigUInt64LE(BigInt(size), 40)
  record.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\u0006\u0007', 'latin1')
  locator.writeBigUInt64LE(BigInt(at), 8)
  const end = zip.subarray(at)
  end.writeUInt32LE(0xffff_ffff, 12)
  end.writeUInt32LE(0xffff_ffff, 16)
  return Buffer.concat([zip.subarray(0, at), record, locator, end])
}

t.test('paths that lead out of the package', (t) =>
  checkRows(t, [
    refusedPath('../evil', /plain path|relative path|invalid/i),
    refusedPath('a/../../evil', /relative|invalid|plain path/i),
    refusedPath('..\\evil', /relative|invalid|plain path|backslash/i),
    refusedPath('/etc/cron.d/evil', /absolute/i),
    refusedPath('//evil', /absolute/i),
    refusedPath('C:/evil', /absolute/i),
    refusedPath('\\\\host\\share', /absolute|invalid|backslash|plain path/i),
    refusedPath('.', /not a plain path inside the package/, 'ARCHIVE_PATH'),
    refusedPath('a/./b', /not a plain path inside the package/, 'ARCHIVE_PATH'),
    refusedPath('a//b', /not a plain path inside the package/, 'ARCHIVE_PATH'),
    refusedPath('', /not a plain path inside the package/, 'ARCHIVE_PATH'),
    refusedPath('a\0b', /control character/, 'ARCHIVE_PATH'),
    refusedPath('a\u001b[2Jb', /control character/, 'ARCHIVE_PATH'),
    refusedPath('a\nb', /control character/, 'ARCHIVE_PATH'),
    refusedPath('x'.repeat(65_000), /too long a name/, 'ARCHIVE_PATH'),
    handled('a right-to-left override in a name', pack(stored('docs/\u202egpj.exe', text))),
    handled('bytes that are no UTF-8 in a name', pack({ name: Buffer.from([0x64, 0xff, 0xfe]), data: text })),
  ]),
)

t.test('links, devices and pipes', (t) => {
  const special = (name: string, mode: number, ...more: readonly CraftedEntry[]): HostileRow =>
    refused(
      name,
      pack({ name: 'l', data: Buffer.from('/tmp'), mode }, ...more),
      'ARCHIVE_SPECIAL',
      /only files and directories/,
    )
  return checkRows(t, [
    special('a link', 0o120777),
    special('a link and a file written through it', 0o120777, stored('l/evil', text)),
    special('a character device', 0o020666),
    special('a block device', 0o060666),
    special('a pipe', 0o010666),
    special('a socket', 0o140666),
    handled('set-uid bits', pack({ name: 'run', data: text, mode: 0o106777 })),
  ])
})

t.test('names that are there twice', (t) =>
  checkRows(t, [
    refused(
      'the same name',
      pack(stored('a', text), stored('a', text)),
      'ARCHIVE_DUPLICATE',
      /"a" is in the archive twice/,
    ),
    refused('a file and a directory', pack(stored('a', text), { name: 'a/' }), 'ARCHIVE_DUPLICATE', /twice/),
    refused('two normal forms', pack(stored('\u00e9', text), stored('e\u0301', text)), 'ARCHIVE_DUPLICATE', /twice/),
    refused('the manifest', pack(stored('META-INF/MANIFEST.MF', text)), 'ARCHIVE_DUPLICATE', /MANIFEST/),
    handled('names that differ in case', pack(stored('docs/A', text), stored('docs/a', text)), 'ARCHIVE_CASE'),
    handled(
      'a local header that tells another name',
      pack({ name: 'docs/a', localName: 'META-INF/MANIFEST.MF', data: text }),
    ),
  ]),
)

t.test('sizes that are not true', (t) => {
  const lying = (name: string, data: Uint8Array, size: number, code: string, message: RegExp): HostileRow =>
    refused(name, pack({ name: 'f', method: 8, data: deflateRawSync(data), size }), code, message)
  return checkRows(t, [
    lying('10 bytes told, 64 MiB there', zeros, 10, 'ARCHIVE_BROKEN', /"f" does not have the size/),
    lying('4 GiB told, one byte there', text, 0xffff_fffe, 'ARCHIVE_TOO_LARGE', /larger when unpacked/),
    lying('more told than there is', Buffer.alloc(100), 1_000, 'ARCHIVE_BROKEN', /"f" does not have the size/),
    refused('a stored file of two sizes', pack({ name: 'f', data: text, size: 9 }), 'ARCHIVE_BROKEN', /size/i),
    refused(
      'fewer entries told',
      craftZip(good(), { count: 1 }),
      'ARCHIVE_BROKEN',
      /end tells of 1 entries, which are not/,
    ),
    refused(
      'no entries told',
      craftZip(good(), { count: 0 }),
      'ARCHIVE_BROKEN',
      /end tells of 0 entries, which are not/,
    ),
    refused('an endless directory', endless(pack()), 'ARCHIVE_BROKEN', /end tells of \d+ entries, which are not/),
    refused('nothing but one', endless(craftZip([])), 'ARCHIVE_BROKEN', /end tells of 0 entries, which are not/),
    refused('fewer entries told, by 64 bits', fewer64(), 'ARCHIVE_BROKEN', /end tells of 1 entries, which are not/),
    refused('more entries told', craftZip(good(), { count: 60 }), 'ARCHIVE_BROKEN', /./),
  ])
})

t.test('as many entries as are read', async (t) => {
  const upTo = (count: number, make: (name: string) => CraftedEntry): readonly CraftedEntry[] =>
    manyOf(count - good().length, (index) => make(`d/${index}`))
  const line = Buffer.alloc(1_500, 'abc')
  const prolonged = Buffer.concat([deflateRawSync(line), Buffer.from([1])])
  for (const row of [
    handled('packed', pack(...upTo(10_000, (name) => deflated(name, line)))),
    handled(
      'behind whose ends is more',
      pack(...upTo(10_000, (name) => ({ ...deflated(name, line), data: prolonged }))),
    ),
    handled('as they are', pack(...upTo(10_000, (name) => stored(name, line)))),
  ])
    await checkRows(t, [row]) // each in a process of its own
})

t.test('bombs', (t) =>
  checkRows(t, [
    refused('of 64 MiB of zeros', pack(packedZeros), 'ARCHIVE_RATIO', /200 times its size/),
    refused(
      'of entries that share one body',
      pack(packedZeros, ...manyOf(200, (index) => ({ ...packedZeros, name: `b${index}`, sharesBody: true }))),
      'ARCHIVE_OVERLAP',
      /the entries "zeros" and "b0" share bytes of the archive/,
    ),
    refused(
      'of entries that share one body and unpack to what is allowed',
      pack(descriptor, ...manyOf(100, (index) => ({ ...descriptor, name: `b${index}`, sharesBody: true }))),
      'ARCHIVE_OVERLAP',
      /the entries "d" and "b0" share bytes of the archive/,
    ),
    refused(
      'of an entry within another',
      pack(stored('outer', craftZip([stored('inner', text)])), {
        ...stored('inner', text),
        sharesBody: true,
        from: 35,
      }),
      'ARCHIVE_OVERLAP',
      /the entries "outer" and "inner" share bytes of the archive/,
    ),
    refused(
      'of 20 000 entries',
      craftZip(manyOf(20_000, (index) => ({ name: `f${index}` }))),
      'ARCHIVE_TOO_LARGE',
      /20000 entries; at most 10000/,
    ),
    refused('of a zip in a zip in a zip: it is not looked into', nested(), 'NO_MANIFEST', /no META-INF\/MANIFEST.MF/),
    { ...handled('of a good package behind 264 megabytes of nothing', whole), hole: 264 * mebibyte },
    handled('of a zip inside a good package: it is not looked into', pack(stored('more.zip', nested()))),
    handled('of a hundred megabytes as they are', pack(stored('disk', Buffer.alloc(100 * mebibyte, 'x')))),
    handled('that packs as well as is allowed', pack(deflated('log', packsWell(224)))),
    handled(
      'of many files that could be descriptors',
      pack(...manyOf(90, (index) => ({ ...descriptor, name: `d${index}.yml` }))),
    ),
  ]),
)

t.test('cut off, prolonged, encrypted, altered', (t) => {
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(whole)
    copy[at] = (copy[at] ?? 0) ^ 0xff
    return copy
  }
  const body = whole.indexOf('vendor: example')
  return checkRows(t, [
    refused('nothing', new Uint8Array(), 'NOT_A_ZIP', /the file is empty/),
    refused('one byte short', whole.subarray(0, -1), 'NOT_A_ZIP', /cut off/),
    refused('half', whole.subarray(0, whole.length / 2), 'NOT_A_ZIP', /cut off/),
    refused('only the end', whole.subarray(-22), 'NOT_A_ZIP', /not a whole zip/),
    handled('a megabyte of something before it', Buffer.concat([Buffer.alloc(mebibyte, 'x'), whole])),
    handled('something after it', Buffer.concat([whole, Buffer.alloc(60_000, 'x')])),
    handled('a comment that looks like another end', craftZip(good(), { comment: 'PK\u0005\u0006 and so on' })),
    refused('an altered byte', flipped(body), 'ARCHIVE_BROKEN', /its CRC-32 is not the one .* copy or pack it again/),
    refused(
      'an encrypted entry',
      pack({ name: 'a', data: Buffer.alloc(13), size: 1, flags: 0x0801 }),
      'ARCHIVE_ENCRYPTED',
      /"a" is encrypted/,
    ),
    refused(
      'an unknown compression',
      pack({ name: 'a', data: text, method: 99 }),
      'ARCHIVE_METHOD',
      /method 99; use stored or deflate/,
    ),
    refused(
      'broken compression',
      pack({ name: 'a', data: Buffer.from('no'), method: 8, size: 9 }),
      'ARCHIVE_BROKEN',
      /./,
    ),
    refused('an HTML page', Buffer.from('<!doctype html><p>404'), 'NOT_A_ZIP', /HTML page/),
    refused('a tar', Buffer.concat([Buffer.from('a.yml'), Buffer.alloc(10_000)]), 'NOT_A_ZIP', /a package is a zip/),
  ])
})
