import { rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import t from 'tap'
import { type ByteSource, ReadError } from '../../src/model/byte-source.ts'
import { craftZip } from '../support/hostile-zip.ts'
import { createWorld, type World } from './world.ts'

/** Version, rest of the text, and files of every package, oldest first. */
const shelf = (world: World): string =>
  world
    .catalog()
    .packages.map((one) => `${one.package.name}:${one.package.version}(${one.files.join('+')})`)
    .join(' ')

const used = (world: World, name: string): string | undefined => {
  const instance = [...world.catalog().instances.values()].find(({ document }) => document.metadata.name === name)
  return instance?.package && `${instance.package.package.version}@${instance.package.order}`
}

t.test('an instance may come before its package, and gets the newest when it names no version', async (t) => {
  const world = await createWorld(t, { files: { 'i.yaml': 'instance demo 1 fw\ninstance old 1 fw:1.0' } })
  t.equal(used(world, 'demo'), undefined)
  await world.write({ 'a.son': 'eu fw 1.0 x' })
  await world.eventually('it is onboarded', () => used(world, 'demo') === '1.0@1')
  t.ok(world.changes.at(-1)?.objects.has('ServiceInstance/demo'), 'the instance is told')
  await world.write({ 'b.son': 'eu fw 0.9 x' })
  await world.eventually('the newest is the last onboarded, not the highest', () => used(world, 'demo') === '0.9@2')
  t.equal(used(world, 'old'), '1.0@1')
  await world.restart()
  t.equal(shelf(world), 'fw:1.0(a.son) fw:0.9(b.son)', 'the order is remembered')
  t.equal(used(world, 'demo'), '0.9@2')
})

t.test('the same version with other bytes is another package, and the newer one', async (t) => {
  const world = await createWorld(t, { files: { 'i.yaml': 'instance demo 1 fw:1.0', 'a.son': 'eu fw 1.0 x' } })
  t.equal(used(world, 'demo'), '1.0@1')
  await world.replace('a.son', 'eu fw 1.0 y')
  await world.eventually('the new bytes are used', () => used(world, 'demo') === '1.0@2')
  t.equal(world.catalog().packages.length, 1, 'nobody uses the old one')
  await world.replace('a.son', 'eu fw 1.0 x')
  await world.eventually('old bytes put back are onboarded again', () => used(world, 'demo') === '1.0@3')
})

t.test('old bytes put back while somebody still uses them win again', async (t) => {
  const world = await createWorld(t, { files: { 'a.son': 'eu fw 1.0 x' } })
  const digest = world.catalog().packages[0]?.digest ?? ''
  await world.write({ 'i.yaml': `instance demo 1 fw\ninstance pinned 1 ${digest}` })
  await world.eventually('both use it', () => used(world, 'pinned') === '1.0@1')
  await world.replace('a.son', 'eu fw 1.0 y')
  await world.eventually('one moves on', () => used(world, 'demo') === '1.0@2')
  t.equal(used(world, 'pinned'), '1.0@1')
  await world.replace('a.son', 'eu fw 1.0 x')
  await world.eventually('and back', () => used(world, 'demo') === '1.0@3')
})

t.test('a package whose file goes stays for the instances that use it', async (t) => {
  const world = await createWorld(t, {
    files: { 'i.yaml': 'instance demo 1 fw', 'a.son': 'eu fw 1.0 x', 'b.son': 'eu fw 2.0 x' },
  })
  const before = used(world, 'demo')
  await unlink(world.path('b.son'))
  await world.eventually('its file is gone', () => shelf(world).includes('()'))
  t.equal(used(world, 'demo'), before, 'no roll-back')
  await world.restart()
  t.equal(used(world, 'demo'), before, 'also over a restart')
  await world.write({ 'j.yaml': 'instance late 1 fw\ninstance later 1 b.son' })
  await world.eventually('who comes later gets what there is', () => used(world, 'late') === '1.0@1')
  t.equal(used(world, 'later'), undefined)
  await world.write({ 'c.son': 'eu fw 3.0 x' })
  await world.eventually('a newer one is taken', () => used(world, 'demo')?.startsWith('3.0'))
  t.equal(shelf(world), 'fw:1.0(a.son) fw:3.0(c.son)')
  t.equal((await readdir(join(world.state, 'blobs'))).length, 2, 'no copy is left of the one nobody uses')
})

t.test('a package can be named by file, also below a folder', async (t) => {
  const world = await createWorld(t, {
    files: { 'i.yaml': 'instance a 1 p.son\ninstance b 1 x/p.son', 'x/p.son': 'eu fw 1.0 x' },
  })
  t.equal(used(world, 'a'), '1.0@1')
  t.equal(used(world, 'b'), '1.0@1')
  await rm(world.path('x'), { recursive: true })
  await world.eventually('its file is gone', () => shelf(world) === 'fw:1.0()')
  t.equal(used(world, 'a'), '1.0@1')
})

t.test('a package that is damaged later keeps its last good meaning', async (t) => {
  const world = await createWorld(t, { files: { 'i.yaml': 'instance demo 1 fw', 'a.son': 'eu fw 1.0 x' } })
  await truncate(world.path('a.son'), 4)
  await world.eventually('it is told', () => world.errorOf('a.son') === 'the package is cut off')
  t.equal(used(world, 'demo'), '1.0@1')
  await world.restart()
  t.equal(used(world, 'demo'), '1.0@1')
  t.equal(world.errorOf('a.son'), 'the package is cut off')
  await world.restart(() => rm(join(world.state, 'blobs'), { recursive: true }))
  t.equal(used(world, 'demo'), undefined, 'with its copy lost too there is nothing left to read')
})

t.test('a copy that the disk does not take is kept when it takes again', async (t) => {
  const world = await createWorld(t, { pollMs: 50 })
  const blobs = join(world.state, 'blobs')
  // A file where the folder was refuses every write, for root too.
  await rm(blobs, { recursive: true })
  await writeFile(blobs, '')
  await world.write({ 'i.yaml': 'instance demo 1 fw', 'a.son': 'eu fw 1.0 x', 'b.son': 'eu ids 1.0 x' })
  await world.eventually('they are used all the same', () => used(world, 'demo') && shelf(world).includes('ids'))
  t.match(world.store().problem(), /cannot keep a copy of package/)
  await rm(blobs)
  await world.eventually('the copies are kept', () => world.store().problem() === undefined)
  t.equal(world.log.lines.filter(({ level }) => level === 'warn').length, 2, 'each is told once')
  t.equal((await readdir(blobs)).length, 2)
})

/** A package of 17 MiB: it is not brought into memory. */
const large = (words: string): Buffer =>
  Buffer.concat([Buffer.from(`${words} `), Buffer.alloc(17 * 1024 * 1024, '-'), craftZip([])])

t.test('a large package that changes while it is read counts as it is afterwards', async (t) => {
  const world = await createWorld(t)
  const { parsers } = await createWorld(t) // of the same language
  let passes = 0
  Object.assign(world.parsers, {
    package: async (file: string, source: ByteSource) => {
      const parsed = await parsers.package(file, source)
      passes += 1
      if (passes === 1) await writeFile(world.path('a.son'), large('eu fw 2.0'))
      return parsed
    },
  })
  await writeFile(world.path('a.son'), large('eu fw 1.0'))
  await world.eventually('it is onboarded', () => shelf(world) === 'fw:2.0(a.son)')
  const told = world.log.lines.filter(({ message }) => message === 'package onboarded')
  t.strictSame(
    told.map(({ fields }) => fields['version']),
    ['2.0'],
  )
  await world.restart()
  t.equal(shelf(world), 'fw:2.0(a.son)', 'its copy is whole')
})

t.test('a package that the disk does not let be read is told, and read when it does', async (t) => {
  const world = await createWorld(t, { pollMs: 50 })
  const { parsers } = await createWorld(t) // of the same language
  let isBroken = true
  Object.assign(world.parsers, {
    package: async (file: string, source: ByteSource) => {
      if (isBroken) throw new ReadError('EIO', 'no disk')
      return parsers.package(file, source)
    },
  })
  await world.write({ 'a.son': 'eu fw 1.0 x' })
  await world.eventually(
    'it is told',
    () => world.errorOf('a.son') === 'the file cannot be read: reading fails with EIO',
  )
  isBroken = false
  await world.eventually('it is onboarded, though the file did not change', () => shelf(world) === 'fw:1.0(a.son)')
})

t.test('a large file that is no package is told', async (t) => {
  const world = await createWorld(t)
  await writeFile(world.path('a.son'), Buffer.alloc(17 * 1024 * 1024, '-'))
  await world.eventually('it is refused', () => world.errorOf('a.son'))
  t.match(world.errorOf('a.son'), /not a whole zip archive/)
})

t.test('the same package in two files is one', async (t) => {
  const world = await createWorld(t, { files: { 'a.son': 'eu fw 1.0 x' } })
  await world.write({ 'b.son': 'eu fw 1.0 x' })
  await world.eventually('both hold it', () => shelf(world) === 'fw:1.0(a.son+b.son)')
  await unlink(world.path('a.son'))
  await world.eventually('one is left', () => shelf(world) === 'fw:1.0(b.son)')
  await unlink(world.path('b.son'))
  await world.eventually('none is left', () => shelf(world) === '')
})

t.test('of many packages that come at once, few are read ahead of their turn', async (t) => {
  const world = await createWorld(t, { settleMs: 200 })
  const { parsers } = await createWorld(t) // of the same language
  let underWay = 0
  let most = 0
  Object.assign(world.parsers, {
    package: async (file: string, source: ByteSource) => {
      underWay += 1
      most = Math.max(most, underWay)
      await later(20) // a package that takes time
      underWay -= 1
      return parsers.package(file, source)
    },
  })
  const names = Array.from({ length: 12 }, (_, index) => `p${String(index)}`)
  await world.write(Object.fromEntries(names.map((name) => [`${name}.son`, `eu ${name} 1.0 x`])))
  await world.eventually('all are onboarded', ({ packages }) => packages.length === names.length)
  t.ok(most <= 5, `${String(most)} at one time`)
})
