import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { startApi, whereOf } from '../support/api-server.ts'
import { ask, formOf } from '../support/http.ts'
import { until } from '../support/until.ts'

const token = 'a-token-that-is-long-enough'

/** Connections on which nothing is ever said. */
const hold = async (count: number, where: { host: string; port: number }): Promise<readonly Socket[]> =>
  Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(where.port, where.host).resume() // what is not read never ends
          socket.once('connect', () => resolve(socket)).on('error', () => resolve(socket))
        }),
    ),
  )

t.test('many idle connections are bounded, let go, and no matter to the socket', async (t) => {
  const { addresses } = await startApi(t, {
    listeners: ['tcp:127.0.0.1:0'],
    insecureNoAuth: true,
    limits: { connections: 20, receiveMs: 300 },
  })
  const second = await startApi(t)
  const [address] = addresses
  if (address?.kind !== 'tcp') throw new Error('no TCP listener')
  const idle = await hold(60, address)
  t.teardown(() => idle.forEach((socket) => socket.destroy()))
  t.equal((await ask(second.where, '/healthz')).status, 200, 'a listener of its own has connections of its own')
  await until(
    'those above the bound to be closed at once',
    () => idle.filter((socket) => socket.readyState === 'closed').length >= 40,
  )
  await until('the others to be let go', () => idle.every((socket) => socket.readyState === 'closed'), {
    timeout: 10_000,
  })
  t.equal((await ask(whereOf(address), '/healthz')).status, 200, 'and whoever has something to say is heard')
})

t.test('no path leads out of what is served', async (t) => {
  const { where, directory, daemon } = await startApi(t)
  await mkdir(join(directory, 'uploads'), { recursive: true })
  await writeFile(join(directory, 'secret'), 'precious')
  const ways = [
    '../secret',
    '..%2fsecret',
    '..%2f..%2f..%2f..%2fetc%2fpasswd',
    '%2fetc%2fpasswd',
    '....//secret',
    '..%5csecret',
    '%2e%2e%2fsecret',
    '..%c0%afsecret',
    '.%00',
  ]
  for (const way of ways) {
    for (const path of [
      `/${way}`,
      `/dashboard/${way}`,
      `${apiRoot}/files/${way}`,
      `${apiRoot}/packages/${way}`,
      `${apiRoot}/instances/${way}`,
      `${apiRoot}/instances/${way}/logs`,
    ]) {
      const { status, text } = await ask(where, path)
      t.ok(status === 404 || status === 400, `GET ${path}: ${String(status)}`)
      t.notMatch(text, /precious|root:x:0/, path)
    }
    for (const kind of ['packages', 'instances', 'datacenters', 'links']) {
      const { status } = await ask(where, `${apiRoot}/${kind}/${way}`, { method: 'DELETE' })
      t.ok(status === 404 || status === 400, `DELETE ${kind}/${way}: ${String(status)}`)
    }
  }
  for (const way of ['../../x.son', '/etc/x.son', '..\\x.son', 'a/../../x.son', '.x.son', '\u202ex.son']) {
    const named = await ask(where, `${apiRoot}/packages?name=${encodeURIComponent(way)}`, {
      method: 'POST',
      body: `PK${way}`,
    })
    const form = await ask(where, `${apiRoot}/packages`, {
      method: 'POST',
      ...formOf('package', way, Buffer.from(`PK ${way}`)),
    })
    for (const { status, json, text } of [named, form]) {
      t.equal(status, 201, text)
      t.match((json() as { spec: { file: string } }).spec.file, /^[A-Za-z0-9_][A-Za-z0-9._-]*\.son$/, way) // docs/api.md
    }
  }
  t.strictSame(await readdir(join(directory, 'uploads')), [], 'nothing of an upload is left')
  t.ok([...daemon.files.keys()].every((name) => !name.includes('/')))
})

t.test('a token opens in one form only, and refusals look alike', async (t) => {
  const { addresses, log } = await startApi(t, { listeners: ['tcp:127.0.0.1:0'], token })
  const where = whereOf(addresses[0])
  const tries = [
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer ${token.toUpperCase()}`,
    `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
    token,
    `Bearer ${token} ${token}`,
  ]
  const answers = new Set<string>()
  for (const authorization of tries) {
    const { status, text } = await ask(where, '/version', { headers: { authorization } })
    t.equal(status, 401, authorization)
    answers.add(text)
  }
  t.ok(answers.size <= 2, 'it is told whether there was a token, and no more')
  t.equal(
    (await ask(where, `/version?token=${token}`)).status,
    401,
    'not in an address, which would be logged somewhere',
  )
  t.equal(
    (await ask(where, '/version', { headers: { cookie: `token=${token}` } })).status,
    401,
    'not in a cookie, which a foreign page could send',
  )
  t.notMatch(JSON.stringify(log.lines), new RegExp(token), 'none of it is logged')
})
