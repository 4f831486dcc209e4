import { execFileSync } from 'node:child_process'
import { chmod, chown, lchown, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { startDaemonWorld } from './world.ts'

const commented = `# who keeps this file
apiVersion: sond.dev/v1alpha1
kind: ServiceInstance
metadata:   {name: demo}   # a name
spec:
  package: chain    # the newest
  # so many copies, said in a line that is longer than what the library would break by itself, and then some more
  replicas: 2
# the end
`
const dataCenter = (name: string): string =>
  `apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: ${name}}\nspec: {}\n`

void t.test('apply: a new object gets a file of its own, with all the user wrote', async (t) => {
  const { backend, read } = await startDaemonWorld(t)
  const [first] = await backend.apply(commented, { dryRun: false })
  t.match(first, {
    kind: 'ServiceInstance',
    name: 'demo',
    file: 'serviceinstance-demo.yaml',
    action: 'created',
    generation: 1,
  })
  t.equal(await read('serviceinstance-demo.yaml'), commented)
  t.match((await backend.apply(commented, { dryRun: false }))[0], { action: 'unchanged', generation: 1 })
  const edited = commented.replace('replicas: 2', 'replicas: 3')
  t.match((await backend.apply(edited, { dryRun: false }))[0], { action: 'configured', generation: 2 })
})

void t.test('apply: of a stream each document goes where its object is defined, with its comments', async (t) => {
  const { backend, read, write } = await startDaemonWorld(t)
  await write('sub/places.yaml', dataCenter('dc2'))
  const stream = `%YAML 1.2\n--- # first\n# about dc2\n${dataCenter('dc2')}  # after dc2\n---\n# about dc3\n${dataCenter('dc3')}...\n`
  const applied = await backend.apply(stream, { dryRun: false })
  t.same(
    applied.map(({ name, file, action }) => [name, file, action]),
    [
      ['dc2', 'sub/places.yaml', 'configured'],
      ['dc3', 'datacenter-dc3.yaml', 'created'],
    ],
  )
  t.match(await read('sub/places.yaml'), /^--- # first\n# about dc2\napiVersion/)
  t.match(await read('datacenter-dc3.yaml'), /^# about dc3\napiVersion/)
  t.equal((await backend.list('DataCenter')).length, 2)
})

void t.test('apply: nothing is written unless all of it can be', async (t) => {
  const { backend, write, directory } = await startDaemonWorld(t)
  await write('both.yaml', `${dataCenter('dc1')}---\n${dataCenter('dc2')}`)
  const before = await readdir(directory)
  await t.rejects(backend.apply(`${dataCenter('dc9')}---\n${dataCenter('dc1')}`, { dryRun: false }), {
    code: 'CONFLICT',
    message: 'both.yaml defines DataCenter dc1 beside other objects',
  })
  await t.rejects(backend.apply(`${dataCenter('dc9')}---\nkind: Nothing\n`, { dryRun: false }), { code: 'INVALID' })
  await t.rejects(backend.apply('# nothing\n', { dryRun: false }), { code: 'INVALID' })
  t.same(await readdir(directory), before)
})

void t.test(
  'apply: a file that is not about the object is not overwritten; one that was refused is mended',
  async (t) => {
    const { backend, read, write } = await startDaemonWorld(t)
    await write('datacenter-dc1.yaml', dataCenter('dc7'))
    await t.rejects(backend.apply(dataCenter('dc1'), { dryRun: false }), { code: 'CONFLICT' })
    t.equal(await read('datacenter-dc1.yaml'), dataCenter('dc7'))
    await write('mine.yaml', buildManifest('demo', 'chain', { replicsa: 3 }))
    t.match(await backend.get('ServiceInstance', 'demo'), {
      status: { conditions: [{ type: 'Ready', status: 'False' }, {}] },
    })
    t.match((await backend.apply(buildManifest('demo', 'chain'), { dryRun: false }))[0], {
      file: 'mine.yaml',
      generation: 1,
    })
  },
)

void t.test('apply: a file that is gone while its meaning is still in force is written again', async (t) => {
  const { backend, directory, read, write } = await startDaemonWorld(t)
  await write('a.yaml', buildManifest('demo', 'chain'))
  const { rm } = await import('node:fs/promises')
  await rm(join(directory, 'a.yaml'))
  t.match((await backend.apply(buildManifest('demo', 'chain', { replicas: 2 }), { dryRun: false }))[0], {
    file: 'a.yaml',
  })
  t.match(await read('a.yaml'), /replicas: 2/)
})

void t.test('a dry run writes nothing, and tells the plan', async (t) => {
  const { backend, write, directory } = await startDaemonWorld(t)
  await write('chain.son', await buildPackage(chainSketch('chain', 2, 'img:1')))
  const before = await readdir(directory)
  const [applied] = await backend.apply(buildManifest('demo', 'chain'), { dryRun: true })
  t.match(applied, { action: 'created', generation: 0 })
  t.match(applied?.diff?.text, /sond\.demo\.0\.f1\.0/)
  t.same(await readdir(directory), before)
})

void t.test('delete: a file, a document of several, one that was refused, one that is not there', async (t) => {
  const { backend, read, write, directory } = await startDaemonWorld(t)
  const middle = `--- # second\n# about dc2\n${dataCenter('dc2').replace('spec: {}', 'spec:   { }   # odd')}`
  await write('three.yaml', `# head\n${dataCenter('dc1')}${middle}---\n${dataCenter('dc3')}`)
  t.match(await backend.delete('DataCenter', 'dc3'), { file: 'three.yaml' })
  t.equal(await read('three.yaml'), `# head\n${dataCenter('dc1')}${middle}`, 'the rest stays to the byte')
  await backend.delete('DataCenter', 'dc1')
  t.equal(await read('three.yaml'), middle)
  await backend.delete('DataCenter', 'dc2')
  t.same(await readdir(directory), [])
  await t.rejects(backend.delete('DataCenter', 'dc2'), { code: 'NOT_FOUND' })
  await write('wrong.yaml', buildManifest('demo', 'chain', { replicsa: 3 }))
  t.match(await backend.delete('ServiceInstance', 'demo'), { file: 'wrong.yaml' })
  t.same(await readdir(directory), [])
})

void t.test('delete: a file that nobody can read any more goes when it held the object alone', async (t) => {
  const { backend, write, directory } = await startDaemonWorld(t)
  await write('a.yaml', buildManifest('demo', 'chain'))
  await write('a.yaml', 'kind: {')
  await write('b.yaml', `${dataCenter('dc1')}---\n${dataCenter('dc2')}`)
  await write('b.yaml', `${dataCenter('dc1')}---\nkind: {`)
  await backend.delete('ServiceInstance', 'demo')
  t.same(await readdir(directory), ['b.yaml'])
  await t.rejects(backend.delete('DataCenter', 'dc2'), { code: 'CONFLICT' })
})

void t.test('suspend: one field changes, comments and other documents stay', async (t) => {
  const { backend, read, write } = await startDaemonWorld(t)
  await write('a.yaml', `${dataCenter('dc2')}---\n${commented}`)
  t.match(await backend.suspend('demo', true), { action: 'configured', generation: 2, file: 'a.yaml' })
  const text = await read('a.yaml')
  t.ok(text.startsWith(`${dataCenter('dc2')}---\n# who keeps this file\n`), text)
  t.match(text, /# so many copies, said in a line that is longer .*, and then some more\n/)
  t.match(text, /suspend: true/)
  t.match(await backend.suspend('demo', true), { action: 'unchanged', generation: 2 })
  t.match(await backend.suspend('demo', false), { action: 'configured', generation: 3 })
  await t.rejects(backend.suspend('other', true), { code: 'NOT_FOUND' })
})

void t.test('who could not read a file before an edit cannot after it; others cannot read a new one', async (t) => {
  const { backend, directory, write } = await startDaemonWorld(t)
  await write('a.yaml', buildManifest('demo', 'none'))
  const path = join(directory, 'a.yaml')
  await chmod(path, 0o600)
  if (process.geteuid?.() === 0) await chown(path, 4711, 4712)
  const before = await stat(path)
  await backend.suspend('demo', true)
  const { mode, uid, gid, ino } = await stat(path)
  t.not(ino, before.ino, 'it is another file')
  t.same([mode & 0o777, uid, gid], [0o600, before.uid, before.gid])
  await backend.apply(buildManifest('fresh', 'none'), { dryRun: false })
  t.equal((await stat(join(directory, 'serviceinstance-fresh.yaml'))).mode & 0o007, 0)
})

const asRoot = process.geteuid?.() === 0 ? {} : { skip: 'only root may give files to other users' }

void t.test('no edit reads, replaces or removes what the link of a user leads to', asRoot, async (t) => {
  const { backend, directory, write, watcher } = await startDaemonWorld(t)
  const outside = join(directory, '..', 'outside')
  await Promise.all([mkdir(outside), mkdir(join(directory, '.own'))])
  await symlink('.own', join(directory, 'd'))
  const of = (one: string): string => buildManifest(one, 'none')
  await write('a.yaml', of('a'))
  await write('d/b.yaml', of('b'))
  await write('d/p.son', await buildPackage(chainSketch('chain', 2, 'img:1')))
  for (const file of ['a.yaml', 'b.yaml', 'p.son']) await writeFile(join(outside, file), of(file.charAt(0)))
  for (const [target, path] of [
    ['../outside/a.yaml', 'a.yaml'],
    ['../outside', 'd'],
  ] as const) {
    await symlink(target, join(directory, '.new'))
    await lchown(join(directory, '.new'), 4711, 4711)
    await rename(join(directory, '.new'), join(directory, path))
  }
  await watcher.rescan()
  const refused = { code: 'UNAVAILABLE', message: /symbolic link of user 4711/ }
  for (const one of ['a', 'b']) {
    await t.rejects(backend.suspend(one, true), refused)
    await t.rejects(backend.apply(of(one), { dryRun: false }), refused)
    await t.rejects(backend.delete('ServiceInstance', one), refused)
  }
  const [pack] = watcher.catalog().packages
  await t.rejects(backend.delete('Package', pack?.digest ?? ''), refused)
  for (const file of ['a.yaml', 'b.yaml', 'p.son']) {
    t.equal(await readFile(join(outside, file), 'utf8'), of(file.charAt(0)), file)
  }
})

void t.test('a file that became a pipe holds no edit up', { timeout: 20_000 }, async (t) => {
  const { backend, directory, write } = await startDaemonWorld(t)
  await write('a.yaml', buildManifest('a', 'none'))
  execFileSync('mkfifo', [join(directory, '.a')])
  await rename(join(directory, '.a'), join(directory, 'a.yaml'))
  await t.rejects(backend.suspend('a', true), { code: 'UNAVAILABLE', message: /named pipe, not a regular file/ })
})

void t.test('edits of one file at one time do not undo each other', async (t) => {
  const { backend, read, write } = await startDaemonWorld(t)
  const names = Array.from({ length: 6 }, (_, index) => `dc${index + 1}`)
  await write('all.yaml', names.map(dataCenter).join('---\n'))
  await Promise.all(names.slice(1).map((name) => backend.delete('DataCenter', name)))
  t.equal(await read('all.yaml'), dataCenter('dc1'))
})

void t.test('onboard: a package is kept, once, and never in the place of another', async (t) => {
  const { backend, directory } = await startDaemonWorld(t)
  const upload = async (sketch: ReturnType<typeof chainSketch>, fileName: string) => {
    const bytes = await buildPackage(sketch)
    const path = join(directory, '..', 'upload')
    await writeFile(path, bytes)
    const hex = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex')
    return backend.onboard({ path, fileName, size: bytes.length, sha1: hex('sha1'), sha256: hex('sha256') })
  }
  t.match(await upload(chainSketch('chain', 2, 'img:1'), 'p.son'), { spec: { name: 'chain' } })
  await upload(chainSketch('chain', 2, 'img:1'), 'again.son')
  await upload(chainSketch('other', 2, 'img:1'), 'p.son')
  t.equal((await readdir(directory)).length, 2)
  t.same(
    (await backend.list('Package')).map(({ spec }) => spec.name),
    ['chain', 'other'],
  )
  const path = join(directory, '..', 'upload')
  await writeFile(path, 'no package')
  await t.rejects(backend.onboard({ path, fileName: 'x.son', size: 1, sha1: '', sha256: 'abc' }), { code: 'INVALID' })
  t.match(await backend.delete('Package', 'test.sond.dev/chain:0.1'), { kind: 'Package' })
  t.equal((await readdir(directory)).length, 1)
  await t.rejects(backend.delete('Package', 'nobody'), { code: 'NOT_FOUND' })
})

void t.test('numbers stay as they are written, whatever else of their file is written anew', async (t) => {
  const { backend, read, write } = await startDaemonWorld(t)
  const env = '{A: 007, B: 1e3, C: 0x1F, D: 12345678901234567890, H: +5, I: .5, J: 1.10}'
  const document = (instance: string): string =>
    `apiVersion: sond.dev/v1alpha1\nkind: ServiceInstance\nmetadata: {name: ${instance}, labels: {pin: 0123}}\n` +
    `spec: {package: chain, functions: [{vnfId: fw, env: ${env}}]}\n`
  const isKept = async (file: string): Promise<void> => {
    const text = await read(file)
    for (const part of [
      'A: 007',
      'B: 1e3',
      'C: 0x1F',
      'D: 12345678901234567890',
      'H: +5',
      'I: .5',
      'J: 1.10',
      'pin: 0123',
    ])
      t.ok(text.includes(part), `${file}: ${part}`)
  }
  await write('a.yaml', document('a'))
  await backend.suspend('a', true)
  await isKept('a.yaml')
  await backend.apply(`${document('b')}status: {}\n`, { dryRun: false })
  await isKept('serviceinstance-b.yaml')
  t.notMatch(await read('serviceinstance-b.yaml'), /status/)
  const item = document('c').trimEnd().replaceAll('\n', '\n    ')
  await backend.apply(`apiVersion: sond.dev/v1alpha1\nkind: List\nitems:\n  - ${item}\n`, { dryRun: false })
  await isKept('serviceinstance-c.yaml')
})
