import t from 'tap'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { sonctlFor } from '../support/sonctl.ts'
import { until } from '../support/until.ts'

t.test('wait returns when the condition is met, by an event', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  daemon.automatic = false
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  const waiting = run(['wait', 'instance/demo', '--for=condition=Ready', '--timeout', '30s'])
  await until('the wait listens', () => daemon.listeners() === 1)
  daemon.settle('demo')
  t.match(await waiting, { code: 0, out: 'instance/demo condition met\n', err: /^$/ })
})

t.test('wait tells why it is not ready when time is up', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  daemon.automatic = false
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  daemon.settle('demo', { reason: 'ImageNotFound', message: 'image fw:9 is not to be had; next try in 20 s' })
  t.match(await run(['wait', 'instance', 'demo', '--timeout', '300ms']), {
    code: 1,
    out: /^$/,
    err: `error: instance/demo: timed out after 0s waiting for condition=Ready
  ContainersReady=False (ImageNotFound): image fw:9 is not to be had; next try in 20 s
See: sonctl describe instance/demo
`,
  })
  t.match(await run(['wait', 'instance/none', '--timeout', '300ms']), {
    code: 1,
    err: /timed out.*\n {2}there is no instance\/none\n$/,
  })
})

t.test('an old judgement is not taken for one of the last change', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  daemon.automatic = false
  await run(['apply', '-f', '-'], { input: instanceManifest('demo', { replicas: 2 }) })
  t.match(await run(['wait', 'instance/demo', '--timeout', '300ms']), { code: 1 })
  t.match(await run(['get', 'si']), { out: /demo +Unknown/ })
})

t.test('wait for deletion, for creation, and for several objects', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  daemon.automatic = false
  const creating = run(['wait', 'instance/a', 'instance/b', '--for=create', '--timeout', '30s'])
  await until('both are waited for', () => daemon.listeners() === 2)
  await run(['apply', '-f', '-'], { input: `${instanceManifest('a')}\n---\n${instanceManifest('b')}` })
  t.match(await creating, { code: 0, out: /instance\/a created\n/ })

  const deleting = run(['delete', 'instance/a', '--wait', '--timeout', '30s'])
  await until('the deletion is waited for', () => daemon.listeners() === 1)
  daemon.vanish('a')
  t.match(await deleting, { code: 0, out: /instance\/a deleted\n$/ })
  t.match(await run(['wait', 'instance/a', '--for=delete']), { code: 0, out: 'instance/a deleted\n' })
  t.match(await run(['wait', 'instance/b', '--for=delete', '--timeout', '0.2']), { code: 1 })
})

t.test('time is up also when the daemon hangs, and an interrupted wait says so', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  const stop = new AbortController()
  const waiting = run(['wait', 'instance/a', '--timeout', '30s'], { signal: stop.signal })
  await until('it waits', () => daemon.listeners() === 1)
  stop.abort()
  t.match(await waiting, { code: 130 })

  daemon.get = () => new Promise(() => undefined)
  t.match(await run(['wait', 'instance/a', '--timeout', '300ms']), {
    code: 1,
    err: /the daemon at unix:.* does not answer/,
  })
})

t.test('a daemon that restarts in between does not end a wait', async (t) => {
  const first = await startApi(t)
  const run = sonctlFor(first.where)
  const waiting = run(['wait', 'instance/demo', '--timeout', '30s'])
  await until('it waits', () => first.daemon.listeners() === 1)
  await first.close()
  const second = await startApi(t, { listeners: [`unix:${first.directory}/s`] })
  await second.daemon.apply(instanceManifest('demo'), { dryRun: false })
  t.match(await waiting, { code: 0, out: 'instance/demo condition met\n' })
})

t.test('usage errors end with 2', async (t) => {
  const { where } = await startApi(t)
  const run = sonctlFor(where)
  for (const words of [
    ['wait'],
    ['wait', 'instance/a', '--for=cake'],
    ['wait', 'instance/a', '--for=condition=Cake'],
    ['wait', 'instance/a', '--timeout', 'soon'],
    ['wait', 'cake/a'],
    ['wait', 'instance'],
    ['frobnicate'],
    ['get', '--no-such-option'],
    ['get', '-o', 'xml'],
    ['delete', 'instance/a', '-f', 'x'],
    ['delete', 'file/a.yaml'],
    ['describe'],
    ['exec', 'a', 'b'],
    ['apply'],
    ['diff', 'a', '-f', 'x'],
    ['--server', 'ftp://x', 'get'],
    ['--server', 'https://x', 'get'],
    [],
  ]) {
    const { code, out, err } = await run(words)
    t.equal(code, 2, words.join(' '))
    t.equal(out, '', words.join(' '))
    t.notMatch(err, /\n\s+at /, 'no stack trace')
  }
  t.match(await run(['--help']), { code: 0, out: /^Usage: sonctl/ })
  t.match(await run(['wait', '--help']), { code: 0, out: /--timeout/ })
})
