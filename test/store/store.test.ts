import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackageDigest } from '../../src/model/names.ts'
import { fileNameOf, replaceFile } from '../../src/store/disk.ts'
import type { Tombstone } from '../../src/store/records.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { memoryLog } from '../support/log.ts'
import { until } from '../support/until.ts'

const tombstone = (key: string): Tombstone => ({
  key,
  deletedAt: '2026-01-01T00:00:00.000Z',
  file: 'a.yaml',
  generation: 1,
})

const digestOf = (bytes: Uint8Array) => {
  const digest = parsePackageDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  if (digest === undefined) throw new Error('no digest')
  return digest
}

const open = async (t: Test, state?: string) => {
  const opened: Store[] = []
  // Registered before the test's directory is made: node-tap then runs it before it removes that directory.
  t.teardown(() => Promise.all(opened.map((store) => store.close())))
  const directory = state ?? t.testdir({})
  const log = memoryLog()
  const store = await createStore({ directory, log, retryMs: 20 })
  opened.push(store)
  return { store, log, directory }
}

t.test('what was set is there after a restart, what was deleted is not', async (t) => {
  const { store, directory } = await open(t)
  store.set('tombstones', 'ServiceInstance/a', tombstone('ServiceInstance/a'))
  store.set('tombstones', 'ServiceInstance/b', tombstone('ServiceInstance/b'))
  store.delete('tombstones', 'ServiceInstance/b')
  t.equal(store.get('tombstones', 'ServiceInstance/b'), undefined)
  await store.close()
  const again = await open(t, directory)
  t.strictSame([...again.store.list('tombstones')], [['ServiceInstance/a', tombstone('ServiceInstance/a')]])
  again.store.delete('tombstones', 'ServiceInstance/a')
  t.equal(await again.store.flush(), true)
  t.strictSame(await readdir(join(directory, 'tombstones')), [])
})

t.test('writes reach the disk by themselves, one file per record, readable, none half-written', async (t) => {
  const { store, directory } = await open(t)
  store.set('tombstones', 'ServiceInstance/demo', tombstone('x'))
  const folder = join(directory, 'tombstones')
  const names = await until('the file is there', async () => {
    const found = (await readdir(folder)).filter((name) => !name.startsWith('.'))
    return found.length > 0 && found
  })
  t.strictSame(names, ['ServiceInstance%2Fdemo.json'])
  t.match(await readFile(join(folder, 'ServiceInstance%2Fdemo.json'), 'utf8'), /"schema": 1/)
})

t.test('the last of many values is what stays', async (t) => {
  const { store, directory } = await open(t)
  for (let generation = 1; generation <= 200; generation += 1) {
    store.set('tombstones', 'k', { ...tombstone('k'), generation })
    if (generation % 50 === 0) await store.flush()
  }
  await store.close()
  const again = await open(t, directory)
  t.equal(again.store.get('tombstones', 'k')?.generation, 200)
})

t.test('damaged files are moved aside with a warning, the rest is read', async (t) => {
  const { store, directory } = await open(t)
  for (const key of ['cut', 'empty', 'newer', 'form', 'good']) store.set('tombstones', key, tombstone(key))
  await store.close()
  const folder = join(directory, 'tombstones')
  await truncate(join(folder, 'cut.json'), 30)
  await truncate(join(folder, 'empty.json'), 0)
  await writeFile(
    join(folder, 'newer.json'),
    JSON.stringify({ schema: 99, kind: 'tombstones', key: 'newer', value: {} }),
  )
  await writeFile(
    join(folder, 'form.json'),
    JSON.stringify({ schema: 1, kind: 'tombstones', key: 'form', value: { key: 1 } }),
  )
  await writeFile(join(folder, 'list.json'), '[]')
  await writeFile(join(folder, 'null.json'), 'null')
  await writeFile(join(folder, 'other.json'), JSON.stringify({ schema: 1, kind: 'files', key: 'o', value: {} }))
  await mkdir(join(folder, 'directory.json'))
  await writeFile(join(folder, '.0123.tmp'), 'left by a crash')
  const again = await open(t, directory)
  t.strictSame([...again.store.list('tombstones').keys()], ['good'])
  t.equal(again.log.lines.filter(({ level }) => level === 'warn').length, 8)
  t.equal((await readdir(join(directory, 'aside'))).length, 8)
  t.strictSame(await readdir(folder), ['good.json'])
})

t.test('no more than a hundred damaged files are kept', async (t) => {
  const { store, directory } = await open(t)
  await store.close()
  for (let n = 0; n < 120; n += 1) await writeFile(join(directory, 'tombstones', `${n}.json`), '{')
  await open(t, directory)
  t.equal((await readdir(join(directory, 'aside'))).length, 100)
})

t.test('a disk that takes nothing: works from memory, says so, writes when it takes again', async (t) => {
  const { store, log, directory } = await open(t)
  const folder = join(directory, 'tombstones')
  // A file where the folder was refuses every write, for root too.
  await rm(folder, { recursive: true })
  await writeFile(folder, '')
  store.set('tombstones', 'a', tombstone('a'))
  t.equal(await store.flush(), false)
  t.equal(store.get('tombstones', 'a')?.key, 'a')
  t.match(store.problem(), /cannot write to the state directory .*working from memory/)
  store.set('tombstones', 'b', tombstone('b'))
  t.equal(log.lines.filter(({ level }) => level === 'warn').length, 1)
  await rm(folder)
  await until('it is written after all', () => store.problem() === undefined)
  t.strictSame((await readdir(folder)).sort(), ['a.json', 'b.json'])
})

t.test('packages: bytes come back, damaged ones do not', async (t) => {
  const { store, log, directory } = await open(t)
  const bytes = new TextEncoder().encode('package')
  const digest = digestOf(bytes)
  t.equal(await store.blobs.open(digest), undefined)
  t.equal(await store.blobs.write(digest, bytesInMemory(bytes)), true)
  t.equal(store.blobs.has(digest), true)
  {
    await using kept = await store.blobs.open(digest)
    t.same(await kept?.read(0, kept.size), Buffer.from(bytes))
  }
  await store.close()
  await writeFile(join(directory, 'blobs', '.0123456789ab.tmp'), 'half')
  const again = await open(t, directory)
  t.equal(again.store.blobs.has(digest), true)
  const [name = ''] = await readdir(join(directory, 'blobs'))
  t.equal(name, digest.replace(':', '-'), 'what a killed daemon was writing is gone')
  await truncate(join(directory, 'blobs', name), 3)
  t.equal(await again.store.blobs.open(digest), undefined)
  t.equal(again.store.blobs.has(digest), false)
  t.equal(again.log.lines.filter(({ level }) => level === 'warn').length, 1)
  t.equal(await again.store.blobs.write(digest, bytesInMemory(Buffer.from('packagf'))), false, 'it changed meanwhile')
  t.match(again.store.problem(), /cannot keep a copy of package .*changed/)
  t.strictSame(await readdir(join(directory, 'blobs')), [])
  await again.store.blobs.write(digest, bytesInMemory(bytes))
  t.equal(again.store.problem(), undefined)
  await again.store.blobs.delete(digest)
  t.strictSame(await readdir(join(directory, 'blobs')), [])
  await rm(join(directory, 'blobs'), { recursive: true })
  await writeFile(join(directory, 'blobs'), '')
  t.equal(await again.store.blobs.write(digest, bytesInMemory(bytes)), false)
  t.match(again.store.problem(), /cannot keep a copy/)
  t.equal(log.lines.length, 1)
})

t.test('a state directory that cannot be made is an error at once', async (t) => {
  const directory = t.testdir({ file: 'text' })
  await t.rejects(createStore({ directory: join(directory, 'file', 'state'), log: memoryLog() }))
})

t.test('a failed replacement leaves the old file and nothing beside it', async (t) => {
  const directory = t.testdir({ target: { inside: 'x' } })
  await t.rejects(replaceFile(join(directory, 'target'), 'new'))
  t.strictSame(await readdir(directory), ['target'])
})

t.test('file names: one safe path segment per key, never two keys to one name', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'binary', maxLength: 300 }),
      (a, b) => {
        const wellFormed = [a, b].map((text) => text.toWellFormed())
        const [nameA = '', nameB = ''] = wellFormed.map(fileNameOf)
        return (
          !nameA.includes('/') &&
          !nameA.includes('\0') &&
          !nameA.startsWith('.') &&
          nameA.length <= 200 &&
          (wellFormed[0] === wellFormed[1]) === (nameA === nameB)
        )
      },
    ),
  )
  t.end()
})

t.test('records are for root alone', async (t) => {
  const { store, directory } = await open(t)
  store.set('tombstones', 'a', tombstone('a'))
  await store.flush()
  t.equal((await stat(join(directory, 'tombstones', 'a.json'))).mode & 0o777, 0o600)
})
