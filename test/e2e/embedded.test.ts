// `sond run --engines embedded`: a daemon that brings its engines along, and may leave them running.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import t from 'tap'
import type { ApiObjects } from '../../src/api/backend.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { startEmbeddedEngines } from '../../src/engine/embedded/embedded.ts'
import { namespaceOf } from '../../src/engine/embedded/namespace.ts'
import { engineDirectory, findLeaks, importBusyboxImage } from '../support/engines.ts'
import { ask } from '../support/http.ts'
import { memoryLog } from '../support/log.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const main = join(import.meta.dirname, '../../src/main.ts')
const image = 'test/host:1'

void t.test('a daemon with engines of its own', async (t) => {
  const dir = await engineDirectory(t)
  const [stateDir, runDir, manifests] = [join(dir, 'state'), join(dir, 'run'), join(dir, 'manifests')]
  await mkdir(manifests)
  const { name: netns } = namespaceOf(join(stateDir, 'engines'))
  const docker = new Docker({ socketPath: join(runDir, 'engines', 'docker.sock') })
  let daemon: ChildProcess | undefined
  let log = ''

  const start = async (...more: readonly string[]): Promise<void> => {
    const begun = spawn(
      process.execPath,
      [
        ...[main, 'run', '--engines', 'embedded', '--manifests', manifests, '--state-dir', stateDir],
        ...['--run-dir', runDir, '--log-format', 'pretty', ...more],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    begun.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
    daemon = begun
    await until(
      'it to be ready',
      () => {
        if (begun.exitCode !== null) throw new Error(`it ended with ${begun.exitCode}: ${log.slice(-2000)}`)
        return ask({ socketPath: join(runDir, 'sond.sock') }, '/readyz').then(
          ({ status }) => status === 200,
          () => false,
        )
      },
      { timeout: 60_000, every: 50 },
    )
  }
  const stop = async (): Promise<number | null> => {
    if (daemon === undefined) return null
    const ending = daemon
    daemon = undefined
    if (ending.exitCode !== null) return ending.exitCode
    const over = once(ending, 'exit')
    ending.kill('SIGTERM')
    await over
    return ending.exitCode
  }
  t.teardown(async () => {
    await stop()
    if (t.passing()) return
    t.comment(log.slice(-4000))
    // What a failed test has left running is ended by whoever takes it over.
    await (await startEmbeddedEngines({ stateDir, runDir, keep: false, log: memoryLog() })).stop()
  })
  const ready = (): Promise<unknown> =>
    until(
      'the service to be Ready',
      async () => {
        const { status, json } = await ask({ socketPath: join(runDir, 'sond.sock') }, `${apiRoot}/instances/demo`)
        // The contract of the API.
        const { conditions } = status === 200 ? (json() as ApiObjects['ServiceInstance']).status : { conditions: [] }
        return conditions.some((one) => one.type === 'Ready' && one.status === 'True')
      },
      { timeout: 30_000, every: 50 },
    )
  const pings = async (): Promise<boolean> => {
    const { State } = await docker.getContainer('sond.demo.0.f1.0').inspect()
    const command = ['-t', String(State.Pid), '-n', 'busybox', 'ping', '-c', '1', '-W', '1', '10.30.0.2']
    return execute('nsenter', command).then(
      () => true,
      () => false,
    )
  }
  const ids = async (): Promise<readonly string[]> => (await docker.listContainers()).map(({ Id }) => Id).sort()

  await start('--keep-engines')
  await importBusyboxImage(docker, image)
  for (const [file, content] of [
    ['chain.son', await buildPackage(chainSketch('chain', 2, image))],
    ['demo.yaml', buildManifest('demo', 'chain')],
  ] as const) {
    await writeFile(join(dir, 'file.tmp'), content)
    await rename(join(dir, 'file.tmp'), join(manifests, file))
  }
  await ready()
  const before = await ids()

  await t.test('its services work, apart from the host', async (t) => {
    t.ok(await pings())
    t.equal(before.length, 2)
    const { stdout } = await execute('ip', ['-br', 'link'])
    t.notMatch(stdout, /^sond-dc1/m)
    t.match((await execute('ip', ['-n', netns, '-br', 'link'])).stdout, /^sond-dc1/m)
  })

  await t.test('--keep-engines: services go on without it, and the next one takes them over', async (t) => {
    t.equal(await stop(), 0)
    t.ok(await pings())
    t.same(await ids(), before)
    await start()
    await ready()
    t.same(await ids(), before)
    t.ok(await pings())
  })

  await t.test('else engines end with it, and nothing is left', async (t) => {
    t.equal(await stop(), 0)
    t.same(await findLeaks(dir, netns), [])
  })
})
