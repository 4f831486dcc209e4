import t from 'tap'
import { codes } from './fixtures/expect.ts'
import { entriesOf, patched16, renamed, sampleFiles, son, withDeclaredSize, zip } from './fixtures/sample.ts'
import { type ByteSource, bytesInMemory, ReadError } from '../../src/model/byte-source.ts'
import { readArchive } from '../../src/parse/archive.ts'
import { createReport } from '../../src/parse/report.ts'

const read = async (bytes: Uint8Array, keepBytes = 1024) => {
  const report = createReport('pack.son')
  const files = await readArchive(bytesInMemory(bytes), report, { keepBytes })
  return { files, found: codes(report.diagnostics), messages: report.diagnostics.map(({ message }) => message) }
}

const text = Buffer.from('hello')

t.test('files, their sums and contents', async (t) => {
  const big = Buffer.alloc(2_000, 'x')
  const archive = await zip([
    { path: 'a.txt', bytes: text },
    { path: 'd/', bytes: Buffer.alloc(0) },
    { path: 'd/b.bin', bytes: big, compress: true },
    { path: 'd/empty', bytes: Buffer.alloc(0) },
  ])
  const { files, found } = await read(archive)
  t.strictSame(found, [])
  t.strictSame([...(files?.keys() ?? [])], ['a.txt', 'd/b.bin', 'd/empty'])
  t.match(files?.get('a.txt'), { path: 'a.txt', size: 5, md5: '5d41402abc4b2a76b9719d911017c592', sha256: /^2cf24dba/ })
  t.strictSame(Buffer.from(files?.get('a.txt')?.bytes ?? []), text)
  t.match(files?.get('d/b.bin'), { size: 2_000 })
  t.equal(files?.get('d/b.bin')?.bytes, undefined, 'larger than what is to be kept')
})

t.test('bytes around the zip are ignored', async (t) => {
  const archive = await zip([{ path: 'a.txt', bytes: text }], 'a comment')
  const header = '--boundary\r\nContent-Disposition: form-data; name="package"\r\n\r\n'
  for (const bytes of [
    Buffer.concat([Buffer.from(header), archive, Buffer.from('\r\n--boundary--\r\n')]),
    Buffer.concat([Buffer.from('PK\u0005\u0006 not the end'), archive]),
    Buffer.concat([archive, Buffer.alloc(70_000)]),
  ]) {
    const { files, found } = await read(bytes)
    t.strictSame(found, [])
    t.strictSame([...(files?.keys() ?? [])], ['a.txt'])
  }
})

t.test('what is no zip, or not a whole one', async (t) => {
  const whole = await son()
  const rows: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', new Uint8Array(), /the file is empty/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /gzip/],
    ['HTML', Buffer.from('\n<!DOCTYPE html><html>'), /HTML page/],
    ['text', Buffer.from('just text that is long enough to be looked at'), /a package is a zip/],
    ['the last byte missing', whole.subarray(0, -1), /cut off/],
    ['half', whole.subarray(0, whole.length / 2), /cut off/],
    [
      'an end that points nowhere',
      Buffer.concat([Buffer.from('PK\u0005\u0006'), Buffer.alloc(12, 9), Buffer.alloc(6)]),
      /a package is a zip/,
    ],
    [
      'an end whose directory is none',
      (() => {
        const copy = Buffer.from(whole)
        copy.write('XX', copy.indexOf('PK\u0001\u0002'))
        return copy
      })(),
      /cut off/,
    ],
  ]
  for (const [name, bytes, message] of rows) {
    const { files, found, messages } = await read(bytes)
    t.equal(files, undefined, name)
    t.strictSame(found, ['NOT_A_ZIP pack.son:1'], name)
    t.match(messages[0], message, name)
  }
})

t.test('entries that no package has', async (t) => {
  const base = await zip([{ path: 'dir1/file1.txt', bytes: text }])
  const link = await zip([{ path: 'l', bytes: Buffer.from('/etc/passwd'), mode: 0o120777 }])
  const device = await zip([{ path: 'd', bytes: Buffer.alloc(0), mode: 0o020666 }])
  const fifo = await zip([{ path: 'f', bytes: Buffer.alloc(0), mode: 0o010666 }])
  const directory = await zip([{ path: 'f', bytes: Buffer.alloc(0), mode: 0o040755 }])
  const twice = renamed(
    await zip([
      { path: 'a.txt', bytes: text },
      { path: 'b.txt', bytes: text },
    ]),
    'b.txt',
    'a.txt',
  )
  const unicode = await zip([
    { path: 'e\u0301.txt', bytes: text },
    { path: '\u00e9.txt', bytes: text },
  ])
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ['absolute', renamed(base, 'dir1/file1.txt', '/ir1/file1.txt'), 'ARCHIVE_BROKEN'],
    ['upward', renamed(base, 'dir1/file1.txt', '../x/file1.txt'), 'ARCHIVE_BROKEN'],
    ['a dot', renamed(base, 'dir1/file1.txt', './r1/file1.txt'), 'ARCHIVE_PATH'],
    ['an empty part', renamed(base, 'dir1/file1.txt', 'dir1//ile1.txt'), 'ARCHIVE_PATH'],
    ['a control character', renamed(base, 'dir1/file1.txt', 'dir1/fil\u001b1.txt'), 'ARCHIVE_PATH'],
    ['a NUL', renamed(base, 'dir1/file1.txt', 'dir1/fil\u00001.txt'), 'ARCHIVE_PATH'],
    ['a long name', await zip([{ path: 'x'.repeat(2_000), bytes: text }]), 'ARCHIVE_PATH'],
    ['a link', link, 'ARCHIVE_SPECIAL'],
    ['a device', device, 'ARCHIVE_SPECIAL'],
    ['a pipe', fifo, 'ARCHIVE_SPECIAL'],
    ['a directory that is none', directory, 'ARCHIVE_SPECIAL'],
    ['a name twice', twice, 'ARCHIVE_DUPLICATE'],
    ['a name twice in two normal forms', unicode, 'ARCHIVE_DUPLICATE'],
    [
      'encryption',
      patched16(await zip([{ path: 'a', bytes: text, compress: true }]), 8, 6, 0x0801),
      'ARCHIVE_ENCRYPTED',
    ],
    ['another compression', patched16(base, 10, 8, 12), 'ARCHIVE_METHOD'],
    [
      'a declared size beyond all bounds',
      withDeclaredSize(await zip([{ path: 'a', bytes: text, compress: true }]), 0xffff_fff0),
      'ARCHIVE_TOO_LARGE',
    ],
    [
      'a declared size that is wrong',
      withDeclaredSize(await zip([{ path: 'a', bytes: Buffer.alloc(9_000), compress: true }]), 10),
      'ARCHIVE_BROKEN',
    ],
  ]
  for (const [name, bytes, code] of rows) {
    const { files, found, messages } = await read(bytes)
    t.equal(files, undefined, name)
    t.strictSame(found, [`${code} pack.son:1`], name)
    t.notMatch(messages[0], /\p{Cc}/u, name)
  }
})

t.test('bombs stop at a limit', async (t) => {
  const bomb = await zip([{ path: 'zeros', bytes: Buffer.alloc(32 * 1024 * 1024), compress: true }])
  t.strictSame((await read(bomb)).found, ['ARCHIVE_RATIO pack.son:1'])
  const many = await zip(
    Array.from({ length: 10_001 }, (_, index) => ({ path: `f${String(index)}`, bytes: Buffer.alloc(0) })),
  )
  t.strictSame((await read(many)).found, ['ARCHIVE_TOO_LARGE pack.son:1'])
})

t.test('all files together have a bound', async (t) => {
  const report = createReport('pack.son')
  const archive = await zip([
    { path: 'a', bytes: text },
    { path: 'b', bytes: text },
  ])
  t.equal(await readArchive(bytesInMemory(archive), report, { keepBytes: 10, totalBytes: 9 }), undefined)
  t.strictSame(codes(report.diagnostics), ['ARCHIVE_TOO_LARGE pack.son:1'])
})

t.test('what cannot be read is not taken for a broken archive, wherever in it', async (t) => {
  const archive = await zip([
    { path: 'small.txt', bytes: text, compress: true },
    { path: 'stored.txt', bytes: Buffer.alloc(300_000, 'x') },
    { path: 'large.txt', bytes: Buffer.alloc(300_000, 'x'), compress: true },
  ])
  const all = bytesInMemory(archive)
  const failingAt = (last: number): ByteSource => {
    let reads = 0
    const read: ByteSource['read'] = async (...where) => {
      reads += 1
      if (reads > last) throw new ReadError('EIO', 'no disk')
      return all.read(...where)
    }
    return { size: all.size, read }
  }
  const report = createReport('pack.son')
  let last = 0
  for (; last < 20; last += 1) {
    try {
      if ((await readArchive(failingAt(last), report, { keepBytes: 10 })) !== undefined) break
    } catch (error) {
      t.match(error, { code: 'EIO' }, `after ${last}`)
    }
  }
  t.ok(last >= 7 && last < 20, `it takes ${last} reads`)
  t.strictSame(report.diagnostics, [])
})

t.test('a zip64 archive is read', async (t) => {
  const { files, found } = await read(await zip([{ path: 'a.txt', bytes: text, zip64: true }]))
  t.strictSame(found, [])
  t.equal(files?.size, 1)
})

t.test('the sample is read whole', async (t) => {
  const { files } = await read(await zip(entriesOf(sampleFiles())), 10_000)
  t.equal(files?.size, 4)
})
