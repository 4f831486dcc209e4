// What must not be told: passwords in manifests, the token, credentials of registries. Looked for wherever the daemon tells anything.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { apiRoot } from '../../src/api/paths.ts'
import { ask } from '../support/http.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
const password = 'hush-hush-password'

t.test('secrets are in no log, status, diff, event, metric, argument, or file that others can read', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-secrets-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const manifests = join(directory, 'manifests')
  const state = join(directory, 'state')
  await mkdir(manifests)
  await writeFile(
    join(directory, 'sond.yaml'),
    stringify({
      apiVersion: 'sond.dev/v1alpha1',
      kind: 'SondConfiguration',
      spec: {
        engines: { mode: 'memory' },
        manifests: { directory: manifests },
        listen: [`unix:${join(directory, 'api.sock')}`, 'tcp:127.0.0.1:0'],
        api: { tokenFile: join(directory, 'token') },
      },
    }),
  )
  let log = ''
  const args = [main, 'run', '--config', join(directory, 'sond.yaml'), '--log-level', 'debug']
  const daemon = spawn(process.execPath, [...args, '--state-dir', state, '--run-dir', join(directory, 'run')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  daemon.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
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
  const token = (await readFile(join(directory, 'token'), 'utf8')).trim()
  t.equal((await stat(join(directory, 'token'))).mode & 0o777, 0o600, 'the token is made, for its owner alone')
  const port = Number(/"?listen"?.*?"port":(\d+)/.exec(log)?.[1])
  const tcp = { host: '127.0.0.1', port }
  t.equal((await ask(tcp, '/version')).status, 401, 'the setting guards TCP')
  t.equal((await ask(tcp, '/version', { headers: { authorization: `Bearer ${token}` } })).status, 200)

  await writeFile(join(manifests, 'chain.son'), await buildPackage(chainSketch('chain', 2, 'any/image:1')))
  const withPassword = (value: string): string =>
    buildManifest('demo', 'chain', {
      functions: [{ vnfId: 'f0', env: { PASSWORD: value, SON_EMU_CMD: `login ${value}` } }],
    })
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: withPassword(password) })
  const status = async (): Promise<string> => {
    const { json } = await ask(where, `${apiRoot}/instances/demo`)
    return JSON.stringify((json() as { status?: unknown }).status ?? {}) // docs/api.md
  }
  await until('the service to run', async () => (await status()).includes('"type":"Ready","status":"True"'))
  const body = JSON.stringify({ vnf: 'f0', command: ['login', password] })
  await ask(where, `${apiRoot}/instances/demo/exec`, { method: 'POST', body })
  await ask(where, `${apiRoot}/manifests`, { method: 'POST', body: `${withPassword(password)}broken: ${password}\n` })

  const secret = new RegExp(`${password}|${token}`)
  const dry = await ask(where, `${apiRoot}/manifests?dryRun=1`, { method: 'POST', body: withPassword(`${password}-2`) })
  const told = {
    status: await status(),
    diff: dry.text,
    events: (await ask(where, `${apiRoot}/events`)).text,
    metrics: (await ask(where, '/metrics')).text,
    files: (await ask(where, `${apiRoot}/files`)).text,
    arguments: await readFile(`/proc/${String(daemon.pid)}/cmdline`, 'utf8'),
    log,
  }
  for (const [what, text] of Object.entries(told)) {
    t.ok(text.length > 20, `${what} is told`)
    t.notMatch(text, secret, what)
  }
  const open: string[] = []
  const kept = await Promise.all(
    [state, manifests].map((one) => readdir(one, { recursive: true, withFileTypes: true })),
  )
  for (const entry of kept.flat()) {
    const path = join(entry.parentPath, entry.name)
    if (
      !entry.isFile() ||
      !secret.test(
        (await readFile(path)).toString('latin1') +
          Buffer.from((await readFile(path)).toString('latin1'), 'base64').toString('latin1'),
      )
    )
      continue
    const modes = await Promise.all([path, entry.parentPath].map(async (one) => (await stat(one)).mode & 0o007))
    if (modes.every((mode) => mode !== 0)) open.push(path)
  }
  t.strictSame(open, [], 'what is kept of manifests, others cannot read')
})
