import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { inNamespace, pings, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const image = 'test/host:1'

interface Answer {
  readonly status: number
  readonly json: unknown
}

/** curl as it stands in people's scripts. `command`: what it begins with. */
const curl =
  (base: string, ...command: readonly string[]) =>
  async (path: string, ...args: readonly string[]): Promise<Answer> => {
    const { stdout } = await execute(command[0] ?? '', [
      ...command.slice(1),
      ...['--silent', '--show-error', '--max-time', '60', '--write-out', '\n%{http_code}'],
      ...args,
      `${base}${path}`,
    ])
    const end = stdout.lastIndexOf('\n')
    const text = stdout.slice(0, end)
    return { status: Number(stdout.slice(end + 1)), json: text === '' ? undefined : JSON.parse(text) }
  }

const field = (answer: Answer, name: string): string => {
  const { json } = answer
  if (typeof json !== 'object' || json === null || !(name in json))
    throw new Error(`no ${name}: ${JSON.stringify(json)}`)
  return String(Object.entries(json).find(([key]) => key === name)?.[1])
}

void t.test('the calls of the gatekeeper, as scripts make them', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines, {
    args: ['--listen', 'tcp:127.0.0.1:5000', '--insecure-no-auth'],
  })
  const file = join(engines.dir, 'chain.son')
  await writeFile(file, await buildPackage(chainSketch('chain', 2, image)))
  const listeners = {
    'the unix socket': curl('http://localhost', 'curl', '--unix-socket', sond.socket),
    TCP: curl('http://127.0.0.1:5000', 'nsenter', `--net=${engines.netns.path}`, 'curl'),
  }
  const running = async (): Promise<number> => (await docker.listContainers()).length
  const manifests = async (): Promise<readonly string[]> =>
    (await readdir(sond.manifests)).filter((name) => name.endsWith('.yaml')).sort()
  const digest = createHash('sha1')
    .update(await readFile(file))
    .digest('hex')
  const state = { service: '' }

  await t.test("keep: a package and a service's life, on the socket and on TCP", async (t) => {
    for (const [name, call] of Object.entries(listeners)) {
      await t.test(name, async (t) => {
        const form = await call('/packages', '-X', 'POST', '-F', `package=@${file}`)
        t.match(form, {
          status: 201,
          json: { service_uuid: /^[0-9a-f-]{36}$/, size: Number, sha1: /^[0-9a-f]{40}$/, error: null },
        })
        const service = field(form, 'service_uuid')
        state.service = service
        const raw = await call('/api/v2/packages', '-X', 'POST', '--data-binary', `@${file}`)
        t.same(raw, form, 'the raw body is the same package')
        t.same((await call('/packages')).json, { service_uuid_list: [service] })

        const started = await call('/instantiations', '-X', 'POST', '-d', '{}')
        t.equal(started.status, 201, JSON.stringify(started.json))
        const instance = field(started, 'service_instance_uuid')
        t.equal(await running(), 2, 'the answer comes when it is up')
        t.ok(await pings(engines, 'sond.chain-1.0.f1.0', '10.30.0.2'))
        t.same(await manifests(), ['serviceinstance-chain-1.yaml'], 'the files say so too')
        const named = await call('/api/v2/requests', '-X', 'POST', '-d', JSON.stringify({ service_uuid: service }))
        t.equal(named.status, 201)
        t.same((await call('/instantiations')).json, {
          service_instantiations_list: [[instance, field(named, 'service_instance_uuid')]],
        })

        const stopped = await call(
          '/instantiations',
          ...['-X', 'DELETE', '-d', JSON.stringify({ service_uuid: service, service_instance_uuid: instance })],
        )
        t.same(stopped, { status: 200, json: `service instance with uuid '${instance}' stopped.` })
        t.equal(await running(), 2, 'its containers are gone')
        t.same(await manifests(), ['serviceinstance-chain-2.yaml'])
        t.equal((await call('/api/v2/instantiations', '-X', 'DELETE')).status, 200, 'the newest, without a body')
        t.same(await manifests(), [])
        for (const method of ['POST', 'DELETE']) {
          const unknown = await call('/instantiations', '-X', method, '-d', '{"service_uuid": "x"}')
          t.same(unknown, { status: 404, json: 'Service not found' })
        }
      })
    }
  })

  const call = listeners.TCP
  await t.test('keep: a body of JSON is read without a content type, and with any', async (t) => {
    const headers = ['Content-Type:', 'Content-Type: text/plain', 'Content-Type: application/json']
    const body = JSON.stringify({ service_uuid: state.service })
    for (const header of headers) {
      const started = await call('/instantiations', '-H', header, '-d', body)
      t.equal(started.status, 201, `${header} ${JSON.stringify(started.json)}`)
      const which = JSON.stringify({
        service_uuid: 'latest',
        service_instance_uuid: field(started, 'service_instance_uuid'),
      })
      t.equal((await call('/instantiations', '-X', 'DELETE', '-H', header, '-d', which)).status, 200, header)
    }
    t.same(await manifests(), [])
  })

  await t.test('mend: sha1 and size are those of the file', async (t) => {
    const { json } = await call('/packages', '-F', `package=@${file}`)
    t.match(json, { sha1: digest, size: (await stat(file)).size })
  })

  await t.test('mend: a failed upload is not registered', async (t) => {
    const before = await readdir(sond.manifests)
    const broken = await call('/packages', '-X', 'POST', '--data-binary', '@/etc/hostname')
    t.match(broken, { status: 500, json: { service_uuid: null, sha1: null, error: /is no package|not a package/ } })
    t.same((await call('/packages')).json, { service_uuid_list: [state.service] })
    t.same(await readdir(sond.manifests), before)
  })

  await t.test('keep: a package of more than 512 MB is refused, before it is sent', async (t) => {
    const large = join(engines.dir, 'large.son')
    await writeFile(large, '')
    await truncate(large, 512 * 1024 * 1024 + 100_000) // of holes: it takes no room
    for (const [name, send] of Object.entries(listeners)) {
      const began = performance.now()
      t.match(
        await send('/packages', '-F', `package=@${large}`),
        { status: 500, json: { service_uuid: null, size: 0, sha1: null, error: /at most 536870912 bytes/ } },
        name,
      )
      t.ok(performance.now() - began < 3_000, 'at once')
    }
    t.same((await call('/packages')).json, { service_uuid_list: [state.service] })
  })

  await t.test('mend: the latest package is the one onboarded last, whatever it is called', async (t) => {
    const later = join(engines.dir, 'a-later.son')
    await writeFile(later, await buildPackage(chainSketch('a-later', 2, image)))
    const onboarded = await call('/packages', '-F', `package=@${later}`)
    for (const which of ['{}', '{"service_uuid": "latest"}']) {
      const started = await call('/instantiations', '-d', which)
      t.equal(started.status, 201)
      t.same((await call('/instantiations')).json, {
        service_instantiations_list: [[], [field(started, 'service_instance_uuid')]],
      })
      t.equal((await call('/instantiations', '-X', 'DELETE', '-d', '{}')).status, 200)
    }
    t.same((await call('/packages')).json, { service_uuid_list: [state.service, field(onboarded, 'service_uuid')] })
    t.match(await sond.sonctl('delete', 'package', 'test.sond.dev/a-later:0.1'), { code: 0 })
    await until('it to be forgotten', async () => {
      const { json } = await call('/packages')
      return JSON.stringify(json) === JSON.stringify({ service_uuid_list: [state.service] })
    })
  })

  await t.test('scripts without a token work on a guarded port by a line in .curlrc', async (t) => {
    const token = join(engines.dir, 'token')
    await writeFile(token, 'tell-nobody-what-this-is\n', { mode: 0o600 })
    const guarded = await startSond(t, engines, {
      name: 'guarded',
      args: ['--owner', 'guarded', '--listen', 'tcp:127.0.0.1:5001', '--token-file', token],
    })
    const home = join(engines.dir, 'home')
    await mkdir(home)
    await writeFile(join(home, '.curlrc'), 'header = "Authorization: Bearer tell-nobody-what-this-is"\n')
    const inside = ['nsenter', `--net=${engines.netns.path}`]
    const without = curl('http://127.0.0.1:5001', ...inside, 'curl')
    t.equal((await without('/packages')).status, 401)
    const script = curl('http://127.0.0.1:5001', ...inside, 'env', `CURL_HOME=${home}`, 'curl')
    t.equal((await script('/packages', '-F', `package=@${file}`)).status, 201)
    t.equal((await script('/instantiations', '-d', '{}')).status, 201)
    const ended = guarded.ended()
    t.equal((await script('/emulator/exit', '-X', 'PUT')).status, 200)
    t.equal(await ended, 0)
  })

  await t.test(
    'keep: files and calls are one: what the one does the other shows; uuids outlive a restart',
    async (t) => {
      await sond.drop('by-hand.yaml', buildManifest('by-hand', 'chain'))
      await sond.ready('by-hand')
      const before = await call('/instantiations')
      t.match(before.json, { service_instantiations_list: [[/^[0-9a-f-]{36}$/]] })
      await sond.stop()
      await sond.start()
      t.same((await call('/packages')).json, { service_uuid_list: [state.service] })
      t.same(await call('/instantiations'), before)
    },
  )

  await t.test('keep: the exit ends every service, then the daemon; manifests stay for its next start', async (t) => {
    await call('/instantiations', '-X', 'POST', '-d', '{}')
    t.equal(await running(), 4)
    const left = await manifests()
    const ended = sond.ended()
    t.same(await call('/emulator/exit', '-X', 'PUT'), { status: 200, json: null })
    t.equal(await ended, 0)
    t.equal((await docker.listContainers({ all: true })).length, 0)
    t.equal((await vsctl(engines, 'list-br')).trim(), '', 'no switch is left')
    t.same(await manifests(), left)
    await sond.start()
    await sond.ready('by-hand')
    await sond.ready('chain-1')
    t.equal(await running(), 4)
  })
})

void t.test('auto deploy and auto delete', async (t) => {
  const engines = await startTestEngines(t)
  await importBusyboxImage(engines.docker, image)
  const sond = await startSond(t, engines, { settings: { autoDeploy: true, autoDelete: true } })
  const call = curl('http://localhost', 'curl', '--unix-socket', sond.socket)
  const names = async (): Promise<readonly string[]> =>
    (await engines.docker.listContainers()).map(({ Names }) => Names.join().slice(1)).sort()

  await t.test('a package that is dropped as a file starts nothing: files say what runs', async (t) => {
    await sond.drop('dropped.son', await buildPackage(chainSketch('dropped', 2, image)))
    await sond.drop('kept.yaml', buildManifest('kept', 'dropped'))
    await sond.ready('kept')
    t.same(await names(), ['sond.kept.0.f1.0', 'sond.kept.0.f2.0'])
  })

  await t.test(
    'mend: one that is uploaded starts at once, all else has stopped before, and it is the one that is told',
    async (t) => {
      const file = join(engines.dir, 'uploaded.son')
      await writeFile(file, await buildPackage(chainSketch('uploaded', 2, image)))
      const seconds = (): string => (Date.now() / 1000).toFixed(3)
      const since = seconds()
      const answer = await call('/packages', '-F', `package=@${file}`)
      t.equal(answer.status, 201)
      await sond.ready('uploaded-1')
      t.same(await names(), ['sond.uploaded-1.0.f1.0', 'sond.uploaded-1.0.f2.0'])
      const told = await inNamespace(
        engines,
        ...['docker', '--host', engines.dockerUrl, 'events', '--since', since, '--until', seconds()],
        ...[
          '--filter',
          'event=destroy',
          '--filter',
          'event=create',
          '--format',
          '{{.Action}} {{.Actor.Attributes.name}}',
        ],
      )
      const order = told.split('\n').filter((line) => line !== '')
      t.same(order.slice(0, 2).sort(), ['destroy sond.kept.0.f1.0', 'destroy sond.kept.0.f2.0'], 'these first')
      t.same(order.slice(2).sort(), ['create sond.uploaded-1.0.f1.0', 'create sond.uploaded-1.0.f2.0'])
      const { json } = await call('/packages')
      t.match(json, { service_uuid_list: [String, field(answer, 'service_uuid')] }, 'the answer names the new one')
      await until('its manifest', async () =>
        (await readdir(sond.manifests)).includes('serviceinstance-uploaded-1.yaml'),
      )
    },
  )
})
