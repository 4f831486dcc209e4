import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { ask } from '../support/http.ts'

t.test('objects are listed, read, applied and deleted', async (t) => {
  const { where, daemon } = await startApi(t)

  t.match((await ask(where, apiRoot)).json(), { apiVersion: 'sond.dev/v1alpha1', version: '1.2.3' })
  t.match((await ask(where, `${apiRoot}/instances`)).json(), { kind: 'List', items: [] })

  const applied = await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: instanceManifest('demo') })
  t.equal(applied.status, 200, applied.text)
  t.match(applied.json(), {
    items: [{ kind: 'ServiceInstance', name: 'demo', file: 'serviceinstance-demo.yaml', action: 'created' }],
  })
  t.match((await ask(where, `${apiRoot}/instances/demo`)).json(), {
    kind: 'ServiceInstance',
    spec: { package: 'demo' },
  })

  const again = await ask(where, `${apiRoot}/instances/demo`, { method: 'PUT', body: instanceManifest('demo') })
  t.match(again.json(), { action: 'unchanged' })
  const created = await ask(where, `${apiRoot}/instances`, { method: 'POST', body: instanceManifest('other') })
  t.match(created.json(), { action: 'created', name: 'other' })

  const deleted = await ask(where, `${apiRoot}/instances/demo`, { method: 'DELETE' })
  t.match(deleted.json(), { kind: 'ServiceInstance', name: 'demo', file: 'serviceinstance-demo.yaml' })
  t.same([...daemon.files.keys()], ['serviceinstance-other.yaml'])
})

t.test('a dry run writes nothing and tells the plan without what engines are given', async (t) => {
  const { where, daemon } = await startApi(t)
  for (const [path, method] of [
    ['manifests', 'POST'],
    ['instances', 'POST'],
    ['instances/demo', 'PUT'],
  ] as const) {
    const answer = await ask(where, `${apiRoot}/${path}?dryRun=1`, { method, body: instanceManifest('demo') })
    t.equal(answer.status, 200, answer.text)
    t.match(
      answer.text,
      /"steps":\[\{"id":"start:sond.demo.0.fw.0","kind":"startContainer","cause":"it is not there"\}\]/,
    )
  }
  t.equal(daemon.files.size, 0)
})

t.test('every refusal has a code, a message and a next step', async (t) => {
  const { where } = await startApi(t)
  const cases = [
    ['GET', '/nowhere', '', 404, 'NOT_FOUND'],
    ['GET', `${apiRoot}/instances/none`, '', 404, 'NOT_FOUND'],
    ['GET', `${apiRoot}/instances/none/diff`, '', 404, 'NOT_FOUND'],
    ['GET', `${apiRoot}/%E0%A4%A`, '', 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/manifests`, '', 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/manifests`, 'kind: Cake', 422, 'INVALID'],
    ['POST', `${apiRoot}/manifests?dryRun=perhaps`, instanceManifest('a'), 400, 'BAD_REQUEST'],
    ['PUT', `${apiRoot}/instances/b`, instanceManifest('a'), 400, 'BAD_REQUEST'],
    ['PUT', `${apiRoot}/links/a`, instanceManifest('a'), 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/instances`, `${instanceManifest('a')}\n---\n${instanceManifest('b')}`, 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/prune`, '{}', 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/instances/none/exec`, '{"command":[]}', 400, 'BAD_REQUEST'],
    ['POST', `${apiRoot}/instances/none/exec`, '{', 400, 'BAD_REQUEST'],
    ['GET', `${apiRoot}/events?for=cake/x`, '', 400, 'BAD_REQUEST'],
  ] as const
  for (const [method, path, body, status, code] of cases) {
    const answer = await ask(where, path, { method, ...(body === '' ? {} : { body }) })
    t.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    t.match(answer.json(), { error: { code, message: /.+/, next: /.+/ } }, `${method} ${path}`)
  }
})

t.test('the reasons of a refused manifest come with it', async (t) => {
  const { where } = await startApi(t)
  const answer = await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: 'kind: Cake' })
  t.match(answer.json(), { error: { details: { diagnostics: [{ code: 'WRONG', line: 1, column: 1 }] } } })
})

t.test('a body that is no UTF-8 is refused', async (t) => {
  const { where } = await startApi(t)
  const answer = await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: Buffer.from([0xff, 0xfe, 0x00]) })
  t.equal(answer.status, 400)
  t.match(answer.text, /not UTF-8/)
})

t.test('an error of our own is told without its text, and logged with it', async (t) => {
  const { where, daemon, log } = await startApi(t)
  daemon.list = () => Promise.reject(new Error('a secret inside'))
  const answer = await ask(where, `${apiRoot}/instances`)
  t.equal(answer.status, 500)
  t.notMatch(answer.text, /secret/)
  t.match(answer.json(), { error: { code: 'INTERNAL', next: /log/ } })
  t.match(log.lines, [{ level: 'error', message: 'request failed', fields: { cause: { message: 'a secret inside' } } }])
})

t.test('diff, suspend, resume, exec and prune', async (t) => {
  const { where, daemon } = await startApi(t)
  daemon.automatic = false
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: instanceManifest('demo') })
  t.match((await ask(where, `${apiRoot}/instances/demo/diff`)).json(), {
    text: /start container/,
    steps: [{ kind: 'startContainer' }],
    notices: [],
  })
  daemon.settle('demo')
  t.match((await ask(where, `${apiRoot}/instances/demo/diff`)).json(), { text: '', steps: [] })

  t.match((await ask(where, `${apiRoot}/instances/demo/suspend`, { method: 'POST' })).json(), { action: 'configured' })
  t.match((await ask(where, `${apiRoot}/instances/demo`)).json(), { spec: { suspend: true } })
  t.match((await ask(where, `${apiRoot}/instances/demo/resume`, { method: 'POST' })).json(), { action: 'configured' })

  const body = JSON.stringify({ vnf: 'fw', command: ['ip', 'addr'] })
  t.match((await ask(where, `${apiRoot}/instances/demo/exec`, { method: 'POST', body })).json(), {
    container: 'sond.demo.0.fw.0',
    exitCode: 0,
    output: 'ip addr\n',
  })
  t.same(daemon.executed, [{ instance: 'demo', command: ['ip', 'addr'] }])

  daemon.held.push({ kind: 'Link', name: 'l', file: 'l.yaml' })
  t.match((await ask(where, `${apiRoot}/prune`)).json(), { items: [{ name: 'l' }] })
  t.match((await ask(where, `${apiRoot}/prune`, { method: 'POST', body: '{"confirm":true}' })).json(), {
    items: [{ name: 'l' }],
  })
  t.match((await ask(where, `${apiRoot}/prune`)).json(), { items: [] })
})
