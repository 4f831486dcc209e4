// Which files count, and what a file means that is wrong, empty, odd, or says what another says.
import { execFileSync } from 'node:child_process'
import { mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { isIgnored } from '../../src/watch/recognise.ts'
import { createWorld } from './world.ts'

t.test('only manifests and packages count, at any depth; editors leave nothing behind', async (t) => {
  const ignored = [
    '.a.yaml',
    'b.yaml~',
    '4913',
    '.c.yaml.swp',
    'd.swp',
    '#e.yaml#',
    'f.yaml___jb_tmp___',
    '___jb_g.yaml',
  ]
  const others = ['h.tmp', 'i.yaml.tmp', 'j.txt', 'README', 'k.YAML', '.git/l.yaml', 'm~/n.yaml', 'o.yaml.bak']
  const files = Object.fromEntries([...ignored, ...others].map((file, n) => [file, `instance wrong${n} 1`]))
  const world = await createWorld(t, {
    files: {
      ...files,
      'a.yaml': 'instance a 1',
      'b.yml': 'instance b 1',
      'c.json': 'instance c 1',
      'deep/er/d.yaml': 'instance d 1',
      'p.son': 'eu one 1.0 x',
      'deep/q.tgo': 'eu two 1.0 x',
    },
  })
  t.equal(world.instances(), 'a=1 b=1 c=1 d=1')
  t.strictSame(
    world
      .catalog()
      .packages.map((one) => [one.package.name, one.files])
      .sort(),
    [
      ['one', ['p.son']],
      ['two', ['deep/q.tgo']],
    ],
  )
  t.strictSame(
    world.catalog().files.map(({ file, objects }) => [file, objects]),
    [
      ['a.yaml', ['ServiceInstance/a']],
      ['b.yml', ['ServiceInstance/b']],
      ['c.json', ['ServiceInstance/c']],
      ['deep/er/d.yaml', ['ServiceInstance/d']],
      ['deep/q.tgo', ['Package/eu/two:1.0']],
      ['p.son', ['Package/eu/one:1.0']],
    ],
  )
  for (const name of ignored) t.ok(isIgnored(name), name)
  t.strictSame(world.catalog().gaps, [])
})

t.test('files and folders made later are found', async (t) => {
  const world = await createWorld(t)
  await world.write({ 'x/y/z.yaml': 'instance z 1' })
  await world.eventually('it is found', () => world.instances() === 'z=1')
  await world.write({ 'x/y/z.yaml': 'instance z 2' })
  await world.eventually('its change is found', () => world.instances() === 'z=2')
  await rm(world.path('x'), { recursive: true })
  await world.eventually('its folder is gone', () => world.instances() === '')
  await world.write({ 'x/y/z.yaml': 'instance z 3' })
  await world.eventually('the same folder again', () => world.instances() === 'z=3')
})

t.test('a wrong file keeps its last good meaning, is told with line and reason, and is mended', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1', 'b.yaml': 'instance other 1' } })
  await world.write({ 'a.yaml': '# broken\nnonsense {' })
  const [demo] = await world.eventually('it is refused', ({ instances }) => {
    const found = [...instances.values()]
    return found[0]?.accepted === false && found
  })
  t.match(demo, {
    key: 'ServiceInstance/demo',
    generation: 1,
    document: { spec: { replicas: 1 } },
    diagnostics: [{ file: 'a.yaml', line: 2, message: 'unknown: nonsense {' }, { code: 'LAST_GOOD_KEPT' }],
  })
  t.equal(world.instances(), 'demo=1 other=1')
  t.strictSame(world.catalog().gaps, [])
  t.match(world.catalog().files, [
    { file: 'a.yaml', accepted: false },
    { file: 'b.yaml', accepted: true },
  ])

  await world.restart()
  t.equal(world.instances(), 'demo=1 other=1', 'also over a restart')
  t.match([...world.catalog().instances.values()][0], { accepted: false, generation: 1 })

  await world.write({ 'a.yaml': 'bug' })
  await world.eventually('a bug of the parser is no disaster', () =>
    world.errorOf('a.yaml')?.includes('TypeError: a bug'),
  )
  t.equal(world.instances(), 'demo=1 other=1')

  await world.write({ 'a.yaml': 'instance demo 2' })
  await world.eventually('it is mended', () => world.instances() === 'demo=2 other=1')
  t.match([...world.catalog().instances.values()][0], { accepted: true, generation: 2, diagnostics: [] })
})

t.test('one wrong document does not stop the others of its file, and takes nothing away', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance a 1\ninstance b 1\ninstance c 1\n' } })
  await world.write({ 'a.yaml': 'instance a 2\nwrong ServiceInstance b\nwrong ServiceInstance d\nwrong Other e\n' })
  await world.eventually('the right document counts', () => world.instances() === 'a=2 b=1 c=1')
  t.strictSame(
    [...world.catalog().instances.values()].map(({ key, accepted, generation }) => [key, accepted, generation]),
    [
      ['ServiceInstance/a', true, 2],
      ['ServiceInstance/b', false, 1],
      ['ServiceInstance/c', false, 1],
    ],
  )
  t.match(world.catalog().refused, [{ key: 'ServiceInstance/d', source: { file: 'a.yaml', line: 3 } }])
  await world.restart()
  t.equal(world.instances(), 'a=2 b=1 c=1')
  await world.write({ 'a.yaml': 'instance a 2\n' })
  await world.eventually('mended, what is not in it goes', () => world.instances() === 'a=2')
  t.strictSame([...world.store().list('tombstones').keys()].sort(), ['ServiceInstance/b', 'ServiceInstance/c'])
})

t.test('a file that was never right leaves a gap: what it defines is not known', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'nonsense', 'p.son': 'cut' } })
  t.strictSame(world.catalog().gaps, ['what a.yaml defines was never known'])
  t.match(world.catalog().files, [{ accepted: false }, { accepted: false }])
  await rm(world.path('a.yaml'))
  await world.eventually('it is gone', ({ gaps, files }) => gaps.length === 0 && files.length === 1)
})

t.test('an empty file keeps what it defined, a file of comments alone does not', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1', 'new.yaml': ' \n\t\n' } })
  t.match(world.catalog().files, [{ accepted: true }, { file: 'new.yaml', accepted: true, objects: [] }])
  for (const content of ['', ' \n\r\n\t']) {
    await world.write({ 'a.yaml': content })
    await world.eventually('it is refused', () => world.errorOf('a.yaml')?.includes('delete it to remove its objects'))
    t.equal(world.instances(), 'demo=1')
    await world.restart()
    t.equal(world.instances(), 'demo=1')
  }
  await world.write({ 'a.yaml': '# nothing here any more\n' })
  await world.eventually('its objects are gone', () => world.instances() === '')
})

t.test('odd files stop nothing', { timeout: 20_000 }, async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1', 'b.yaml': 'instance other 1' } })
  // Pipes, a socket, a device, links that lead nowhere or in circles, a folder with the name of a file.
  execFileSync('mkfifo', [world.path('fifo.yaml'), world.path('fifo.son')])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(world.path('socket.yaml'), resolve))
  t.teardown(() => server.close())
  await symlink('/dev/zero', world.path('device.yaml'))
  await symlink('nowhere', world.path('dangling.yaml'))
  await symlink('circle.yaml', world.path('circle.yaml'))
  await symlink('.', world.path('loop'))
  await symlink('..', world.path('up'))
  await mkdir(world.path('folder.yaml'))
  await world.write({ 'folder.yaml/c.yaml': 'instance c 1' })
  await world.eventually(
    'the rest is read',
    () => world.instances() === 'c=1 demo=1 other=1' && world.errorOf('loop') === undefined,
  )
  await world.watcher().rescan()
  t.match(world.errorOf('fifo.yaml'), /it is a named pipe, not a regular file/)
  t.match(world.errorOf('fifo.son'), /named pipe/)
  t.match(world.errorOf('socket.yaml'), /a socket/)
  t.match(world.errorOf('device.yaml'), /a device/)
  t.match(world.errorOf('dangling.yaml'), /symbolic link to something that does not exist/)
  t.match(world.errorOf('circle.yaml'), /in a circle/)
  await rm(world.path('a.yaml'))
  execFileSync('mkfifo', [world.path('a.yaml')])
  await world.eventually('a file became a pipe', () => world.errorOf('a.yaml')?.includes('named pipe'))
  t.match(world.instances(), /demo=1/)
})

t.test('a name that is not UTF-8 is told, and breaks nothing', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1', 'sub/b.yaml': 'instance b 1' } })
  const named = (name: string): Buffer =>
    Buffer.concat([Buffer.from(`${world.directory}/`), Buffer.from(name, 'latin1')])
  for (const name of ['caf\xe9.yaml', 'sub/\xff\n.son', 'notes\xff.txt', '.\xff.yaml']) {
    await writeFile(named(name), 'instance lost 1')
  }
  await mkdir(named('d\xff'))
  await world.eventually('it is told', () => world.errorOf('caf\\xe9.yaml'))
  await world.watcher().rescan()
  t.equal(world.errorOf('caf\\xe9.yaml'), 'the file cannot be read: its name is not UTF-8; rename it')
  t.strictSame(
    world.catalog().files.map(({ file }) => file),
    ['a.yaml', 'caf\\xe9.yaml', 'sub/\\xff\\x0a.son', 'sub/b.yaml'],
  )
  t.ok(world.catalog().gaps.includes('the folder d\\xff cannot be read: its name is not UTF-8; rename it'))
  t.equal(world.instances(), 'b=1 demo=1')
  await rename(named('caf\xe9.yaml'), world.path('cafe.yaml'))
  await world.eventually('renamed, it counts', () => world.instances() === 'b=1 demo=1 lost=1')
  await world.eventually('the old name is forgotten', () => world.errorOf('caf\\xe9.yaml') === undefined)
})

t.test('a link to a hidden folder outside is followed once; a folder reached twice is read once', async (t) => {
  const world = await createWorld(t, { files: { 'real/a.yaml': 'instance a 1' } })
  const outside = join(world.directory, '..', '.hidden')
  await mkdir(outside)
  await writeFile(join(outside, 'b.yaml'), 'instance b 1')
  await symlink('real', world.path('alias'))
  await symlink('../.hidden', world.path('one'))
  await symlink('../.hidden', world.path('two'))
  await world.eventually('all are read', () => world.instances() === 'a=1 b=1')
  t.strictSame(
    world.catalog().files.map(({ file, accepted }) => [file, accepted]),
    [
      ['one/b.yaml', true],
      ['real/a.yaml', true],
    ],
  )
})

t.test('the older of two files keeps an object, also over restarts; both are told', async (t) => {
  const world = await createWorld(t, { files: { 'z.yaml': 'instance demo 1' } })
  await world.write({ 'a.yaml': 'instance demo 9\ninstance extra 1' })
  await world.eventually('the newer is told', () => world.errorOf('a.yaml') !== undefined)
  t.match(
    world.errorOf('a.yaml'),
    /ServiceInstance\/demo is defined by z\.yaml:1 already.*remove it from a\.yaml or from z\.yaml/,
  )
  t.equal(world.instances(), 'demo=1 extra=1')
  const demo = () => [...world.catalog().instances.values()][0]
  t.match(demo(), {
    accepted: true,
    source: { file: 'z.yaml' },
    diagnostics: [{ severity: 'notice', message: /a\.yaml:1 too/ }],
  })
  await world.restart(async () => {
    await utimes(world.path('a.yaml'), 1, 1)
  })
  t.match(demo(), { source: { file: 'z.yaml' }, generation: 1 })
  await rm(world.path('z.yaml'))
  await world.eventually('the other takes over', () => demo()?.source.file === 'a.yaml')
  t.match(demo(), { generation: 2, document: { spec: { replicas: 9 } }, diagnostics: [] })
  t.equal(world.errorOf('a.yaml'), undefined)
  await world.write({ 'z.yaml': 'instance demo 1' })
  await world.eventually('back, it is the newer', () => world.errorOf('z.yaml') !== undefined)
  t.equal(world.instances(), 'demo=9 extra=1')
})

t.test('an object twice in one file: the first counts', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1\ninstance demo 2' } })
  t.equal(world.instances(), 'demo=1')
  t.match(world.errorOf('a.yaml'), /defined by line 1 of this file/)
})

t.test('the generation counts changes of the spec alone, over restarts', async (t) => {
  const world = await createWorld(t, {
    files: { 'a.yaml': 'instance demo 1', 'd.yaml': 'dc dc1 4', 'l.yaml': 'link l dc2' },
  })
  const generations = () => {
    const { instances, dataCenters, links } = world.catalog()
    return [instances, dataCenters, links].map((map) => [...map.values()].map(({ generation }) => generation).join(''))
  }
  t.strictSame(generations(), ['1', '1', '1'])
  await world.write({ 'a.yaml': '# a comment\ninstance demo 1' })
  await world.eventually('the line moved', ({ instances }) => [...instances.values()][0]?.source.line === 2)
  t.strictSame(generations(), ['1', '1', '1'])
  await world.replace('d.yaml', 'dc dc1 8')
  await world.eventually('one changed', () => generations().join() === '1,2,1')
  await world.restart(() => world.replace('a.yaml', 'instance demo 5'))
  t.strictSame(generations(), ['2', '2', '1'])
})

t.test('a file is parsed again only when it changed', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`d${n % 7}/f${n}.yaml`, `instance i${n} 1`]))
  const world = await createWorld(t, { files })
  t.equal(world.catalog().instances.size, 1000)
  world.parsers.parsed.length = 0
  await world.write({ 'd0/f0.yaml': 'instance i0 2' })
  await world.eventually('it counts', ({ instances }) =>
    [...instances.values()].some(({ generation }) => generation === 2),
  )
  t.strictSame(world.parsers.parsed, ['d0/f0.yaml'])
  const began = performance.now()
  await world.watcher().rescan()
  t.ok(performance.now() - began < 1000, `a look at 1000 files takes ${performance.now() - began} ms`)
  t.strictSame([...(world.changes.at(-1)?.objects ?? [])], ['ServiceInstance/i0'])
})

t.test('an unreadable folder keeps what was in it', async (t) => {
  const world = await createWorld(t, {
    files: { 'sub/a.yaml': 'instance a 1', 'sub/b.yaml': 'instance b 1', 'c.yaml': 'instance c 1' },
  })
  // For root every folder is readable, so a link that leads nowhere takes its place.
  await rm(world.path('sub'), { recursive: true })
  await symlink('nowhere', world.path('sub'))
  await world.eventually('it is told', ({ gaps }) =>
    gaps.some((gap) => gap.startsWith('the folder sub cannot be read')),
  )
  await world.watcher().rescan()
  t.equal(world.instances(), 'a=1 b=1 c=1')
  t.match(world.errorOf('sub/a.yaml'), /folder of this file cannot be read/)
  await rm(world.path('sub'))
  await world.write({ 'sub/a.yaml': 'instance a 2', 'sub/b.yaml': 'instance b 2' })
  await world.eventually('it is back', () => world.instances() === 'a=2 b=2 c=1')
})

t.test('a file that is too large is refused', async (t) => {
  const world = await createWorld(t, { files: { 'a.yaml': 'instance demo 1' } })
  await writeFile(world.path('a.yaml'), `#${'x'.repeat(9 * 1024 * 1024)}`)
  await world.eventually('it is refused', () => world.errorOf('a.yaml')?.includes('at most 8388608 are read'))
  t.ok((await stat(world.path('a.yaml'))).size > 8_000_000)
  t.equal(world.instances(), 'demo=1')
})
