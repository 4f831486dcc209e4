// The daemon on engines in memory: the gatekeeper's "standalone", for trying packages and calls where nothing may run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { ask } from '../support/http.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

t.test('engines.mode memory: packages and calls without root, Docker or Open vSwitch', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-standalone-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const manifests = join(directory, 'manifests')
  await mkdir(manifests)
  const config = join(directory, 'sond.yaml')
  await writeFile(
    config,
    stringify({
      apiVersion: 'sond.dev/v1alpha1',
      kind: 'SondConfiguration',
      spec: {
        engines: { mode: 'memory' },
        manifests: { directory: manifests },
        listen: [`unix:${join(directory, 'api.sock')}`],
        resync: '200ms',
      },
    }),
  )
  const daemon = spawn(
    process.execPath,
    [main, 'run', '--config', config, '--state-dir', join(directory, 'state'), '--run-dir', join(directory, 'run')],
    // No program of an engine can be found.
    { stdio: 'ignore', env: { PATH: '/nowhere' } },
  )
  t.teardown(async () => {
    if (daemon.exitCode !== null) return
    daemon.kill('SIGKILL')
    await once(daemon, 'exit')
  })
  const where = { socketPath: join(directory, 'api.sock') }
  await until('it to be ready', () =>
    ask(where, '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  )

  const bytes = Buffer.from(await buildPackage(chainSketch('chain', 3, 'anything/at-all:1')))
  const uploaded = await ask(where, '/packages', { method: 'POST', body: bytes })
  t.equal(uploaded.status, 201, uploaded.text)
  const started = await ask(where, '/instantiations', { method: 'POST', body: '{}' })
  t.equal(started.status, 201, started.text)
  await writeFile(join(manifests, 'demo.yaml'), buildManifest('demo', 'chain', { replicas: 2 }))
  await until('the other one', async () => {
    const { json } = await ask(where, '/instantiations')
    const { service_instantiations_list: list } = json() as { service_instantiations_list: string[][] } // the facade's answer
    return list[0]?.length === 2
  })

  const turns = async (): Promise<number> => {
    const { text } = await ask(where, '/metrics')
    return Number(/^sond_reconcile_duration_seconds_count\{kind="resync",result="done"\} (\d+)$/m.exec(text)?.[1] ?? 0)
  }
  const before = await turns()
  await until('it to look at everything again, as often as resync says', async () => (await turns()) >= before + 3)

  t.equal((await ask(where, '/emulator/exit', { method: 'PUT' })).status, 200)
  if (daemon.exitCode === null) await once(daemon, 'exit')
  t.equal(daemon.exitCode, 0)
})
