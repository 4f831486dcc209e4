import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import t from 'tap'
import { createBatcher, failed, succeeded } from '../../src/engine/batcher.ts'
import { allProcesses, childrenOf } from '../../src/engine/embedded/processes.ts'
import { createHintHub } from '../../src/engine/hints.ts'
import type { EngineHint } from '../../src/engine/ports.ts'
import { createLauncher } from '../../src/engine/launcher.ts'
import { followProgram, runProgram } from '../../src/engine/process.ts'
import { name } from '../support/build.ts'
import { makeProcessGroup } from '../support/process-group.ts'
import { until } from '../support/until.ts'

const isThere = (pid: number): Promise<boolean> =>
  access(`/proc/${pid}`).then(
    () => true,
    () => false,
  )

t.test('a program runs to its end', async (t) => {
  t.same(await runProgram('cat', [], { input: 'é', timeoutMs: 5000 }), { code: 0, stdout: 'é', stderr: '' })
  t.match(await runProgram('ls', ['/no-such-file'], { timeoutMs: 5000 }), { code: 2, stderr: /no-such-file/ })
  t.match(await runProgram('true', [], { input: 'x'.repeat(1_000_000), timeoutMs: 5000 }), { code: 0 })
  await t.rejects(runProgram('no-such-program', [], { timeoutMs: 5000 }), { code: 'UNAVAILABLE' })
})

t.test('a time-out ends it, and what it has started', async (t) => {
  const begin = performance.now()
  await t.rejects(runProgram('sh', ['-c', 'sleep 100 & sleep 100'], { timeoutMs: 100 }), { code: 'TIMEOUT' })
  t.ok(performance.now() - begin < 5000)
})

t.test('a launcher runs programs as they would run by themselves', async (t) => {
  const launcher = createLauncher(['setpriv'])
  t.teardown(() => launcher.close())
  const options = { timeoutMs: 5000 }
  const hostile = '$(touch /tmp/x) `id` * "\'\\ ; & | > é'
  t.same(await launcher.run('printf', ['%s|', hostile, 'b'], options), { code: 0, stdout: `${hostile}|b|`, stderr: '' })
  const input = 'a $b `c` *\\\n\n  é\n'
  t.same(await launcher.run('cat', [], { ...options, input }), { code: 0, stdout: input, stderr: '' })
  t.match(await launcher.run('cat', [], options), { code: 0, stdout: '' }, 'no input is an empty one')
  t.match(await launcher.run('ls', ['/no-such-file'], options), { code: 2, stderr: /no-such-file/ })
  t.match(await launcher.run('true', [], { ...options, input: 'line\n'.repeat(1000) }), { code: 0 })
  await t.rejects(launcher.run('no-such-program', [], options), { code: 'UNAVAILABLE' })
  const large = `${'x'.repeat(100_000)}\n`
  t.match(await launcher.run('cat', [], { ...options, input: large }), { stdout: large }, 'too long for a shell')
  t.match(await launcher.run('printf', ['%s', 'a\nb'], options), { stdout: 'a\nb' }, 'words of several lines')
  const many = await Promise.all(Array.from({ length: 20 }, (_, index) => launcher.run('expr', [`${index}`], options)))
  t.same(
    many.map(({ stdout }) => stdout),
    Array.from({ length: 20 }, (_, index) => `${index}\n`),
  )
})

t.test('a launcher ends what takes too long, and works on', async (t) => {
  const launcher = createLauncher([])
  t.teardown(() => launcher.close())
  const begin = performance.now()
  await t.rejects(launcher.run('sh', ['-c', 'sleep 100 & sleep 100'], { timeoutMs: 100 }), { code: 'TIMEOUT' })
  t.ok(performance.now() - begin < 5000)
  t.match(await launcher.run('echo', ['on'], { timeoutMs: 5000 }), { stdout: 'on\n' })
  const nowhere = createLauncher(['nsenter', '--net=/no-such-namespace'])
  await t.rejects(nowhere.run('true', [], { timeoutMs: 5000 }), { code: 'UNAVAILABLE' })
  nowhere.close()
})

t.test('a launcher that is closed ends what is under way and what waits, and starts nothing more', async (t) => {
  const launcher = createLauncher([])
  const marker = `1000.${process.pid}`
  const long = { timeoutMs: 60_000 }
  const left = async (): Promise<number> =>
    (await allProcesses()).filter(({ command }) => command.includes(marker)).length
  // The last has input that no shell can hold.
  const asked = [
    ...Array.from({ length: 5 }, () => launcher.run('sleep', [marker], long)),
    launcher.run('sleep', [marker], { ...long, input: 'no end of line' }),
  ]
  const ends = Promise.allSettled(asked)
  await until('them to run', async () => (await left()) >= 4)
  const begin = performance.now()
  launcher.close()
  for (const end of await ends) t.match(end, { status: 'rejected', reason: { code: 'CANCELLED' } })
  t.ok(performance.now() - begin < 2_000)
  await t.rejects(launcher.run('true', [], long), { code: 'CANCELLED' })
  await until('the end of all', async () => (await left()) === 0)
})

t.test('a followed program tells lines, and its end', async (t) => {
  const lines: string[] = []
  const ended = Promise.withResolvers<boolean>()
  followProgram('sh', ['-c', 'echo a; echo b >&2; echo c'], {
    onLine: (line) => lines.push(line),
    onError: (line) => lines.push(`! ${line}`),
    onEnd: () => ended.resolve(true),
  })
  t.ok(await ended.promise)
  t.same(lines.sort(), ['! b', 'a', 'c'])
  const stopped = followProgram('sleep', ['100'], {
    onLine: () => undefined,
    onError: () => undefined,
    onEnd: () => t.fail('it was told to end'),
  })
  await stopped.stop()
  t.notOk(await isThere(stopped.pid))
})

t.test('a followed program goes with the daemon, even when that is killed', async (t) => {
  const module = join(import.meta.dirname, '../../src/engine/process.ts')
  const script = `import { followProgram } from ${JSON.stringify(module)}
    const none = () => undefined
    const { pid } = followProgram('sh', ['-c', 'echo ready; exec sleep 100'], {
      onLine: () => console.log(pid), onError: none, onEnd: none })`
  const daemon = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: daemon.stdout }), 'line')) as [string] // one line, the pid
  const pid = Number(line)
  t.ok(await isThere(pid))
  daemon.kill('SIGKILL')
  await until('its end', async () => !(await isThere(pid)))
})

t.test(
  'no file handle left: it is told as that, the daemon goes on, and so do programs when there are some',
  async (t) => {
    const inModule = (file: string): string => JSON.stringify(join(import.meta.dirname, '../../src/engine', file))
    const script = `import { openSync, closeSync } from 'node:fs'
    import { readdir, readFile } from 'node:fs/promises'
    import { until } from ${JSON.stringify(join(import.meta.dirname, '../support/until.ts'))}
    import { followProgram, runProgram } from ${inModule('process.ts')}
    import { createLauncher } from ${inModule('launcher.ts')}
    const launcher = createLauncher(['setpriv'])
    const none = () => undefined
    const follow = () => new Promise((onEnd) => followProgram('true', [], { onLine: none, onError: none, onEnd }))
    const wordOf = (work) => work.then(() => 'done', (error) => error.code + ' ' + error.details.reason)
    const all = async () => [
      await wordOf(runProgram('true', [], { timeoutMs: 5000 })),
      await wordOf(launcher.run('true', [], { timeoutMs: 5000 })),
      await wordOf(follow()),
    ]
    const children = async () => {
      const tasks = await readdir('/proc/self/task')
      const lists = await Promise.all(tasks.map((task) => readFile('/proc/self/task/' + task + '/children', 'utf8')))
      return lists.join(' ').trim()
    }
    await all()
    await until("the end of the launcher's shell", async () => (await children()) === '')
    const held = []
    try { for (;;) held.push(openSync('/dev/null')) } catch {}
    const short = await all()
    for (const handle of held) closeSync(handle)
    console.log(JSON.stringify([short, await all()]))
    launcher.close()`
    const limited = spawn('prlimit', ['--nofile=64:64', process.execPath, '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: limited.stdout }), 'line')) as [string] // one line, printed above
    const [short, again] = JSON.parse(line) as [string[], string[]] // as printed above
    t.match(short, [/^NO_HANDLES .*ulimit -n/, /^NO_HANDLES .*ulimit -n/, 'done'])
    t.same(again, ['done', 'done', 'done'])
  },
)

t.test('no process left: a launcher whose shell cannot fork says so, and works on', async (t) => {
  const launcher = createLauncher([])
  t.teardown(() => launcher.close())
  const options = { timeoutMs: 5000 }
  const group = await makeProcessGroup(t)
  const before = await childrenOf(process.pid)
  await launcher.run('true', [], options)
  const shells = (await childrenOf(process.pid)).filter((pid) => !before.includes(pid))
  for (const pid of shells) await group.take(pid)
  await group.leaveRoom(0)
  await t.rejects(launcher.run('true', [], options), { code: 'NO_PROCESSES', details: { reason: /TasksMax/ } })
  await group.open()
  t.match(await launcher.run('echo', ['on'], options), { stdout: 'on\n' })
})

t.test('calls of one moment share a batch; those with one key do not', async (t) => {
  const batches: string[][] = []
  const call = createBatcher<string, string>(
    async (items) => {
      batches.push([...items])
      if (items.includes('throw')) throw new Error('all of them')
      return items.map((item) => (item === 'bad' ? failed(new Error(item)) : succeeded(item.toUpperCase())))
    },
    (item) => item.charAt(0),
  )
  const results = await Promise.allSettled(['a1', 'b', 'a2', 'bad', 'c'].map(call))
  t.same(batches, [
    ['a1', 'b', 'c'],
    ['a2', 'bad'],
  ])
  t.same(
    results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
    ['A1', 'B', 'A2', 'Error: bad', 'C'],
  )
  await t.rejects(call('throw'), /all of them/)
  t.equal(await call('d'), 'D', 'it works on')
})

t.test('hints of one place and moment are one; no place is lost', async (t) => {
  const listening: boolean[] = []
  const hub = createHintHub(5, (value) => listening.push(value))
  hub.emit({ cause: 'nobody listens' })
  const hints: EngineHint[] = []
  const subscription = hub.add((hint) => hints.push(hint))
  const instance = name.object('a')
  for (const hint of [{ instance }, { instance }, { fabric: true }, {}, { instance, fabric: true }])
    hub.emit({ ...hint, cause: 'c' })
  await until('hints', () => hints.length > 0)
  t.same(hints, [
    { instance, cause: 'c' },
    { fabric: true, cause: 'c' },
    { cause: 'c' },
    { instance, fabric: true, cause: 'c' },
  ])
  await subscription.close()
  await subscription.close()
  t.same(listening, [true, false])
  hub.close()
})
