import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import t from 'tap'
import { startEmbeddedEngines } from '../../../src/engine/embedded/embedded.ts'
import type { EmbeddedEngines, EmbeddedOptions } from '../../../src/engine/embedded/embedded.ts'
import { isAlive } from '../../../src/engine/embedded/processes.ts'
import {
  engineDirectory,
  findLeaks,
  importBusyboxImage,
  shimsOf,
  startStrayTask,
  startTestEngines,
} from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'

const execute = promisify(execFile)

const clientOf = (engines: EmbeddedEngines): Docker =>
  new Docker({ socketPath: engines.dockerUrl.replace('unix://', '') })

const runContainer = async (docker: Docker): Promise<string> => {
  await importBusyboxImage(docker, 'local/bb:1')
  const container = await docker.createContainer({ Image: 'local/bb:1', HostConfig: { NetworkMode: 'none' } })
  await container.start()
  return container.id
}

const pidOf = async (docker: Docker, id: string): Promise<number> => (await docker.getContainer(id).inspect()).State.Pid

const vsctl = async (engines: EmbeddedEngines, ...words: string[]): Promise<string> => {
  const { stdout } = await execute('ovs-vsctl', [`--db=${engines.ovsdbUrl}`, '--timeout=15', ...words])
  return stdout.trim()
}

const inside = (engines: EmbeddedEngines, ...command: string[]): Promise<{ stdout: string }> =>
  execute('nsenter', [`--net=${engines.netns.path}`, ...command])

t.test('private engines run a container and a switch, apart from the host, and go without a trace', async (t) => {
  const dir = await engineDirectory(t)
  const options: EmbeddedOptions = {
    stateDir: join(dir, 'state'),
    runDir: join(dir, 'run'),
    keep: false,
    log: memoryLog(),
  }
  const engines = await startEmbeddedEngines(options)
  t.notOk(engines.adopted)
  t.ok(Object.values(engines.pids()).every((pid) => pid > 1))
  t.same(Object.keys(engines.pids()).sort(), ['containerd', 'dockerd', 'ovs-vswitchd', 'ovsdb-server'])
  const docker = clientOf(engines)
  const id = await runContainer(docker)
  t.ok((await pidOf(docker, id)) > 1)
  await vsctl(engines, 'add-br', 'test0', '--', 'set', 'bridge', 'test0', 'datapath_type=netdev')
  t.match((await inside(engines, 'ip', '-br', 'link')).stdout, /^test0/m)
  t.notMatch((await execute('ip', ['-br', 'link'])).stdout, /^test0/m)

  await engines.stop()
  t.same(await findLeaks(dir, engines.netns.name), [])

  // What is kept: the image, the container that was stopped, the switch's database.
  const again = await startEmbeddedEngines(options)
  t.notOk(again.adopted)
  t.equal((await clientOf(again).getContainer(id).inspect()).State.Running, false)
  t.equal(await vsctl(again, 'list-br'), 'test0')
  await again.stop()
  t.same(await findLeaks(dir, engines.netns.name), [])
})

t.test('an engine that is killed is started again; containers outlive it', async (t) => {
  const log = memoryLog()
  const engines = await startTestEngines(t, { log })
  const id = await runContainer(engines.docker)
  const pid = await pidOf(engines.docker, id)
  const before = engines.pids()
  for (const name of Object.keys(before)) process.kill(before[name] ?? 0, 'SIGKILL')
  await until(
    'new engines',
    () => Object.entries(engines.pids()).every(([name, now]) => now > 1 && now !== before[name]),
    {
      timeout: 30_000,
    },
  )
  t.equal(await pidOf(engines.docker, id), pid)
  await vsctl(engines, 'add-br', 'test1', '--', 'set', 'bridge', 'test1', 'datapath_type=netdev')
  t.equal(log.lines.filter(({ message }) => message === 'engine started again').length, 4)
})

t.test('an engine that comes back ends what it left half started, and nothing else', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
  const id = await runContainer(engines.docker)
  const pid = await pidOf(engines.docker, id)
  const halfMade = join(engines.stateDir, 'engines', 'docker', 'overlay2', 'stray-init', 'merged')
  await mkdir(halfMade, { recursive: true })
  await execute('mount', ['-t', 'tmpfs', 'tmpfs', halfMade])
  for (const [name, stray] of Object.entries({ containerd: 'a'.repeat(64), dockerd: 'b'.repeat(64) })) {
    await startStrayTask(engines, stray)
    t.equal((await shimsOf(stray)).length, 1)
    process.kill(engines.pids()[name] ?? 0, 'SIGKILL')
    await until('the stray to be ended', async () => (await shimsOf(stray)).length === 0, { timeout: 30_000 })
    const groups = async (): Promise<readonly string[]> =>
      (await readdir('/sys/fs/cgroup', { recursive: true })).filter((path) => path.endsWith(stray))
    await until('its control groups to go', async () => (await groups()).length === 0)
  }
  t.notMatch(await readFile('/proc/self/mountinfo', 'utf8'), halfMade)
  t.equal(await pidOf(engines.docker, id), pid)
})

t.test('engines are taken over from a daemon that was killed or told to keep them', async (t) => {
  const dir = await engineDirectory(t)
  const options: EmbeddedOptions = {
    stateDir: join(dir, 'state'),
    runDir: join(dir, 'run'),
    keep: true,
    log: memoryLog(),
  }
  const first = await startEmbeddedEngines(options)
  const id = await runContainer(clientOf(first))
  const pid = await pidOf(clientOf(first), id)
  const before = first.pids()
  await first.stop()

  const second = await startEmbeddedEngines({ ...options, keep: false })
  t.ok(second.adopted)
  t.same(second.pids(), before)
  t.equal(await pidOf(clientOf(second), id), pid)
  // One that was not started here is looked after all the same.
  process.kill(before['ovs-vswitchd'] ?? 0, 'SIGKILL')
  await until('another switch', () => {
    const now = second.pids()['ovs-vswitchd'] ?? 0
    return now > 1 && now !== before['ovs-vswitchd']
  })
  await second.stop()
  t.same(await findLeaks(dir, second.netns.name), [])
})

t.test('who is asked to end while engines are taken over ends them too, unless they are to be kept', async (t) => {
  for (const keep of [true, false]) {
    const dir = await engineDirectory(t)
    const options: EmbeddedOptions = {
      ...{ stateDir: join(dir, 'state'), runDir: join(dir, 'run'), keep: true, log: memoryLog() },
    }
    const first = await startEmbeddedEngines(options)
    await runContainer(clientOf(first))
    const before = Object.values(first.pids())
    await first.stop()
    await t.rejects(startEmbeddedEngines({ ...options, keep, signal: AbortSignal.abort() }))
    const alive = await Promise.all(before.map(isAlive))
    t.same(
      alive,
      before.map(() => keep),
    )
    if (keep) await (await startEmbeddedEngines({ ...options, keep: false })).stop()
    t.same(await findLeaks(dir, first.netns.name), [])
  }
})

t.test('two sets side by side do not meet', async (t) => {
  const [one, other] = await Promise.all([startTestEngines(t), startTestEngines(t)])
  t.not(one.netns.name, other.netns.name)
  await Promise.all(
    [one, other].map((engines) =>
      vsctl(engines, 'add-br', 'same', '--', 'set', 'bridge', 'same', 'datapath_type=netdev'),
    ),
  )
  const ids = await Promise.all([runContainer(one.docker), runContainer(other.docker)])
  t.same(
    (await one.docker.listContainers()).map(({ Id }) => Id),
    [ids[0]],
  )
  await one.stop()
  t.equal((await other.docker.getContainer(ids[1]).inspect()).State.Running, true)
  t.equal(await vsctl(other, 'list-br'), 'same')
})

t.test('engines whose namespace was deleted are started anew', async (t) => {
  const dir = await engineDirectory(t)
  const options: EmbeddedOptions = {
    stateDir: join(dir, 'state'),
    runDir: join(dir, 'run'),
    keep: true,
    log: memoryLog(),
  }
  const first = await startEmbeddedEngines(options)
  await first.stop()
  await execute('ip', ['netns', 'del', first.netns.name])
  const second = await startEmbeddedEngines({ ...options, keep: false })
  t.notOk(second.adopted)
  await vsctl(second, 'add-br', 'test2', '--', 'set', 'bridge', 'test2', 'datapath_type=netdev')
  t.match((await inside(second, 'ip', '-br', 'link')).stdout, /^test2/m)
  await second.stop()
  t.same(await findLeaks(dir, second.netns.name), [])
})

t.test('an engine that cannot start says why, and leaves nothing', async (t) => {
  const dir = await engineDirectory(t)
  const stateDir = join(dir, 'state')
  const options: EmbeddedOptions = { stateDir, runDir: join(dir, 'run'), keep: false, log: memoryLog() }
  const first = await startEmbeddedEngines({ ...options, parts: { docker: false, switches: true } })
  await first.stop()
  await writeFile(join(stateDir, 'engines', 'ovs', 'conf.db'), 'no database')
  await t.rejects(startEmbeddedEngines(options), /conf\.db/)
  t.same(await findLeaks(dir, first.netns.name), [])
})
