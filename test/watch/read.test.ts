import { open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readBounded } from '../../src/watch/read.ts'
import type { FileKind } from '../../src/watch/recognise.ts'
import { craftZip, stored } from '../support/hostile-zip.ts'

const mebibyte = 1024 * 1024

/** Reads a file with this beginning, a hole up to `size`, and this end. */
const reading = async (
  t: Test,
  kind: FileKind,
  size: number,
  head: string | Buffer,
  tail: Buffer = Buffer.alloc(0),
) => {
  const file = join(t.testdir({}), 'file')
  await writeFile(file, head)
  await truncate(file, Math.max(size - tail.length, head.length))
  await writeFile(file, tail, { flag: 'a' })
  const handle = await open(file)
  t.teardown(() => handle.close())
  const { size: bytes } = await handle.stat()
  return readBounded(handle, kind, bytes)
}

void t.test('a large file that is no package is told without being read', async (t) => {
  const before = process.memoryUsage.rss()
  const read = await reading(t, 'package', 512 * mebibyte, '')
  t.match(read, { result: 'refused', code: 'NOT_A_ZIP', message: /META-INF\/MANIFEST\.MF/ })
  t.ok(process.memoryUsage.rss() - before < 128 * mebibyte)
})

void t.test('what it is, its beginning tells', async (t) => {
  t.match(await reading(t, 'package', 18 * mebibyte, craftZip([stored('a', Buffer.from('x'))])), {
    message: /its end is missing, the file seems cut off/,
  })
})

void t.test('beyond the bounds of its kind nothing is read', async (t) => {
  t.match(await reading(t, 'package', 513 * mebibyte, ''), { result: 'refused', code: 'TOO_LARGE' })
  t.match(await reading(t, 'manifest', 9 * mebibyte, ''), { result: 'refused', code: 'TOO_LARGE' })
})

void t.test('whoever reads a file that is in memory lets others have their turn', async (t) => {
  const read = await reading(t, 'package', 1_000, 'x')
  if (read.result !== 'bytes') return t.fail('it is refused')
  let turns = 0
  for (let at = 0; at < 10; at += 1) {
    setImmediate(() => (turns += 1))
    await read.source.read(at, 1)
  }
  return t.equal(turns, 10)
})

void t.test('a large file with the end of a zip is read, and so is everything small', async (t) => {
  const zip = craftZip([stored('a', Buffer.from('x'))], { comment: 'c'.repeat(60_000) })
  const lengthOf = async (...given: Parameters<typeof reading>): Promise<number> => {
    const read = await reading(...given)
    return read.result === 'bytes' ? read.source.size : -1
  }
  t.equal(await lengthOf(t, 'package', 18 * mebibyte, '', zip), 18 * mebibyte)
  t.equal(await lengthOf(t, 'package', 10, 'no package'), 10)
  t.equal(await lengthOf(t, 'manifest', 6 * mebibyte, ''), 6 * mebibyte)
})
