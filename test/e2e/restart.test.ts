import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { inContainerNetwork, management, ofctl, pings, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

void t.test('a restart of sond changes nothing that is right', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines)
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas: 2 }))
  await sond.ready('demo')

  /** Everything a restart could disturb, as text. */
  const world = async (): Promise<string> => {
    const containers = await docker.listContainers({ all: true })
    const ids = containers.map(({ Id, Names, State }) => `${Id} ${Names.join()} ${State}`).sort()
    const ports = await vsctl(engines, '--bare', '--columns=_uuid,name,external_ids', 'list', 'port')
    const flows = await ofctl(engines, '--no-stats', 'dump-flows', management(engines, 'sond-dc1'))
    return [...ids, ports, flows.split('\n').sort().join('\n')].join('\n')
  }
  const works = async (): Promise<boolean> =>
    (await pings(engines, 'sond.demo.0.f1.0', '10.30.0.2')) && (await pings(engines, 'sond.demo.1.f1.0', '10.30.2.2'))
  t.ok(await works())
  const before = await world()

  await t.test('stopped: services go on without it; started: nothing is touched', async (t) => {
    const pinging = inContainerNetwork(
      engines,
      'sond.demo.0.f1.0',
      'busybox',
      'ping',
      '-c',
      '40',
      '-i',
      '0.1',
      '10.30.0.2',
    )
    t.equal(await sond.stop(), 0)
    t.equal(await world(), before)
    await sond.start()
    await sond.ready('demo')
    t.equal(await world(), before)
    t.match(await pinging, /40 packets transmitted, 40 packets received/)
  })

  await t.test('killed, and what broke meanwhile is mended', async (t) => {
    await sond.kill()
    await docker.getContainer('sond.demo.0.f2.0').kill()
    await ofctl(engines, 'del-flows', management(engines, 'sond-dc1'))
    await sond.start()
    await sond.ready('demo')
    t.ok(await works())
    t.ok((await docker.getContainer('sond.demo.0.f2.0').inspect()).State.Running)
  })

  await t.test('without its state directory it finds everything again', async (t) => {
    const now = await world()
    await sond.stop()
    await rm(join(engines.dir, 'sond', 'state'), { recursive: true })
    await sond.start()
    await sond.ready('demo')
    t.equal(await world(), now)
  })

  await t.test('mend: killed in the middle of a change, it finishes it', async (t) => {
    for (let round = 0; round < 3; round += 1) {
      const wanted = round % 2 === 0 ? 4 : 2
      const { metadata } = await sond.get('demo')
      await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas: wanted }))
      await until(
        'the change to begin',
        async () =>
          (await docker.listContainers({ all: true })).length !== (6 - wanted) * 3 ||
          (await sond.get('demo')).metadata.generation > metadata.generation,
      )
      await sond.kill()
      await sond.start()
      await sond.ready('demo')
      t.equal((await docker.listContainers({ all: true })).length, wanted * 3)
      t.ok(await works())
    }
  })

  await t.test('a manifest deleted while it was down terminates its service', async (t) => {
    await sond.drop('other.yaml', buildManifest('other', 'chain'))
    await sond.ready('other')
    await sond.stop()
    await rm(join(sond.manifests, 'other.yaml'))
    await sond.start()
    await until(
      'its containers to be gone',
      async () =>
        (await docker.listContainers({ all: true, filters: { label: ['sond.dev/instance=other'] } })).length === 0,
      { timeout: 30_000 },
    )
    await sond.ready('demo')
    t.ok(await works())
  })

  await t.test('a second sond with the same state directory, or the same owner, is refused', async (t) => {
    await t.rejects(
      startSond(t, engines, { name: 'second', args: ['--state-dir', join(engines.dir, 'sond', 'state')] }),
      {
        message: /in use by another sond, process \d+; stop that one first/,
      },
    )
    await t.rejects(startSond(t, engines, { name: 'third' }), {
      message: /another sond with the owner mark "sond" works on this Open vSwitch; stop that one first/,
    })
  })

  await t.test('a sond with another owner shares the engines and touches nothing of the first', async (t) => {
    const now = await world()
    const other = await startSond(t, engines, { name: 'fourth', args: ['--owner', 'other'] })
    await other.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
    await other.drop('demo.yaml', buildManifest('demo', 'chain'))
    await other.ready('demo')
    t.equal((await docker.listContainers({ all: true, filters: { label: ['sond.dev/owner=other'] } })).length, 2)
    t.equal((await other.sonctl('delete', 'instance', 'demo', '--wait')).code, 0)
    await until('its switch to be gone', async () => (await vsctl(engines, 'list-br')).trim() === 'sond-dc1')
    t.equal(await world(), now)
  })
})
