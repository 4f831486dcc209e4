import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, lchown, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fingerprint, reach } from '../../src/watch/follow.ts'
import { openSettled } from '../../src/watch/read.ts'
import { scanDirectory } from '../../src/watch/scan.ts'
import { createWorld } from './world.ts'

// Links in the watched directory that users made who may write there, and may not read everything.

const options = process.getuid?.() === 0 ? {} : { skip: 'only root may give files to other users' }
const user = 1001
const other = 1002

const given = async (path: string, uid = user): Promise<void> => lchown(path, uid, uid)
const linkOf = async (target: string, path: string, uid = user): Promise<void> => {
  await symlink(target, path)
  await given(path, uid)
}

/** A watched directory, and beside it what only root may read. */
const createPlace = async (t: Test): Promise<{ watched: string; secret: string; outside: string }> => {
  const base = await mkdtemp(join(tmpdir(), 'sond-links-'))
  t.teardown(() => rm(base, { recursive: true, force: true }))
  const [watched, outside] = [join(base, 'm'), join(base, 'outside')]
  for (const folder of [watched, outside, join(outside, 'roots')]) await mkdir(folder)
  const secret = join(outside, 'roots', 'secret.yaml')
  await writeFile(secret, 'wrong password', { mode: 0o600 })
  return { watched, secret, outside }
}

const refusal =
  /symbolic link of user 1001 leads to nothing of this user’s.*put the file itself here, or have root make the link/

void t.test(
  'a link of a user to what is not theirs is refused, and what was good stays in force',
  options,
  async (t) => {
    const world = await createWorld(t, { files: { 'a.yaml': 'instance a 1' } })
    const { secret } = await createPlace(t)
    await linkOf(secret, world.path('.new'))
    await rename(world.path('.new'), world.path('a.yaml'))
    await linkOf(secret, world.path('b.yaml'))
    await world.eventually('both are refused', () => world.errorOf('b.yaml') !== undefined && world.errorOf('a.yaml'))
    t.match(world.errorOf('a.yaml'), refusal)
    t.match(world.errorOf('b.yaml'), refusal)
    t.notMatch(JSON.stringify(world.catalog().files), 'password')
    t.equal(world.instances(), 'a=1')
    await lchown(world.path('b.yaml'), 0, 0)
    await world.eventually('of root it is followed', () => world.errorOf('b.yaml')?.includes('unknown: wrong password'))
  },
)

void t.test('links of root, and of the owner of what they lead to, are followed, nested too', options, async (t) => {
  const { watched, outside } = await createPlace(t)
  const at = (name: string): string => join(watched, name)
  for (const [folder, uid] of [
    ['mine', user],
    ['theirs', other],
  ] as const) {
    await mkdir(join(outside, folder))
    await writeFile(join(outside, folder, 'x.yaml'), 'instance x 1')
    await writeFile(join(outside, folder, 'roots.yaml'), 'instance roots 1')
    for (const name of ['', 'x.yaml']) await chown(join(outside, folder, name), uid, uid)
  }
  await linkOf('../outside/mine/x.yaml', at('own.yaml'))
  await linkOf('own.yaml', at('twice.yaml'))
  await linkOf(join(outside, 'theirs', 'x.yaml'), at('of-root.yaml'), 0)
  await linkOf('of-root.yaml', at('through-root.yaml'))
  await linkOf('../outside/theirs', at('folder-of-another'))
  await linkOf('../outside/mine', at('folder'))
  // As Kubernetes mounts a volume whose files belong to a user.
  await mkdir(at('..1'))
  await writeFile(at('..1/k.yaml'), 'instance k 1')
  for (const name of ['..1', '..1/k.yaml']) await given(at(name))
  await linkOf('..1', at('..data'))
  await linkOf('..data/k.yaml', at('k.yaml'))
  const { files, unreadable } = await scanDirectory(watched)
  t.strictSame(
    [...files].map(([file, { obstacle }]) => `${file} ${obstacle === undefined ? 'is read' : 'is refused'}`).sort(),
    [
      'folder/roots.yaml is refused',
      'folder/x.yaml is read',
      'k.yaml is read',
      'of-root.yaml is read',
      'own.yaml is read',
      'through-root.yaml is refused',
      'twice.yaml is read',
    ],
  )
  t.match([...unreadable], [['folder-of-another', refusal]])
})

void t.test('a link of a user does not tell whether there is anything where it leads', options, async (t) => {
  const { watched, secret } = await createPlace(t)
  await linkOf(secret, join(watched, 'there.yaml'))
  await linkOf(`${secret}-not`, join(watched, 'nowhere.yaml'))
  await linkOf(`${secret}/more`, join(watched, 'below.yaml'))
  const { files } = await scanDirectory(watched)
  const reasons = [...files.values()].map(({ obstacle }) => obstacle)
  t.equal(reasons.length, 3)
  t.equal(new Set(reasons).size, 1)
  t.match(reasons[0], refusal)
})

void t.test('what became a link between the look and the reading is not read', options, async (t) => {
  const { watched, secret } = await createPlace(t)
  await writeFile(join(watched, 'a.yaml'), 'instance a 1')
  const print = fingerprint(await stat(join(watched, 'a.yaml'), { bigint: true }))
  await linkOf(secret, join(watched, '.new'))
  await rename(join(watched, '.new'), join(watched, 'a.yaml'))
  t.strictSame(await openSettled(watched, 'a.yaml', 'manifest', print), { result: 'changed' })
  const ofSecret = fingerprint(await stat(secret, { bigint: true }))
  t.strictSame(await openSettled(watched, 'a.yaml', 'manifest', ofSecret), { result: 'changed' })
})

void t.test('a name that is a file and a link by turns never shows what the link leads to', options, async (t) => {
  const { watched, secret } = await createPlace(t)
  const ofSecret = fingerprint(await stat(secret, { bigint: true }))
  await mkdir(join(watched, 'd'))
  const swap = `
    const { lchownSync, renameSync, symlinkSync, unlinkSync, writeFileSync } = require('node:fs')
    process.stdout.write('.')
    for (;;) {
      writeFileSync('.file', 'x'); renameSync('.file', 'a.yaml')
      symlinkSync(${JSON.stringify(secret)}, '.link'); lchownSync('.link', ${user}, ${user}); renameSync('.link', 'a.yaml')
      symlinkSync(${JSON.stringify(join(secret, '..'))}, '.to'); lchownSync('.to', ${user}, ${user})
      renameSync('d', '.d'); renameSync('.to', 'd'); unlinkSync('d'); renameSync('.d', 'd')
    }`
  const swapping = spawn(process.execPath, ['-e', swap], { cwd: watched, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    const ended = once(swapping, 'exit')
    swapping.kill('SIGKILL')
    await ended
  })
  await once(swapping.stdout, 'data')
  const seen = new Set<string>()
  for (let look = 0; look < 300; look += 1) {
    const { files } = await scanDirectory(watched)
    for (const [file, { fingerprint: print }] of files) seen.add(print === ofSecret ? `the secret as ${file}` : file)
  }
  t.strictSame([...seen], ['a.yaml'])
})

void t.test('a path that goes round and round ends soon', async (t) => {
  const base = t.testdir({ d: {} })
  await symlink(`${'d/../'.repeat(800)}d`, join(base, 'long'))
  await t.rejects(reach(base, 'long'), { code: 'ELOOP' })
  await symlink('two', join(base, 'one'))
  await symlink('one', join(base, 'two'))
  await t.rejects(reach(base, 'one'), { code: 'ELOOP' })
})
