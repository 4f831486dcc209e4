import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { bytesInMemory, bytesOfFile, type ByteSource, piecesOf } from '../../src/model/byte-source.ts'
import { digestsOf } from '../../src/parse/digests.ts'

const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, index) => index * 7))

const sources = async (t: Test): Promise<readonly ByteSource[]> => {
  const file = join(t.testdir({}), 'file')
  await writeFile(file, bytes)
  const handle = await open(file)
  t.teardown(() => handle.close())
  // The kernel may give less than what was asked for (read(2)).
  const slow = {
    read: (...[buffer, offset, length, position]: [Buffer, number, number, number]) =>
      handle.read(buffer, offset, Math.min(length, 1_000), position),
  }
  return [bytesInMemory(bytes), bytesOfFile(handle, bytes.length), bytesOfFile(slow, bytes.length)]
}

void t.test('in memory and in a file, the same bytes are at the same place', async (t) => {
  for (const source of await sources(t)) {
    t.equal(source.size, bytes.length)
    for (const [at, length] of [
      [0, 10],
      [599_990, 100],
      [600_000, 5],
      [700_000, 5],
    ] as const)
      t.ok((await source.read(at, length)).equals(bytes.subarray(at, at + length)), `${at} ${length}`)
    const pieces: Buffer[] = []
    for await (const piece of piecesOf(source, 5, 599_000)) pieces.push(piece)
    t.ok(pieces.length > 1 && Buffer.concat(pieces).equals(bytes.subarray(5, 599_000)))
    const hex = (name: string): string => createHash(name).update(bytes).digest('hex')
    t.strictSame(await digestsOf(source, 'sha1', 'sha256'), [hex('sha1'), hex('sha256')])
  }
})

void t.test('a file that became shorter is no shorter file', async (t) => {
  const file = join(t.testdir({}), 'file')
  await writeFile(file, bytes)
  await using handle = await open(file, 'r+')
  const source = bytesOfFile(handle, bytes.length)
  await handle.truncate(1_000)
  await t.rejects(digestsOf(source, 'sha256'), { code: 'SHORTER', message: /became shorter/ })
  const broken = (cause: Error): ByteSource => bytesOfFile({ read: () => Promise.reject(cause) }, 5)
  const stale = Object.assign(new Error('stale'), { code: 'ESTALE' })
  await t.rejects(broken(stale).read(0, 5), { code: 'ESTALE', message: 'stale' })
  await t.rejects(broken(new Error('no code')).read(0, 5), { code: 'EIO', message: 'no code' })
})
