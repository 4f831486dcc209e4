import { lstat, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { createApi } from '../../src/api/api.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { createFakeDaemon } from '../support/api-backend.ts'
import { startApi, whereOf } from '../support/api-server.ts'
import { ask } from '../support/http.ts'
import { memoryLog } from '../support/log.ts'

const token = 'a-token-that-is-long-enough'

const directoryOf = async (t: Test): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-api-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

const makeApi = (listeners: readonly string[], directory: string) =>
  createApi({
    backend: createFakeDaemon(),
    listeners,
    version: '1',
    log: memoryLog(),
    metrics: new Registry(),
    uploadDirectory: directory,
  })

t.test('a socket is 0660, goes with the server, and is not taken from one that answers', async (t) => {
  const { directory, where, close } = await startApi(t)
  const path = join(directory, 's')
  t.equal((await stat(path)).mode & 0o777, 0o660)
  await t.rejects(makeApi([`unix:${path}`], directory).listen(), /another daemon answers/)
  t.equal((await ask(where, '/healthz')).text, 'ok\n', 'the first one goes on')
  await close()
  await t.rejects(lstat(path), { code: 'ENOENT' })
})

t.test('a stale socket is taken over, anything else is left alone', async (t) => {
  const directory = await directoryOf(t)
  const path = join(directory, 'stale')
  // A server that dies leaves its socket: the file outlives the handle when another name is bound to it.
  const dead = createServer()
  await new Promise<void>((resolve) => dead.listen(path, resolve))
  const { link } = await import('node:fs/promises')
  await link(path, `${path}-kept`)
  await new Promise((resolve) => dead.close(resolve))
  const api = makeApi([`unix:${path}-kept`], directory)
  await api.listen()
  t.equal((await ask({ socketPath: `${path}-kept` }, '/healthz')).status, 200)
  await api.close()

  await writeFile(join(directory, 'file'), 'precious')
  await t.rejects(makeApi([`unix:${join(directory, 'file')}`], directory).listen(), /is not a socket/)
  t.equal((await stat(join(directory, 'file'))).size, 8)
})

t.test('when one listener fails, none stays open', async (t) => {
  const directory = await directoryOf(t)
  const path = join(directory, 's')
  await writeFile(join(directory, 'file'), '')
  await t.rejects(makeApi([`unix:${path}`, `unix:${join(directory, 'file')}`], directory).listen(), /is not a socket/)
  await t.rejects(lstat(path), { code: 'ENOENT' })
})

t.test('over TCP the token is asked for, before the body is read', async (t) => {
  const { addresses, daemon, log } = await startApi(t, { listeners: ['tcp:127.0.0.1:0'], token })
  const where = whereOf(addresses[0])
  const path = `${apiRoot}/manifests`
  const refused = await ask(where, path, { method: 'POST', body: 'x'.repeat(2_000_000) })
  t.equal(refused.status, 401)
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="sond"')
  t.match(refused.json(), { error: { code: 'UNAUTHORIZED', next: /--token-file/ } })
  t.equal((await ask(where, '/healthz')).status, 200)
  t.equal((await ask(where, '/metrics')).status, 401)
  t.equal((await ask(where, '/version', { headers: { authorization: `Bearer ${token}` } })).status, 200)
  t.equal(
    (await ask(where, '/version', { headers: { authorization: `Bearer ${token}`, host: 'evil.example' } })).status,
    403,
  )
  t.equal(daemon.files.size, 0)
  t.match(log.lines, [{ message: 'change asked through the api', fields: { status: 401, path, peer: '127.0.0.1' } }])
  t.notMatch(JSON.stringify(log.lines), new RegExp(token), 'a token is never logged')
})

/** Sends bytes as they are; resolves with everything answered until the server closes. */
const raw = (where: { host: string; port: number }, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect(where.port, where.host)
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    socket.once('close', () => resolve(text))
    socket.once('error', reject)
    socket.write(bytes)
  })

t.test('slow, idle and broken clients are let go', async (t) => {
  const { addresses } = await startApi(t, {
    listeners: ['tcp:127.0.0.1:0'],
    insecureNoAuth: true,
    limits: { receiveMs: 200, bodyBytes: 1000 },
  })
  const [address] = addresses
  if (address?.kind !== 'tcp') throw new Error('no TCP listener')
  const head = `POST ${apiRoot}/manifests HTTP/1.1\r\nHost: localhost\r\n`
  t.match(await raw(address, 'GET / HTT'), /^(HTTP\/1.1 408|$)/, 'headers that never end')
  t.match(await raw(address, ''), /^(HTTP\/1.1 408|$)/, 'a connection that never asks')
  t.equal(await raw(address, `${head}Content-Length: 100\r\n\r\nkind`), '', 'a body that never ends')
  const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`
  t.match(
    await raw(address, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`),
    /^HTTP\/1.1 413 [^]*connection: close/i,
    'a body without an end',
  )
  t.match(await raw(address, 'no http at all\r\n\r\n'), /^HTTP\/1.1 400 [^]*"code":"BAD_REQUEST"/)
  t.match(
    await raw(address, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1.1 431 [^]*HEADERS_TOO_LARGE/,
  )
  t.match(
    await raw(address, `${head}Connection: close\r\nContent-Length: 1001\r\n\r\n${'x'.repeat(1001)}`),
    /^HTTP\/1.1 413 [^]*TOO_LARGE/,
  )
})
