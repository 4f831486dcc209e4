import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { scanDirectory } from '../../src/watch/scan.ts'

t.test('changes matter in every folder, above the root, and where links lead: there only those names', async (t) => {
  const base = t.testdir({ m: { sub: {} }, elsewhere: {} })
  const names = Array.from({ length: 50 }, (_, n) => `f${n}.yaml`)
  for (const name of names) {
    await writeFile(join(base, 'elsewhere', name), '')
    await symlink(`../elsewhere/${name}`, join(base, 'm', name))
  }
  const scan = await scanDirectory(join(base, 'm'))
  t.equal(scan.files.size, 50)
  t.equal(scan.folders.get(join(base, 'm'))?.names, undefined)
  t.equal(scan.folders.get(join(base, 'm', 'sub'))?.names, undefined)
  t.strictSame([...(scan.folders.get(base)?.names ?? [])], ['m'])
  t.strictSame([...(scan.folders.get(join(base, 'elsewhere'))?.names ?? [])].sort(), names.sort())
})

t.test('a root that is not there is waited for from the nearest folder above', async (t) => {
  const base = t.testdir({})
  const scan = await scanDirectory(join(base, 'a', 'b', 'c'))
  t.match(scan, { root: undefined, error: 'it does not exist' })
  t.strictSame(
    [...scan.folders].map(([path, { names }]) => [path, [...(names ?? [])]]),
    [[base, ['a']]],
  )
  await writeFile(join(base, 'a'), '')
  t.equal((await scanDirectory(join(base, 'a'))).error, 'it is not a directory')
})

t.test('a folder that is left out is not read, however it is reached', async (t) => {
  const base = t.testdir({ m: { 'a.yaml': '' }, state: { 'b.yaml': '' } })
  await symlink('../state', join(base, 'm', 'link'))
  t.strictSame([...(await scanDirectory(join(base, 'm'), join(base, 'state'))).files.keys()], ['a.yaml'])
  t.equal((await scanDirectory(join(base, 'm'))).files.size, 2)
})

t.test('folders nested too deeply are reported, not followed', async (t) => {
  const base = t.testdir({ m: {} })
  const deep = Array.from({ length: 40 }, () => 'd').join('/')
  await mkdir(join(base, 'm', deep), { recursive: true })
  await writeFile(join(base, 'm', deep, 'x.yaml'), '')
  const scan = await scanDirectory(join(base, 'm'))
  t.equal(scan.files.size, 0)
  t.match([...scan.unreadable.values()], ['it is nested deeper than 32 folders'])
})
