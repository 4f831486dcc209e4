import t from 'tap'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { sonctlFor } from '../support/sonctl.ts'
import { until } from '../support/until.ts'

t.test('diff: 0 nothing, 1 something with a reason for each step, 2 error', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  t.match(await run(['diff']), { code: 0, out: /^$/ })
  daemon.automatic = false
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  for (const words of [['diff'], ['diff', 'demo'], ['diff', 'instance/demo']]) {
    t.match(await run(words), { code: 1, out: /start container sond.demo.0.fw.0: it is not there\n/ }, words.join(' '))
  }
  daemon.settle('demo')
  t.match(await run(['diff', 'demo']), { code: 0, out: /^$/ })
  t.match(await run(['diff', 'none']), { code: 2, err: /no instance named "none"/ })
  t.match(await run(['--server', 'unix:/nowhere', 'diff']), { code: 2, err: /cannot reach/ })

  t.match(await run(['diff', '-f', '-'], { input: instanceManifest('demo') }), { code: 0, out: /^$/ })
  t.match(await run(['diff', '-f', '-'], { input: instanceManifest('demo', { replicas: 2 }) }), {
    code: 1,
    out: /^instance\/demo would be configured\n1 step/,
  })
  t.match(await run(['diff', '-f', '-'], { input: 'kind: Cake' }), {
    code: 2,
    err: '<stdin>:1:1: kind must be ServiceInstance\n',
  })
})

t.test('logs of one function, of all, and as they come', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  daemon.lines.push(
    { container: 'sond.demo.0.fw.0', line: 'one' },
    { container: 'sond.demo.0.web.0', line: 'two' },
    { container: 'sond.demo.0.fw.0', line: 'three' },
  )
  t.match(await run(['logs', 'demo', 'fw']), { code: 0, out: 'one\nthree\n' })
  t.match(await run(['logs', 'demo', 'fw', '--tail', '1']), { code: 0, out: 'three\n' })
  t.match(await run(['logs', 'instance/demo']), {
    code: 0,
    out: '[sond.demo.0.fw.0] one\n[sond.demo.0.web.0] two\n[sond.demo.0.fw.0] three\n',
  })
  t.match(await run(['logs', 'demo', 'cake']), { code: 1, err: /demo has no function cake/ })
  t.match(await run(['logs', 'demo', '--tail', 'many']), { code: 1, err: /tail/ })

  const stop = new AbortController()
  const following = run(['logs', 'demo', 'fw', '-f'], {
    signal: stop.signal,
    onOut: (out) => {
      if (out === 'one\nthree\n') stop.abort()
    },
  })
  t.match(await following, { code: 0, out: 'one\nthree\n', err: /^$/ }, 'an interrupted follow is no failure')
})

t.test('exec hands the command over as it is and ends with its exit code', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  t.match(await run(['exec', 'demo', 'fw', '--', 'ip', '-o', 'address', '$HOME']), {
    code: 0,
    out: 'ip -o address $HOME\n',
  })
  t.match(await run(['exec', 'demo', 'fw', '--copy', '1', '--', 'sh', '-c', 'true']), { code: 0, out: 'sh -c true\n' })
  t.match(await run(['exec', 'demo', 'fw', 'sh', '-c', 'true']), { code: 2, err: /unknown option '-c'/ })
  t.same(daemon.executed[0], { instance: 'demo', command: ['ip', '-o', 'address', '$HOME'] })
  t.match(await run(['exec', 'demo', 'fw', '--', 'false']), { code: 1 })
})

t.test('events, listed and watched', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  t.match(await run(['events']), { code: 0, err: 'No events found.\n' })
  daemon.tell({ reason: 'Pulled', message: 'first' })
  daemon.tell({ object: 'ServiceInstance/other', type: 'Warning', reason: 'Failed', message: 'second' })
  t.match(await run(['events']), {
    code: 0,
    out: /^LAST SEEN.*\n.*Pulled.*first\n.*Warning +Failed +instance\/other +1 +second\n$/,
  })
  t.match(await run(['events', '--for', 'instance/other']), { out: /second/ })
  t.notMatch(await run(['events', '--for', 'instance/other']), { out: /first/ })
  t.match(await run(['events', '-o', 'json']), { out: /"message": "first"/ })

  const stop = new AbortController()
  const watching = run(['events', '-w', '--for', 'instance/demo'], {
    signal: stop.signal,
    onOut: (out) => {
      if (out.includes('third')) stop.abort()
    },
  })
  await until('somebody watches', () => daemon.listeners() === 1)
  daemon.tell({ object: 'ServiceInstance/other', message: 'not wanted' })
  daemon.tell({ message: 'third' })
  const { code, out, err } = await watching
  t.match({ code, err }, { code: 0, err: /^$/ })
  t.match(out, /^[^\n]*first\n[^\n]*third\n$/)
  await until('the daemon lets go of the watcher', () => daemon.listeners() === 0)
})

t.test('what cannot be reached is told with what to do', async (t) => {
  const { where, close, directory } = await startApi(t)
  const run = sonctlFor(where)
  await close()
  t.match(await run(['get']), {
    code: 1,
    out: /^$/,
    err: /^error: cannot reach the daemon at unix:.*: there is no such socket\nIs sond running\? See: systemctl status sond\./,
  })
  t.match(await run(['--server', 'http://127.0.0.1:1', 'get']), { code: 1, err: /nobody listens there/ })
  t.match(await run(['--token-file', `${directory}/none`, 'get']), { code: 1, err: /there is no such file/ })
})
