import t from 'tap'
import { startApi } from '../support/api-server.ts'
import { ask } from '../support/http.ts'

t.test('probes, metrics and version', async (t) => {
  const { where, daemon } = await startApi(t)
  t.match(await ask(where, '/healthz'), { status: 200, text: 'ok\n' })
  const ready = await ask(where, '/readyz')
  t.equal(ready.status, 200)
  t.match(ready.json(), { ready: true, message: 'ready', checks: [{ name: 'files', ok: true }, { name: 'docker' }] })

  daemon.ready_ = false
  const away = await ask(where, '/readyz')
  t.equal(away.status, 503)
  t.match(away.json(), { ready: false, message: 'not ready: docker: the engine does not answer' })
  t.match(await ask(where, '/readyz', { headers: { accept: 'text/plain' } }), {
    status: 503,
    text: 'not ready: docker: the engine does not answer\n',
  })
  t.match((await ask(where, '/version')).json(), { version: '1.2.3' })

  const { text, headers } = await ask(where, '/metrics')
  t.match(headers['content-type'], /^text\/plain/)
  t.match(text, /sond_http_request_duration_seconds_count\{method="GET",route="\/readyz",status="503"\} 2/)
})
