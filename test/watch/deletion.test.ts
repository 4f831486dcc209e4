// Which deletions are believed. What is at stake: an accident must not terminate services.
import { mkdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createWorld, type World } from './world.ts'

const files = (names: string): Record<string, string> =>
  Object.fromEntries(names.split(' ').map((name) => [`${name}.yaml`, `instance ${name} 1`]))

const remove = async ({ path }: World, names: string): Promise<void> => {
  await Promise.all(names.split(' ').map((name) => unlink(path(`${name}.yaml`))))
}

const heldFiles = (world: World): readonly string[] => world.catalog().held?.files ?? []

t.test('one file that goes is meant, be it the last', async (t) => {
  const world = await createWorld(t, { files: files('a b') })
  for (const [name, left] of [
    ['a', 'b=1'],
    ['b', ''],
  ] as const) {
    await remove(world, name)
    await world.eventually(`${name} is deleted`, () => world.instances() === left)
    t.match(world.store().get('tombstones', `ServiceInstance/${name}`), { file: `${name}.yaml`, generation: 1 })
  }
  t.equal(world.catalog().held, undefined)
  t.strictSame(world.catalog().gaps, [], 'an emptied directory is a known one')
  await world.write(files('a'))
  await world.eventually('it is back', () => world.instances() === 'a=1')
  t.equal(world.store().get('tombstones', 'ServiceInstance/a'), undefined)
})

t.test('half of the files may go at once, more is held until they return', async (t) => {
  const world = await createWorld(t, { files: files('a b c d e f') })
  await remove(world, 'a b')
  await world.eventually('two of six', () => world.instances() === 'c=1 d=1 e=1 f=1')
  await remove(world, 'c d e')
  await world.eventually('three of four are held', () => heldFiles(world).join() === 'c.yaml,d.yaml,e.yaml')
  t.equal(world.instances(), 'c=1 d=1 e=1 f=1')
  t.match(world.catalog().held, {
    objects: ['ServiceInstance/c', 'ServiceInstance/d', 'ServiceInstance/e'],
    reason: /3 of 4 manifests went at once, more than maxPrunePercent \(50 %\); put the files back .* or confirm/,
  })
  t.match([...world.catalog().instances.values()][0], { accepted: false, diagnostics: [{ code: 'FILE_MISSING' }] })
  t.match(world.errorOf('c.yaml'), /deletion is held back/)

  await world.restart()
  t.equal(world.instances(), 'c=1 d=1 e=1 f=1', 'still held after a restart')
  t.strictSame(heldFiles(world), ['c.yaml', 'd.yaml', 'e.yaml'])

  await world.write({ 'c.yaml': 'instance c 2' })
  await world.eventually('one is back, the others stay held', () => world.instances() === 'c=2 d=1 e=1 f=1')
  t.strictSame(heldFiles(world), ['d.yaml', 'e.yaml'])
  await remove(world, 'f')
  await world.eventually('a single deletion beside them is meant', () => world.instances() === 'c=2 d=1 e=1')
  await world.write({ 'd.yaml': 'instance d 1', 'e.yaml': 'instance e 1' })
  await world.eventually('all are back', ({ held }) => held === undefined)
  t.equal(world.errorOf('d.yaml'), undefined)
})

t.test('held deletions happen when they are confirmed', async (t) => {
  const world = await createWorld(t, { files: files('a b c') })
  t.equal(await world.watcher().confirmPrune(), undefined)
  await remove(world, 'a b')
  await world.eventually('they are held', ({ held }) => held !== undefined)
  t.match(await world.watcher().confirmPrune(), { files: ['a.yaml', 'b.yaml'] })
  t.equal(world.instances(), 'c=1')
  t.equal(world.catalog().held, undefined)
  t.strictSame([...world.store().list('tombstones').keys()], ['ServiceInstance/a', 'ServiceInstance/b'])
})

t.test('a directory suddenly empty deletes nothing', async (t) => {
  const world = await createWorld(t, { files: { ...files('a'), 'p.son': 'eu one 1.0 x' } })
  await Promise.all(['a.yaml', 'p.son'].map((file) => unlink(world.path(file))))
  await world.eventually('it is held', ({ held }) => held?.reason.startsWith('all 2 files'))
  t.equal(world.instances(), 'a=1')
  t.equal(world.catalog().packages.length, 1)
  await world.write({ 'a.yaml': 'instance a 1', 'p.son': 'eu one 1.0 x' })
  await world.eventually('it is over', ({ held }) => held === undefined)
})

t.test('a directory that is gone deletes nothing, not even one file, and is found when it comes back', async (t) => {
  const world = await createWorld(t, { files: files('a') })
  await rename(world.directory, `${world.directory}-away`)
  await world.eventually('it is told', ({ gaps }) => gaps.length > 0)
  t.match(world.catalog().gaps, [/manifests cannot be read: it does not exist/])
  t.match(world.catalog().held, { files: ['a.yaml'], reason: /nothing is deleted.*confirm/ })
  t.equal(world.instances(), 'a=1')
  const { since } = world.catalog().held ?? {}
  const count = world.changes.length
  await world.watcher().rescan()
  t.equal(world.catalog().held?.since, since)
  t.equal(world.changes.length, count, 'the same finding is no change')
  await world.restart()
  t.equal(world.instances(), 'a=1')
  t.equal(world.catalog().complete, false, 'nothing was read since start')
  await rename(`${world.directory}-away`, world.directory)
  await world.eventually(
    'it is back',
    ({ held, complete, gaps }) => held === undefined && complete && gaps.length === 0,
  )
  await world.write({ 'a.yaml': 'instance a 2' })
  await world.eventually('it is watched', () => world.instances() === 'a=2')
})

t.test('another, empty directory in its place is an unmounted one', async (t) => {
  const world = await createWorld(t, { files: files('a') })
  await rename(world.directory, `${world.directory}-away`)
  await mkdir(world.directory)
  await world.eventually('it is told', ({ gaps }) => gaps[0]?.includes('is its file system mounted?'))
  t.equal(world.instances(), 'a=1')
  await world.restart()
  t.equal(world.instances(), 'a=1')
  await rm(world.directory, { recursive: true })
  await rename(`${world.directory}-away`, world.directory)
  await world.eventually('it is mounted', ({ gaps }) => gaps.length === 0)
  await remove(world, 'a')
  await world.eventually('and works as before', () => world.instances() === '')
})

t.test('another directory with other content: one missing file is meant, several are held', async (t) => {
  const world = await createWorld(t, { files: files('a b c d e f') })
  const swap = async (names: string): Promise<void> => {
    const next = join(world.directory, '..', 'next')
    await mkdir(next)
    for (const name of names.split(' ')) await writeFile(join(next, `${name}.yaml`), `instance ${name} 2`)
    await rename(world.directory, join(world.directory, '..', `old-${names.replaceAll(' ', '')}`))
    await rename(next, world.directory)
  }
  await swap('a b c d e')
  await world.eventually('one less', () => world.instances() === 'a=2 b=2 c=2 d=2 e=2')
  await swap('a b c')
  await world.eventually('two less', ({ held }) => held?.reason.includes('was away or replaced'))
  t.equal(world.instances(), 'a=2 b=2 c=2 d=2 e=2')
})

t.test('everything in another, empty directory may go when confirmed', async (t) => {
  const world = await createWorld(t, { files: files('a b') })
  await rm(world.directory, { recursive: true })
  await world.eventually('it is held', ({ held }) => held !== undefined)
  await world.watcher().confirmPrune()
  t.equal(world.instances(), '')
  await mkdir(world.directory)
  await world.write(files('c'))
  await world.eventually('a new beginning', ({ gaps }) => world.instances() === 'c=1' && gaps.length === 0)
})

t.test('deletions while the daemon was down follow the same rules', async (t) => {
  const world = await createWorld(t, { files: files('a b c d') })
  await world.restart(() => remove(world, 'a'))
  t.equal(world.instances(), 'b=1 c=1 d=1')
  t.ok(world.store().get('tombstones', 'ServiceInstance/a'))
  await world.restart(() => remove(world, 'b c'))
  t.equal(world.instances(), 'b=1 c=1 d=1')
  t.strictSame(heldFiles(world), ['b.yaml', 'c.yaml'])
})

t.test('deletions asked through the API are believed, before and after the fact', async (t) => {
  const world = await createWorld(t, { files: files('a b c d') })
  await world.watcher().markDeliberate(['a.yaml', 'b.yaml', 'c.yaml'])
  await remove(world, 'a b c')
  await world.eventually('they are gone', () => world.instances() === 'd=1')
  await world.write(files('a b c'))
  await world.eventually('they are back', () => world.instances() === 'a=1 b=1 c=1 d=1')
  await remove(world, 'a b c')
  await world.eventually('not marked, they are held', ({ held }) => held !== undefined)
  await world.watcher().markDeliberate(['a.yaml', 'b.yaml', 'c.yaml'])
  t.equal(world.instances(), 'd=1')
})

t.test('a file that moves, or whose objects are moved to others, deletes nothing', async (t) => {
  const world = await createWorld(t, { files: { ...files('a b c'), 'p.son': 'eu one 1.0 x' } })
  await mkdir(world.path('team'))
  for (const file of ['a.yaml', 'b.yaml', 'c.yaml', 'p.son']) await rename(world.path(file), world.path(`team/${file}`))
  await world.eventually('they are known by the new names', ({ files: reports }) =>
    reports.every(({ file }) => file.startsWith('team/')),
  )
  t.equal(world.instances(), 'a=1 b=1 c=1')
  t.equal(world.catalog().held, undefined)
  t.strictSame(
    world.catalog().packages.map(({ order, files: holders }) => [order, holders]),
    [[1, ['team/p.son']]],
  )
  t.ok([...world.catalog().instances.values()].every(({ generation }) => generation === 1))
  await world.write({ 'all.yaml': 'instance a 1\ninstance b 1\ninstance c 1' })
  await rm(world.path('team'), { recursive: true })
  await world.eventually('all are in one file', ({ files: reports }) => reports.length === 1)
  t.equal(world.instances(), 'a=1 b=1 c=1')
  t.strictSame([...world.store().list('tombstones')], [])
})

t.test('a fresh start on an empty directory does not know what is wanted', async (t) => {
  const world = await createWorld(t)
  t.match(world.catalog(), { complete: true, gaps: [/holds no file, and nothing is remembered of it/] })
  await world.watcher().confirmPrune()
  t.strictSame(world.catalog().gaps, [])
})

t.test('a directory that does not exist yet', async (t) => {
  const world = await createWorld(t, { missing: true })
  t.equal(world.catalog().complete, false)
  await world.write(files('a'))
  await world.eventually(
    'it is made',
    ({ complete, gaps }) => world.instances() === 'a=1' && complete && gaps.length === 0,
  )
})

t.test('what a damaged state file forgot is put together from the rest', async (t) => {
  const world = await createWorld(t, { files: files('a b c') })
  await world.restart(async () => {
    await rm(join(world.state, 'files'), { recursive: true })
    await world.write({ 'a.yaml': 'nonsense' })
  })
  t.equal(world.instances(), 'a=1 b=1 c=1')
  t.strictSame([...world.store().list('tombstones')], [])
  await world.restart(() => rm(join(world.state, 'objects'), { recursive: true }))
  t.equal(world.instances(), 'a=1 b=1 c=1')
})
