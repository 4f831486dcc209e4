import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { ask, open } from '../support/http.ts'
import { messages } from '../support/sse.ts'
import { until } from '../support/until.ts'

t.test('a watch sends what was, SYNC, then what changes', async (t) => {
  const { where, daemon } = await startApi(t)
  daemon.tell({ message: 'before' })
  const stream = await open(where, `${apiRoot}/events?watch=1`)
  t.match(stream.headers['content-type'], /^text\/event-stream/)
  const seen = messages(stream)
  t.match((await seen.next()).value, { type: 'EVENT', data: { message: 'before' } })
  t.match((await seen.next()).value, { type: 'SYNC' })
  daemon.tell({ message: 'after' })
  t.match((await seen.next()).value, { type: 'EVENT', data: { message: 'after' } })
  daemon.automatic = false
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: instanceManifest('demo') })
  t.match((await seen.next()).value, { type: 'ADDED', data: { metadata: { name: 'demo' } } })
  daemon.settle('demo')
  t.match((await seen.next()).value, { type: 'MODIFIED', data: { status: { conditions: [{ type: 'Ready' }] } } })
  daemon.vanish('demo')
  t.match((await seen.next()).value, { type: 'DELETED' })
  stream.destroy()
  await until('the daemon lets go', () => daemon.listeners() === 0)
})

t.test('a watch of one object, or of one sort', async (t) => {
  const { where, daemon } = await startApi(t)
  const one = messages(await open(where, `${apiRoot}/events?watch=1&for=instance/b`))
  const objects = messages(await open(where, `${apiRoot}/events?watch=1&only=objects`))
  const events = messages(await open(where, `${apiRoot}/events?watch=1&only=events&for=si`))
  for (const each of [one, objects, events]) await each.next()
  daemon.automatic = false
  await ask(where, `${apiRoot}/manifests`, {
    method: 'POST',
    body: `${instanceManifest('a')}\n---\n${instanceManifest('b')}`,
  })
  daemon.tell({ object: 'ServiceInstance/a', message: 'of a' })
  daemon.tell({ object: 'DataCenter/b', message: 'of a data center' })
  daemon.tell({ object: 'ServiceInstance/b', message: 'of b' })
  t.match((await one.next()).value, { type: 'ADDED', data: { metadata: { name: 'b' } } })
  t.match((await one.next()).value, { type: 'EVENT', data: { message: 'of b' } })
  t.match((await objects.next()).value, { data: { metadata: { name: 'a' } } })
  t.match((await objects.next()).value, { data: { metadata: { name: 'b' } } })
  t.match((await events.next()).value, { data: { message: 'of a' } })
  t.match((await events.next()).value, { data: { message: 'of b' } })
})

t.test('streams are counted, and end with the server', async (t) => {
  const { where, close, daemon } = await startApi(t, { limits: { streams: 1 } })
  const stream = await open(where, `${apiRoot}/events?watch=1`)
  const refused = await ask(where, `${apiRoot}/events?watch=1`)
  t.equal(refused.status, 503)
  t.match(refused.json(), { error: { code: 'UNAVAILABLE', message: /1 streams/ } })
  const ended = (async () => {
    for await (const message of messages(stream)) t.equal(message.type, 'SYNC')
  })()
  await close()
  await ended.catch(() => undefined)
  await until('nobody listens', () => daemon.listeners() === 0)
})

t.test('a stream whose reader left makes room for the next', async (t) => {
  const { where, daemon } = await startApi(t, { limits: { streams: 1 } })
  const stream = await open(where, `${apiRoot}/events?watch=1`)
  stream.destroy()
  await until('the daemon lets go', () => daemon.listeners() === 0)
  const next = await open(where, `${apiRoot}/events?watch=1`)
  t.equal(next.statusCode, 200)
  next.destroy()
})

t.test('a reader that does not read is let go', async (t) => {
  const { where, daemon } = await startApi(t)
  const stream = await open(where, `${apiRoot}/events?watch=1`)
  await until('it listens', () => daemon.listeners() === 1)
  stream.pause()
  const message = 'x'.repeat(64 * 1024)
  await until('the daemon lets go', () => {
    daemon.tell({ message })
    return daemon.listeners() === 0
  })
})

t.test('a log that breaks says so on its last line', async (t) => {
  const { where, daemon, log } = await startApi(t)
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: instanceManifest('demo') })
  daemon.logs = async () =>
    (async function* () {
      yield { container: 'c', line: 'one' }
      throw new Error('engine secret')
    })()
  const { text, status } = await ask(where, `${apiRoot}/instances/demo/logs`)
  t.equal(status, 200)
  t.match(text, /^\{"container":"c","line":"one"\}\n\{"error":\{"code":"INTERNAL"/)
  t.notMatch(text, /secret/)
  t.match(log.lines.at(-1), { level: 'warn', message: 'log stream broke' })
})
