import { createHash } from 'node:crypto'
import t from 'tap'
import { freeName } from '../../src/api/services.ts'
import { uuidOf } from '../../src/api/uuid.ts'
import { startApi } from '../support/api-server.ts'
import { ask, formOf, type Where } from '../support/http.ts'
import { until } from '../support/until.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const form = { 'content-type': 'application/x-www-form-urlencoded' }

const upload = async (where: Where, text = 'PK demo', prefix = ''): Promise<string> => {
  const { json } = await ask(where, `${prefix}/packages`, {
    method: 'POST',
    ...formOf('package', 'demo.son', Buffer.from(text)),
  })
  return String(Object.entries(json() as object)[0]?.[1]) // service_uuid comes first
}

t.test('the calls as scripts make them, at both addresses', async (t) => {
  for (const prefix of ['', '/api/v2']) {
    const { where, daemon } = await startApi(t)
    const bytes = Buffer.from('PK demo')
    const uploaded = await ask(where, `${prefix}/packages`, { method: 'POST', ...formOf('package', 'demo.son', bytes) })
    t.equal(uploaded.status, 201)
    const answer = uploaded.json() as { service_uuid: string } // checked on the next lines
    t.match(answer.service_uuid, uuid)
    t.same(answer, { ...answer, size: 7, sha1: createHash('sha1').update(bytes).digest('hex'), error: null })
    t.same((await ask(where, `${prefix}/packages`)).json(), { service_uuid_list: [answer.service_uuid] })

    const started = await ask(where, `${prefix}/instantiations`, {
      method: 'POST',
      headers: form,
      body: JSON.stringify({ service_uuid: answer.service_uuid }),
    })
    t.equal(started.status, 201, started.text)
    const { service_instance_uuid: instance } = started.json() as { service_instance_uuid: string } // matched below
    t.match(instance, uuid)
    t.same([...daemon.files.keys()], ['serviceinstance-demo-1.yaml'], 'a manifest is written')
    t.same((await ask(where, `${prefix}/instantiations`)).json(), { service_instantiations_list: [[instance]] })

    const stopped = await ask(where, `${prefix}/instantiations`, {
      method: 'DELETE',
      headers: form,
      body: JSON.stringify({ service_uuid: answer.service_uuid, service_instance_uuid: instance }),
    })
    t.equal(stopped.status, 200)
    t.equal(stopped.json(), `service instance with uuid '${instance}' stopped.`)
    t.equal(daemon.files.size, 0)
    t.same((await ask(where, `${prefix}/instantiations`)).json(), { service_instantiations_list: [[]] })

    t.equal((await ask(where, '/emulator/exit', { method: 'PUT' })).status, 200)
    t.ok(daemon.exited)
  }
})

t.test('a raw body, an empty object, no body and "latest" all mean the newest', async (t) => {
  const { where, daemon } = await startApi(t)
  const older = await ask(where, '/packages?name=old.son', { method: 'POST', body: 'PK old' })
  t.equal(older.status, 201)
  const newer = await ask(where, '/packages?name=new.son', { method: 'POST', headers: form, body: 'PK new' })
  t.equal(newer.status, 201, 'curl --data-binary labels a body as a form')
  for (const body of ['{}', '', '{"service_uuid":"latest"}', '{"service_uuid":null}']) {
    const started = await ask(where, '/api/v2/requests', {
      method: 'POST',
      headers: form,
      ...(body === '' ? {} : { body }),
    })
    t.equal(started.status, 201, started.text)
  }
  const names = ['new-1', 'new-2', 'new-3', 'new-4'].map((name) => `serviceinstance-${name}.yaml`)
  t.same([...daemon.files.keys()], names)
  const stopped = await ask(where, '/instantiations', { method: 'DELETE', headers: form, body: '{}' })
  t.equal(stopped.status, 200)
  t.same([...daemon.files.keys()], names.slice(0, 3), 'the newest goes')
})

t.test('what is not there is told as the predecessor told it', async (t) => {
  const { where } = await startApi(t)
  const none = { method: 'POST', body: '{}' }
  t.match(await ask(where, '/instantiations', none), { status: 404, text: '"Service not found"\n' })
  await upload(where)
  const wrong = JSON.stringify({ service_uuid: uuidOf('another') })
  for (const method of ['POST', 'DELETE']) {
    t.match(await ask(where, '/instantiations', { method, body: wrong }), {
      status: 404,
      text: '"Service not found"\n',
    })
  }
  t.match(await ask(where, '/instantiations', { method: 'DELETE', body: '{}' }), { status: 404 })
  t.match(await ask(where, '/instantiations', { method: 'POST', body: 'no json' }), { status: 400 })
  const failed = await ask(where, '/packages', { method: 'POST', body: 'no zip' })
  t.equal(failed.status, 500)
  t.match(failed.json(), { service_uuid: null, size: 0, sha1: null, error: /is no package/ })
  t.equal((await ask(where, '/packages')).text.includes('null'), false, 'a failed upload is not registered')
})

t.test('starting answers when the service is up', async (t) => {
  const { where, daemon } = await startApi(t)
  daemon.automatic = false
  await upload(where)
  let answered = false
  const starting = ask(where, '/instantiations', { method: 'POST', body: '{}' }).finally(() => (answered = true))
  await until('it is waited for', () => daemon.listeners() === 1)
  t.notOk(answered)
  daemon.settle('demo-1')
  t.equal((await starting).status, 201)
  t.equal(daemon.listeners(), 0)
})

t.test('a service that does not come up, or not in time, is told with the reason', async (t) => {
  const { where, daemon } = await startApi(t, { gatekeeper: { waitMs: 200 } })
  daemon.automatic = false
  await upload(where)
  const late = await ask(where, '/instantiations', { method: 'POST', body: '{}' })
  t.equal(late.status, 504)
  t.match(late.json(), { service_instance_uuid: uuid, error: /^demo-1 is not up yet: / })

  const stalling = ask(where, '/instantiations', { method: 'POST', body: '{}' })
  await until('it is waited for', () => daemon.listeners() === 1)
  daemon.settle('demo-2', { reason: 'ImageRefused', message: 'the image policy refuses fw:1', stalled: true })
  const stalled = await stalling
  t.equal(stalled.status, 500)
  t.match(stalled.json(), { error: /^demo-2 did not come up: .*the image policy refuses fw:1/ })

  const stopping = await ask(where, '/instantiations', { method: 'DELETE', body: '{}' })
  t.equal(stopping.status, 504)
  t.match(stopping.json(), { error: { code: 'TIMEOUT', next: 'sonctl wait instance/demo-2 --for=delete' } })
})

t.test('several at once get names of their own', async (t) => {
  const { where, daemon } = await startApi(t)
  await upload(where)
  const starts = await Promise.all(
    [1, 2, 3, 4, 5].map(() => ask(where, '/instantiations', { method: 'POST', body: '{}' })),
  )
  t.same(
    starts.map(({ status }) => status),
    [201, 201, 201, 201, 201],
  )
  t.equal(new Set(starts.map(({ text }) => text)).size, 5)
  t.equal(daemon.files.size, 5)
})

t.test('uuids come from what they name: the same after a restart', async (t) => {
  const first = await startApi(t)
  const second = await startApi(t)
  t.equal(await upload(first.where), await upload(second.where))
  t.not(await upload(first.where), await upload(first.where, 'PK other'))
})

t.test(
  'what an upload was to start waits for the end of everything else, and a package that is there is told',
  async (t) => {
    const { where, daemon } = await startApi(t, { gatekeeper: { autoDeploy: true, autoDelete: true, waitMs: 200 } })
    await upload(where)
    t.equal(daemon.files.size, 1)
    daemon.automatic = false
    const body = formOf('package', 'demo.son', Buffer.from('PK other'))
    const answer = await ask(where, '/packages', { method: 'POST', ...body })
    t.equal(answer.status, 500)
    t.match(answer.json(), { service_uuid: uuid, size: Number, sha1: String, error: /has not ended in time/ })
    t.equal(daemon.files.size, 0, 'nothing was started')
  },
)

t.test('auto deploy starts an upload, auto delete stops everything else before', async (t) => {
  const { where, daemon } = await startApi(t, { gatekeeper: { autoDeploy: true } })
  await upload(where)
  t.same([...daemon.files.keys()], ['serviceinstance-demo-1.yaml'])

  const both = await startApi(t, { gatekeeper: { autoDeploy: true, autoDelete: true } })
  const first = await upload(both.where)
  const second = await upload(both.where, 'PK other')
  t.not(first, second, 'the answer names the new package')
  t.same([...both.daemon.files.keys()], ['serviceinstance-demo-1.yaml'])
  t.match(await both.daemon.get('ServiceInstance', 'demo-1'), {
    spec: { package: `sha256:${createHash('sha256').update('PK other').digest('hex')}` },
  })
})

t.test('names for instances', async (t) => {
  t.equal(freeName('Sonata_Empty Service', new Set()), 'sonata-empty-service-1')
  t.equal(freeName('a', new Set(['a-1', 'a-2'])), 'a-3')
  t.equal(freeName('---', new Set()), 'service-1')
  t.equal(freeName('x'.repeat(100), new Set()).length, 63)
  t.match(freeName(`${'x'.repeat(60)}---y`, new Set()), /x-1$/)
})
