import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises'
import t from 'tap'
import { isLoopback, formatListenAddress, parseListenAddress } from '../../src/api/address.ts'
import { refusal, type GuardPolicy } from '../../src/api/guard.ts'
import { groupId, planListener } from '../../src/api/listeners.ts'
import { loadToken } from '../../src/api/token.ts'

const open: GuardPolicy = { token: undefined, hosts: undefined }
const tcp: GuardPolicy = { token: undefined, hosts: new Set(['sond.example']) }
const guarded: GuardPolicy = { ...tcp, token: 'a-long-enough-token' }
const bearer = { authorization: 'Bearer a-long-enough-token' }

t.test('who may ask', async (t) => {
  const cases: readonly [string, GuardPolicy, string, string, Record<string, string>, string | undefined][] = [
    ['a socket is opened by rights', open, 'POST', '/x', { host: 'anything' }, undefined],
    ['no Host at all', tcp, 'GET', '/x', {}, 'FORBIDDEN'],
    ['an address', tcp, 'GET', '/x', { host: '127.0.0.1:8080' }, undefined],
    ['an IPv6 address', tcp, 'GET', '/x', { host: '[::1]:8080' }, undefined],
    ['localhost', tcp, 'GET', '/x', { host: 'LocalHost' }, undefined],
    ['the name of the listener', tcp, 'GET', '/x', { host: 'sond.example:80' }, undefined],
    ['a foreign name: DNS rebinding', tcp, 'GET', '/x', { host: 'evil.example' }, 'FORBIDDEN'],
    ['rebinding is refused on probes too', guarded, 'GET', '/healthz', { host: 'evil.example' }, 'FORBIDDEN'],
    ['a host that is none', tcp, 'GET', '/x', { host: '127.0.0.1@evil.example' }, 'FORBIDDEN'],
    ['its own pages', tcp, 'POST', '/x', { host: '127.0.0.1:80', origin: 'http://127.0.0.1:80' }, undefined],
    [
      'another port is another origin',
      tcp,
      'POST',
      '/x',
      { host: '127.0.0.1:80', origin: 'http://127.0.0.1:81' },
      'FORBIDDEN',
    ],
    ['a foreign page', open, 'POST', '/x', { host: 'localhost', origin: 'https://evil.example' }, 'FORBIDDEN'],
    ['a page without an origin', open, 'POST', '/x', { host: 'localhost', origin: 'null' }, 'FORBIDDEN'],
    ['a foreign page that reads', tcp, 'GET', '/x', { host: '127.0.0.1', 'sec-fetch-site': 'cross-site' }, 'FORBIDDEN'],
    [
      'a link followed',
      tcp,
      'GET',
      '/x',
      { host: '127.0.0.1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      undefined,
    ],
    [
      'a foreign form',
      tcp,
      'POST',
      '/x',
      { host: '127.0.0.1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      'FORBIDDEN',
    ],
    ['no token', guarded, 'GET', '/x', { host: '127.0.0.1' }, 'UNAUTHORIZED'],
    ['the token', guarded, 'GET', '/x', { host: '127.0.0.1', ...bearer }, undefined],
    [
      'the scheme in any case',
      guarded,
      'GET',
      '/x',
      { host: '127.0.0.1', authorization: 'bearer a-long-enough-token' },
      undefined,
    ],
    [
      'a wrong token',
      guarded,
      'GET',
      '/x',
      { host: '127.0.0.1', authorization: 'Bearer a-long-enough-tokem' },
      'UNAUTHORIZED',
    ],
    [
      'the beginning of the token',
      guarded,
      'GET',
      '/x',
      { host: '127.0.0.1', authorization: 'Bearer a' },
      'UNAUTHORIZED',
    ],
    [
      'another scheme',
      guarded,
      'GET',
      '/x',
      { host: '127.0.0.1', authorization: 'Basic a-long-enough-token' },
      'UNAUTHORIZED',
    ],
    ['a page of a sister site', open, 'POST', '/x', { host: '127.0.0.1', 'sec-fetch-site': 'same-site' }, 'FORBIDDEN'],
    ['a probe needs no token', guarded, 'GET', '/readyz', { host: '127.0.0.1' }, undefined],
    ['metrics do', guarded, 'GET', '/metrics', { host: '127.0.0.1' }, 'UNAUTHORIZED'],
  ]
  for (const [name, policy, method, path, headers, expected] of cases) {
    t.equal(refusal({ method, path, headers }, policy)?.code, expected, name)
  }
})

t.test('addresses to listen on', async (t) => {
  t.same(parseListenAddress('unix:/run/s'), { kind: 'unix', path: '/run/s' })
  t.same(parseListenAddress('tcp:127.0.0.1:80'), { kind: 'tcp', host: '127.0.0.1', port: 80 })
  t.same(parseListenAddress('tcp:[::1]:80'), { kind: 'tcp', host: '::1', port: 80 })
  for (const text of ['unix:/run/s', 'tcp:localhost:80', 'tcp:[::1]:80']) {
    const address = parseListenAddress(text)
    t.equal(typeof address === 'string' ? address : formatListenAddress(address), text)
  }
  for (const text of [
    '',
    'unix:',
    'unix:run/s',
    `unix:/${'x'.repeat(107)}`,
    'tcp:',
    'tcp:80',
    'tcp:a:65536',
    'tcp:a:b',
    'tcp:::1:80',
    'tcp:[:]:80',
    'tcp:[1.2.3.4]:80',
    'http://x:1',
  ]) {
    t.type(parseListenAddress(text), 'string', text)
  }
  t.same(['127.0.0.1', '127.9.9.9', '::1', 'localhost', '10.0.0.1', '127.example', '0.0.0.0'].map(isLoopback), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})

t.test('TCP needs a token, or loopback and the explicit flag', async (t) => {
  const none = { token: undefined, insecureNoAuth: false }
  t.throws(() => planListener('tcp:127.0.0.1:1', none), /needs a bearer token/)
  t.throws(() => planListener('tcp:0.0.0.0:1', { ...none, insecureNoAuth: true }), /loopback only/)
  t.throws(() => planListener('tcp', none), /must be unix:\/PATH or tcp:HOST:PORT/)
  t.equal(planListener('tcp:127.0.0.1:1', { ...none, insecureNoAuth: true }).policy.token, undefined)
  t.equal(
    planListener('tcp:0.0.0.0:1', { token: 't', insecureNoAuth: true }).policy.token,
    't',
    'a token is never dropped',
  )
  t.equal(
    planListener('unix:/s', { token: 't', insecureNoAuth: false }).policy.token,
    undefined,
    'rights guard a socket',
  )
})

t.test('a token file is made once, 0600, and one that others can read is refused', async (t) => {
  const directory = t.testdir({ short: 'abc\n', open: 'a-token-that-is-long-enough\n' })
  const path = `${directory}/token`
  const token = await loadToken(path)
  t.match(token, /^[A-Za-z0-9_-]{43}$/)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal(await loadToken(path), token)
  await t.rejects(loadToken(`${directory}/open`), /may be read by others.*chmod 600/)
  await chmod(`${directory}/short`, 0o600)
  await t.rejects(loadToken(`${directory}/short`), /at least 16 characters/)
  await t.rejects(loadToken(`${directory}/none/token`), /ENOENT/)
  await writeFile(`${directory}/odd`, 'a-tok\u00e9n-that-is-long-enough\n', { mode: 0o600 })
  await t.rejects(loadToken(`${directory}/odd`), /ASCII/, 'no header holds it')
  execFileSync('mkfifo', ['-m', '600', `${directory}/pipe`])
  await mkdir(`${directory}/folder`, { mode: 0o700 })
  for (const name of ['pipe', 'folder']) await t.rejects(loadToken(`${directory}/${name}`), /is not a file/)
  if (process.geteuid?.() !== 0) return
  await chown(path, 4711, -1)
  await t.rejects(loadToken(path), /belongs to the user with the number 4711.*chown root/)
})

t.test('the number of a group', async (t) => {
  const table = 'root:x:0:\nsond:x:987:alice,bob\nbroken\nodd:x:abc:\n'
  t.same(
    ['sond', 'root', 'none', 'broken', 'odd'].map((name) => groupId(table, name)),
    [987, 0, undefined, undefined, undefined],
  )
})
