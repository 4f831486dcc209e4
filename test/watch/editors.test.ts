// How programs really put files in place. Every one of these must end in the new content, and at no moment in a deletion.
import { appendFile, cp, link, mkdir, open, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createWorld, type World } from './world.ts'

type Save = (world: World, file: string, content: string) => Promise<void>

const patterns: Readonly<Record<string, Save>> = {
  'vim, backup by renaming': async ({ path }, file, content) => {
    await writeFile(path('.a.yaml.swp'), 'swap')
    await writeFile(path('4913'), '')
    await unlink(path('4913'))
    await rename(path(file), path(`${file}~`))
    await writeFile(path(file), content)
    await unlink(path(`${file}~`))
    await unlink(path('.a.yaml.swp'))
  },
  'vim, backup by copying': async ({ path }, file, content) => {
    await cp(path(file), path(`${file}~`))
    await writeFile(path(file), '')
    await writeFile(path(file), content)
  },
  'emacs: lock link, auto-save, backup': async ({ path }, file, content) => {
    await symlink('user@host.123:1700000000', path(`.#${file}`))
    await writeFile(path(`#${file}#`), 'instance autosaved 9')
    await rename(path(file), path(`${file}~`))
    await writeFile(path(file), content)
    await unlink(path(`#${file}#`))
    await unlink(path(`.#${file}`))
  },
  'JetBrains safe write': async ({ path }, file, content) => {
    await writeFile(path(`${file}___jb_tmp___`), content)
    await rename(path(file), path(`${file}___jb_old___`))
    await rename(path(`${file}___jb_tmp___`), path(file))
    await unlink(path(`${file}___jb_old___`))
  },
  'VS Code: truncate and write': async ({ path }, file, content) => {
    const handle = await open(path(file), 'r+')
    await handle.truncate(0)
    await handle.write(content)
    await handle.close()
  },
  'rsync: hidden temporary file, times set back': async ({ path }, file, content) => {
    await writeFile(path(`.${file}.AbC123`), content)
    await utimes(path(`.${file}.AbC123`), 1_600_000_000, 1_600_000_000)
    await rename(path(`.${file}.AbC123`), path(file))
  },
  'a temporary file in the open': async ({ path }, file, content) => {
    await writeFile(path(`${file}.tmp`), content)
    await rename(path(`${file}.tmp`), path(file))
  },
  'sed -i': async ({ path }, file, content) => {
    await writeFile(path('sedA1b2C3'), content)
    await rename(path('sedA1b2C3'), path(file))
  },
  'git checkout: unlink and create': async ({ path }, file, content) => {
    await unlink(path(file))
    await writeFile(path(file), content)
  },
  'ln -f': async ({ path, directory }, file, content) => {
    await writeFile(join(directory, '..', 'elsewhere'), content)
    await link(join(directory, '..', 'elsewhere'), path('.l'))
    await rename(path('.l'), path(file))
  },
  'in place, same size, time set back': async ({ path }, file, content) => {
    await writeFile(path(file), content)
    await utimes(path(file), 1_600_000_000, 1_600_000_000)
  },
}

for (const [name, save] of Object.entries(patterns)) {
  t.test(`saved by ${name}`, async (t) => {
    const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1', 'b.yaml': 'instance other 1' } })
    t.equal(world.instances(), 'demo=1 other=1')
    const gone: string[] = []
    world.watcher().onChange(() => {
      if (!/demo=\d+ other=1$/.test(world.instances())) gone.push(world.instances())
    })
    await save(world, 'a.yaml', 'instance demo 2')
    await world.eventually('the new content counts', () => world.instances() === 'demo=2 other=1')
    t.strictSame(gone, [])
    t.equal(world.catalog().instances.values().next().value?.generation, 2)
    t.strictSame(
      world.catalog().files.map(({ file, accepted }) => [file, accepted]),
      [
        ['a.yaml', true],
        ['b.yaml', true],
      ],
    )
  })
}

t.test('cp in slow pieces: no piece counts, only the whole', async (t) => {
  const world = await createWorld(t, { settleMs: 400, files: { 'a.yaml': 'instance demo 1' } })
  const seen = new Set<string>()
  world.watcher().onChange(() => seen.add(world.instances()))
  await writeFile(world.path('slow.yaml'), 'instance b 1\n')
  // A look has seen the first piece, which would parse.
  await world.eventually('it is seen', ({ gaps }) => gaps.includes('slow.yaml is still being written'))
  for (const piece of ['instance c 1\n', 'instance d 1\n', 'instance e 1\n']) {
    await appendFile(world.path('slow.yaml'), piece)
  }
  await world.eventually('the whole file counts', () => world.instances() === 'b=1 c=1 d=1 demo=1 e=1')
  t.strictSame([...seen], ['demo=1', 'b=1 c=1 d=1 demo=1 e=1'])
})

t.test('kubernetes: all files change by one swap of ..data', async (t) => {
  const world = await createWorld(t)
  const { path } = world
  const release = async (name: string, replicas: number): Promise<void> => {
    await mkdir(path(name))
    for (const file of ['a', 'b', 'c']) await writeFile(path(`${name}/${file}.yaml`), `instance ${file} ${replicas}`)
  }
  await release('..2026_01', 1)
  await symlink('..2026_01', path('..data'))
  for (const file of ['a', 'b', 'c']) await symlink(`..data/${file}.yaml`, path(`${file}.yaml`))
  await world.eventually('the first release counts', () => world.instances() === 'a=1 b=1 c=1')
  await release('..2026_02', 2)
  await symlink('..2026_02', path('..data_tmp'))
  await rename(path('..data_tmp'), path('..data'))
  await rm(path('..2026_01'), { recursive: true })
  await world.eventually('the second release counts', () => world.instances() === 'a=2 b=2 c=2')
  await writeFile(path('..2026_02/b.yaml'), 'instance b 3')
  await world.eventually('a change behind the link counts', () => world.instances() === 'a=2 b=3 c=2')
  t.strictSame(
    world.catalog().files.map(({ file }) => file),
    ['a.yaml', 'b.yaml', 'c.yaml'],
  )
  t.equal(world.catalog().held, undefined)
})

t.test('a folder behind a link is swapped as a whole', async (t) => {
  const world = await createWorld(t)
  const releases = join(world.directory, '..', 'releases')
  for (const replicas of [1, 2]) {
    await mkdir(join(releases, String(replicas)), { recursive: true })
    await writeFile(join(releases, String(replicas), 'a.yaml'), `instance demo ${replicas}`)
  }
  await symlink('../releases/1', world.path('current'))
  await world.eventually('the first release counts', () => world.instances() === 'demo=1')
  await symlink('../releases/2', world.path('.next'))
  await rename(world.path('.next'), world.path('current'))
  await world.eventually('the second release counts', () => world.instances() === 'demo=2')
  await writeFile(join(releases, '2', 'a.yaml'), 'instance demo 3')
  await world.eventually('a change behind the link counts', () => world.instances() === 'demo=3')
})

t.test('two files that swap their names in one moment: nothing goes, and nothing is asked for anew', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance one 1', 'b.yaml': 'instance two 2' } })
  const { path } = world
  const generations = (): string =>
    [...world.catalog().instances.values()].map((one) => `${one.document.metadata.name}@${one.generation}`).join(' ')
  const before = generations()
  await rename(path('a.yaml'), path('.swap.tmp'))
  await rename(path('b.yaml'), path('a.yaml'))
  await rename(path('.swap.tmp'), path('b.yaml'))
  await world.watcher().rescan()
  t.equal(world.instances(), 'one=1 two=2')
  t.equal(generations(), before)
  t.equal(world.store().list('tombstones').size, 0)
  t.notOk(world.log.lines.some(({ message }) => message === 'object deleted'))
  const sources = [...world.catalog().instances.values()].map(({ source }) => source.file)
  t.same(sources, ['b.yaml', 'a.yaml'], 'the swap was seen')
})
