import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseEndpoint } from '../../../src/engine/ovs/connection.ts'
import type { Change } from '../../../src/engine/ovs/replica.ts'
import { createSession } from '../../../src/engine/ovs/session.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: readonly unknown[]
}

/** A server that answers as the test says; `undefined` = not at all. */
const startServer = async (t: Test, answer: (message: Message, socket: Socket) => unknown) => {
  const dir = await mkdtemp(join(tmpdir(), 'sond-ovsdb-'))
  const path = join(dir, 'db.sock')
  const sockets = new Set<Socket>()
  const received: Message[] = []
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      // Requests of these tests are small and come whole, one after another.
      for (const text of chunk.toString().split(/(?<=\})(?=\{"(?:id|result)":)/)) {
        const message = JSON.parse(text) as Message // what the client under test has sent
        received.push(message)
        const result = answer(message, socket)
        if (result !== undefined) socket.write(JSON.stringify({ id: message.id, result, error: null }))
      }
    })
  })
  const listen = () => new Promise<void>((resolve) => server.listen(path, resolve))
  await listen()
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  t.teardown(async () => {
    if (server.listening) await close()
    await rm(dir, { recursive: true, force: true })
  })
  return { endpoint: `unix:${path}`, sockets, received, close, listen }
}

const makeSession = (t: Test, endpoint: string, more: { timeoutMs?: number; probeMs?: number } = {}) => {
  const changes: Change[] = []
  const connects: boolean[] = []
  const locks: boolean[] = []
  const session = createSession({
    endpoint,
    log: memoryLog(),
    timeoutMs: 2000,
    probeMs: 5000,
    ...more,
    retryMs: { first: 5, longest: 20 },
    onChanges: (some) => changes.push(...some),
    onConnected: (again) => connects.push(again),
    onLock: (locked) => locks.push(locked),
  })
  t.teardown(() => session.close())
  return { session, changes, connects, locks }
}

const row = (name: string) => ({
  name,
  ports: ['set', []],
  datapath_type: 'netdev',
  fail_mode: 'secure',
  external_ids: ['map', [['k', 'v']]],
  datapath_id: ['set', []],
})

t.test('the replica has the first rows and every update, also one right behind the answer', async (t) => {
  const server = await startServer(t, ({ method, id }, socket) => {
    if (method !== 'monitor') return {}
    const first = JSON.stringify({ id, result: { Bridge: { u1: { new: row('b1') } } }, error: null })
    const update = (bridges: object) =>
      JSON.stringify({ method: 'update', params: [null, { Bridge: bridges }], id: null })
    socket.write(first + update({ u2: { new: row('b2') } }) + update({ u1: { old: row('b1') } }))
    return undefined
  })
  const { session } = makeSession(t, server.endpoint)
  await session.ready()
  t.same(
    [...session.rows.bridges.values()].map((bridge) => bridge.name),
    ['b2'],
  )
  t.match(session.rows.bridges.get('u2'), { failMode: 'secure', externalIds: { k: 'v' }, ports: [] })
  t.equal(session.rows.bridges.get('u2')?.datapathId, undefined)
})

t.test('answers are matched by id; fragments are put together', async (t) => {
  const held: { id: unknown; params: unknown }[] = []
  const server = await startServer(t, ({ method, id, params }, socket) => {
    if (method !== 'transact') return {}
    held.push({ id, params })
    if (held.length < 2) return undefined
    const texts = held.reverse().map((one) => JSON.stringify({ id: one.id, result: one.params, error: null }))
    const bytes = Buffer.from(texts.join(''))
    socket.write(bytes.subarray(0, 11))
    setImmediate(() => socket.write(bytes.subarray(11)))
    return undefined
  })
  const { session } = makeSession(t, server.endpoint)
  t.same(await Promise.all([session.request('transact', ['a']), session.request('transact', ['b{"é'])]), [
    ['a'],
    ['b{"é'],
  ])
})

t.test('time-outs, errors and nobody there are engine errors', async (t) => {
  const server = await startServer(t, ({ method, id }, socket) => {
    if (method === 'transact') return undefined
    if (method !== 'get_schema') return {}
    socket.write(JSON.stringify({ id, result: null, error: 'unknown database' }))
    return undefined
  })
  const { session } = makeSession(t, server.endpoint, { timeoutMs: 100 })
  await t.rejects(session.request('transact', []), { code: 'TIMEOUT' })
  await t.rejects(session.request('get_schema', []), { code: 'REFUSED' })
  t.same(await session.request('echo', []), {}, 'the connection is still good')
  const nobody = makeSession(t, `${server.endpoint}.not`, { timeoutMs: 50 })
  await t.rejects(nobody.session.ready(), { code: 'UNAVAILABLE', message: /reason=connect ENOENT/ })
  await session.close()
  await t.rejects(session.request('echo', []), { code: 'CANCELLED' })
})

t.test('a server that tells no tables is no empty switch', async (t) => {
  const server = await startServer(t, () => null)
  const { session } = makeSession(t, server.endpoint, { timeoutMs: 100 })
  await t.rejects(session.ready(), { code: 'UNAVAILABLE', message: /tells no tables/ })
  t.equal(session.connected, false)
})

t.test('echo requests are answered; a silent server is left', async (t) => {
  let silent = false
  const server = await startServer(t, ({ method, id }, socket) => {
    if (method === 'monitor') setImmediate(() => socket.write('{"id":"probe","method":"echo","params":["x"]}'))
    return silent || id === 'probe' ? undefined : {}
  })
  const { session, connects } = makeSession(t, server.endpoint, { probeMs: 40 })
  await session.ready()
  const answer = await until('an answer to the echo', () => server.received.find((message) => message.id === 'probe'))
  t.match(answer, { id: 'probe', result: ['x'], error: null })
  silent = true
  await until('the end of the connection', () => !session.connected)
  silent = false
  await until('the next connection', () => session.connected)
  t.same(connects, [false, true])
})

t.test('connects again, with a new replica and the lock', async (t) => {
  let name = 'b1'
  const server = await startServer(t, ({ method }) => {
    if (method === 'monitor') return { Bridge: { u1: { new: row(name) } } }
    return method === 'lock' ? { locked: true } : {}
  })
  const { session, connects, locks } = makeSession(t, server.endpoint)
  t.equal(await session.lock('mine'), true)
  await server.close()
  await until('the loss', () => !session.connected && !session.locked)
  name = 'b2'
  await server.listen()
  await until('the lock', () => session.locked)
  await session.ready()
  t.same(
    [...session.rows.bridges.values()].map((bridge) => bridge.name),
    ['b2'],
  )
  t.same(connects, [false, true])
  t.same(locks, [false, true])
})

t.test('a lock that another has is not waited for; one that is stolen is told', async (t) => {
  let locked = false
  const server = await startServer(t, ({ method }) => (method === 'lock' ? { locked } : {}))
  const { session, locks } = makeSession(t, server.endpoint)
  t.equal(await session.lock('mine'), false)
  t.ok(server.received.some(({ method }) => method === 'unlock'))
  locked = true
  t.equal(await session.lock('mine'), true)
  const [socket] = server.sockets
  socket?.write('{"method":"stolen","params":["mine"],"id":null}')
  await until('the theft', () => !session.locked)
  socket?.write('{"method":"locked","params":["mine"],"id":null}')
  await until('the return', () => session.locked)
  t.same(locks, [false, true])
})

t.test('what is no JSON-RPC ends the connection', async (t) => {
  let broken = true
  const server = await startServer(t, (_message, socket) => {
    if (!broken) return {}
    broken = false
    socket.write('HTTP/1.1 400 Bad Request')
    return undefined
  })
  const { session } = makeSession(t, server.endpoint)
  await session.ready()
  t.pass('it has connected again')
})

t.test('endpoints', async (t) => {
  t.same(parseEndpoint('unix:/run/x.sock'), { path: '/run/x.sock' })
  t.same(parseEndpoint('tcp:127.0.0.1:6640'), { host: '127.0.0.1', port: 6640 })
  t.same(parseEndpoint('tcp:[::1]:6640'), { host: '::1', port: 6640 })
  t.throws(() => parseEndpoint('ssl:host'), { code: 'UNAVAILABLE' })
})
