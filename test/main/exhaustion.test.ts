// A running daemon whose host runs short of something: it lives on and says of what, nothing is lost, and all goes on when there is some again.
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { ApiObjects, Readiness } from '../../src/api/backend.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { ask } from '../support/http.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const main = join(import.meta.dirname, '../../src/main.ts')

/** In namespaces of its own, whose mounts and limits are nobody else's. */
const own = ['--user', '--map-root-user', '--mount']
const refusal = spawnSync('unshare', [
  ...own,
  'sh',
  '-c',
  'mount -t tmpfs -o nr_inodes=9 none /mnt && echo 9 > /proc/sys/user/max_inotify_watches',
])
const skip = refusal.status === 0 ? false : 'this machine gives no user namespace with mounts and limits of its own'

/** A daemon with a running service `older`; its state directory is a file system of few inodes. */
const startDaemon = async (t: Test) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-short-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const [manifests, state] = [join(directory, 'manifests'), join(directory, 'state')]
  await mkdir(manifests)
  await mkdir(state)
  const where = { socketPath: join(directory, 'api.sock') }
  const mounted = `mount -t tmpfs -o nr_inodes=400 none ${state} && exec "$@"`
  const child = spawn(
    'unshare',
    [
      ...[...own, 'sh', '-c', mounted, 'sh', process.execPath, main, 'run', '--engines', 'memory'],
      ...['--manifests', manifests, '--state-dir', state, '--run-dir', join(directory, 'run')],
      ...['--listen', `unix:${where.socketPath}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const over = once(child, 'close').then(() => child.exitCode)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await over
  })
  const pid = String(child.pid)
  const isReady = async (name: string): Promise<boolean> => {
    const answer = await ask(where, `${apiRoot}/instances/${name}`).catch(() => undefined)
    if (answer?.status !== 200) return false
    const { status } = answer.json() as ApiObjects['ServiceInstance'] // what the daemon gives there
    return status.conditions.some((one) => one.type === 'Ready' && one.status === 'True')
  }
  const daemon = {
    log: () => log,
    statePath: state,
    state: `/proc/${pid}/root${state}`,
    limitHandles: (count: number) => execute('prlimit', ['--pid', pid, `--nofile=${count}:4096`]),
    /** Runs a command in its namespaces. */
    inside: (command: string) =>
      execute('nsenter', ['-t', pid, '-U', '-m', '--preserve-credentials', 'sh', '-c', command]),
    onboard: async (name: string) =>
      writeFile(join(manifests, `${name}.son`), await buildPackage(chainSketch(name, 2, 'img:1'))),
    drop: (name: string) => writeFile(join(manifests, `${name}.yaml`), buildManifest(name, 'chain')),
    /** Ready, and for as long as it has been. */
    ready: (name: string) => until(`${name} to be ready`, () => isReady(name), { timeout: 30_000 }),
    /** What a check of /readyz complains of; empty when it does not. */
    complaint: async (check: string): Promise<string> => {
      const answer = await ask(where, '/readyz')
      const { checks } = answer.json() as Readiness // what the daemon gives there
      return checks.find(({ name }) => name === check)?.message ?? `no check is called ${check}`
    },
    end: () => {
      child.kill('SIGTERM')
      return over
    },
  }
  await daemon.onboard('chain')
  await daemon.drop('older')
  await daemon.ready('older')
  return daemon
}

void t.test('a daemon that runs short', { skip }, async (t) => {
  const daemon = await startDaemon(t)

  await t.test('of file handles', async () => {
    await daemon.limitHandles(8)
    await daemon.drop('handles')
    await until('it to say so', () => daemon.log().includes('EMFILE'), { timeout: 20_000 })
    await daemon.limitHandles(1024)
    await daemon.ready('handles')
    await daemon.ready('older')
  })

  await t.test('of inodes in its state directory', async (t) => {
    await daemon
      .inside(`cd ${daemon.statePath} && mkdir filler && cd filler && i=0; while : > $i; do i=$((i + 1)); done`)
      .catch(() => undefined)
    await daemon.drop('inodes')
    const said = await until('it to say so', async () => (await daemon.complaint('state directory')) || false)
    t.match(said, /cannot write to the state directory .*all 400 inodes of its file system are in use \(df -i\)/)
    await daemon.ready('inodes')
    await daemon.ready('older')
    const copies = () =>
      daemon
        .log()
        .split('\n')
        .filter((line) => /df -i.*cannot keep a copy of a package/.test(line)).length
    await daemon.onboard('another')
    await until('the copy to be tried', () => copies() > 0)
    await rm(join(daemon.state, 'filler'), { recursive: true })
    await until('it to be written', async () => (await daemon.complaint('state directory')) === '', { timeout: 40_000 })
    t.equal(copies(), 1, 'it was told once, however often it was tried')
    const kept = await readdir(join(daemon.state, 'objects'))
    for (const name of ['older', 'handles', 'inodes'])
      t.ok(kept.includes(`ServiceInstance%2F${name}.json`), kept.join(' '))
  })

  await t.test('of watches for changes of files', async () => {
    await daemon.inside('echo 0 > /proc/sys/user/max_inotify_watches')
    await mkdir(join(daemon.state, '..', 'manifests', 'more'))
    const said = /manifests\/more are looked for every few seconds, not heard of: fs.inotify.max_user_watches/
    await until('it to say so', async () => said.test(await daemon.complaint('file changes')), { timeout: 20_000 })
    await daemon.drop('watches')
    await daemon.ready('watches')
    await daemon.inside('echo 1000 > /proc/sys/user/max_inotify_watches')
    await until('it to hear of them', async () => (await daemon.complaint('file changes')) === '', { timeout: 30_000 })
  })

  t.equal(await daemon.end(), 0)
  t.notMatch(daemon.log(), /nobody (?:waited|caught)/)
})
