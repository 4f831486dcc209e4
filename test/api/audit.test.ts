import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { ask, open } from '../support/http.ts'
import { until } from '../support/until.ts'

t.test('every change that is asked leaves a line, granted or not; reading leaves none', async (t) => {
  const { where, log, directory } = await startApi(t)
  const headers = { 'user-agent': 'a-test' }
  await ask(where, `${apiRoot}/manifests?dryRun=0`, {
    method: 'POST',
    headers,
    body: instanceManifest('demo', { env: { PASSWORD: 'hush' } }),
  })
  await ask(where, `${apiRoot}/instances`)
  await ask(where, `${apiRoot}/instances/demo/diff`)
  ;(await open(where, `${apiRoot}/events?watch=1`)).destroy()
  const exec = JSON.stringify({ vnf: 'fw', command: ['login', '--password', 'hush'] })
  await ask(where, `${apiRoot}/instances/demo/exec`, { method: 'POST', body: exec })
  await ask(where, `${apiRoot}/instances/none`, { method: 'DELETE' })
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', headers: { origin: 'https://evil.example' }, body: 'x' })

  const lines = await until('four lines', () => (log.lines.length >= 4 ? log.lines : undefined))
  t.equal(lines.length, 4)
  t.ok(
    lines.every(
      ({ level, message, fields }) =>
        level === 'info' && message === 'change asked through the api' && fields['audit'] === true,
    ),
  )
  const listener = `unix:${directory}/s`
  t.match(
    lines.map(({ fields }) => fields),
    [
      {
        method: 'POST',
        path: `${apiRoot}/manifests`,
        status: 200,
        listener,
        agent: 'a-test',
        objects: ['ServiceInstance/demo'],
      },
      { path: `${apiRoot}/instances/demo/exec`, status: 200, exec: { vnf: 'fw', program: 'login' } },
      { method: 'DELETE', status: 404, objects: ['ServiceInstance/none'], error: { code: 'NOT_FOUND' } },
      { status: 403, error: { code: 'FORBIDDEN' } },
    ],
  )
  t.notMatch(JSON.stringify(lines), /hush/, 'neither bodies nor arguments are logged')
})

t.test('no call of the API that changes something goes without a line', async (t) => {
  const page = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8')
  // Calls below "Objects" are below the root of the API; those of the gatekeeper are not.
  const [, objects = '', others = ''] = /\n## Objects\n([^]*)\n## The gatekeeper's calls\n([^]*)/.exec(page) ?? []
  const callsOf = (text: string, root: string): readonly (readonly [string, string])[] =>
    [...text.matchAll(/`(POST|PUT|DELETE) (\/[^`?]*)`/g)].map(([, method = '', path = '']) => [
      method,
      root + path.replaceAll(/:\w+/g, 'x'),
    ])
  const calls = [...callsOf(objects, apiRoot), ...callsOf(others, '')]
  t.ok(calls.length > 20)
  const { where, log } = await startApi(t, { gatekeeper: { waitMs: 10 } })
  for (const [method, path] of calls) {
    const before = log.lines.length
    await ask(where, path, { method, body: 'x' })
    const line = await until(`a line of ${method} ${path}`, () =>
      log.lines.slice(before).find(({ fields }) => fields['audit'] === true),
    )
    t.match(line.fields, { method, path }, `${method} ${path}`)
  }
})

t.test('who hangs up before the answer, or asks for what no path can be, is in the log all the same', async (t) => {
  const { where, log, daemon, directory } = await startApi(t)
  const line = (path: string) =>
    until(
      `a line of ${path}`,
      () => log.lines.find(({ fields }) => fields['audit'] === true && fields['path'] === path)?.fields,
    )
  const socketOf = (text: string): Socket =>
    connect(join(directory, 's'))
      .on('error', () => undefined)
      .resume()
      .end(text)

  const { promise: going, resolve: go } = Promise.withResolvers<undefined>()
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<undefined>()
  t.intercept(daemon, 'exit', {
    value: async () => {
      isAsked(undefined)
      await going
    },
  })
  const socket = connect(join(directory, 's')).on('error', () => undefined)
  socket.write('PUT /emulator/exit HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n')
  await asked
  socket.destroy()
  await once(socket, 'close')
  await ask(where, '/healthz') // by now the daemon has seen the other connection's end
  go(undefined)
  t.match(await line('/emulator/exit'), { audit: true, method: 'PUT', status: 200 })

  const body = `POST ${apiRoot}/packages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf`
  socketOf(body).once('finish', function (this: Socket) {
    this.destroy()
  })
  t.match(await line(`${apiRoot}/packages`), { audit: true, method: 'POST' })

  await ask(where, '/%zz', { method: 'DELETE' })
  t.match(await line('/%zz'), { audit: true, method: 'DELETE', status: 400, error: { code: 'BAD_REQUEST' } })
  await ask(where, '/%zy')
  t.notOk(
    log.lines.some(({ fields }) => fields['path'] === '/%zy'),
    'reading leaves none',
  )
})
