import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const execute = promisify(execFile)
const schema = '/usr/share/openvswitch/vswitch.ovsschema'

/** Engines that were lost with all that they knew: what runs is made again, with the addresses that it had. */
void t.test('an engine that comes back with nothing in it is filled again', async (t) => {
  const engines = await startTestEngines(t)
  const { docker, stateDir } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines)
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
  const before = (await sond.ready('demo')).status
  const addresses = ({ functions }: typeof before): readonly unknown[] => functions.map(({ interfaces }) => interfaces)
  const works = (): Promise<boolean> => pings(engines, 'sond.demo.0.f1.0', '10.30.0.2')
  t.ok(await works())
  const lose = async (program: string, what: () => Promise<void>): Promise<void> => {
    const pid = engines.pids()[program] ?? 0
    process.kill(pid, 'SIGKILL')
    await what()
    await until(`another ${program}`, () => ![0, pid].includes(engines.pids()[program] ?? 0), { timeout: 60_000 })
  }

  await t.test('the database of the switch', async (t) => {
    const ids = (): Promise<readonly string[]> =>
      docker.listContainers({ all: true }).then((all) => all.map(({ Id }) => Id).sort())
    const kept = await ids()
    const database = join(stateDir, 'engines', 'ovs', 'conf.db')
    await lose('ovsdb-server', async () => {
      await rm(database)
      await execute('ovsdb-tool', ['create', database, schema])
    })
    await execute('ovs-vsctl', [`--db=${engines.ovsdbUrl}`, '--timeout=20', '--no-wait', 'init'])
    await until('the chain to work', works, { timeout: 60_000, every: 200 })
    const { status } = await sond.ready('demo', 30_000)
    t.same(await ids(), kept, 'containers are as they were')
    t.same(addresses(status), addresses(before))
  })

  await t.test('the containers of Docker', async (t) => {
    await lose('dockerd', () => rm(join(stateDir, 'engines', 'docker', 'containers'), { recursive: true, force: true }))
    await until('the chain to work', () => works().catch(() => false), { timeout: 60_000, every: 200 })
    const { status } = await sond.ready('demo', 30_000)
    t.same(addresses(status), addresses(before))
  })
})
