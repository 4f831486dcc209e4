import { readdir, readFile, writeFile } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { acquireLock, LockedError } from '../../src/store/lock.ts'

t.test('the second daemon is refused, with the pid of the first', async (t) => {
  const directory = t.testdir({})
  const lock = await acquireLock(directory)
  const refused: unknown = await acquireLock(directory).catch((error: unknown) => error)
  t.ok(refused instanceof LockedError)
  t.match(refused, { pid: process.pid, message: new RegExp(`${directory}.*process ${process.pid};.*--state-dir`) })
  await lock.release()
  await (await acquireLock(directory)).release()
  t.strictSame(await readdir(directory), [])
})

t.test('a lock of a process that is gone, recycled, of another boot, or unreadable is taken over', async (t) => {
  const directory = t.testdir({})
  const lock = await acquireLock(directory)
  const [pid = '', start = '', boot = ''] = (await readFile(join(directory, 'lock'), 'utf8')).split('\n')
  await lock.release()
  const cases = {
    gone: ['4194305', start, boot, 'n'],
    recycled: [pid, `${start}0`, boot, 'n'],
    rebooted: [pid, start, 'another-boot', 'n'],
    unreadable: ['what'],
    empty: [],
  }
  for (const [name, lines] of Object.entries(cases)) {
    await writeFile(join(directory, 'lock'), lines.join('\n'))
    const taken = await acquireLock(directory)
    t.match(await readFile(join(directory, 'lock'), 'utf8'), new RegExp(`^${process.pid}\n`), name)
    await taken.release()
    t.strictSame(await readdir(directory), [], name)
  }
})

t.test('a zombie holds nothing, and without /proc there is no live holder', async (t) => {
  const directory = t.testdir({ proc: { '77': { stat: '77 (so) nd) Z 1 0' } }, state: { lock: '77\n\n\nn\n' } })
  const lock = await acquireLock(join(directory, 'state'), { proc: join(directory, 'proc'), pid: 78 })
  await lock.release()
})

t.test('releasing a lock that another has taken since leaves it', async (t) => {
  const directory = t.testdir({})
  const lock = await acquireLock(directory)
  await writeFile(join(directory, 'lock'), 'of another')
  await lock.release()
  t.equal(await readFile(join(directory, 'lock'), 'utf8'), 'of another')
})

t.test('of many that find a stale lock at once, one wins', async (t) => {
  for (let round = 0; round < 30; round += 1) {
    const directory = t.testdir({ lock: '4194305\n1\nold\nn\n' })
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => acquireLock(directory)))
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') t.ok(result.reason instanceof LockedError)
    t.strictSame(await readdir(directory), ['lock'])
  }
})

t.test('a process that was killed leaves a lock that does not hold', async (t) => {
  const directory = t.testdir({
    'holder.ts': `
      import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/lock.ts'))}
      await acquireLock(process.argv[2])
      process.send('held')
      process.on('message', () => {})
    `,
  })
  const state = join(directory, 'state')
  const child = fork(join(directory, 'holder.ts'), [state])
  await once(child, 'message')
  await t.rejects(acquireLock(state), new RegExp(`process ${String(child.pid)};`))
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await acquireLock(state)).release()
})
