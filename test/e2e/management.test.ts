import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import {
  inContainerNetwork,
  inNamespace,
  ofctl,
  management as bridgeSocket,
  pings,
  talksTcp,
} from '../support/reach.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/managed:1'

/** Its first words are the interfaces that it finds. */
const program = '#!/bin/sh\necho found $(ls /sys/class/net | sort)\nexec sleep 100000\n'

void t.test('management on the bridge of Docker', async (t) => {
  const engines = await startTestEngines(t, { bridge: true })
  const { docker } = engines
  await importBusyboxImage(docker, image, {
    entrypoint: ['/program'],
    files: { '/program': program },
    env: { SON_EMU_CMD: 'ip -o -4 addr show dev mgmt | wc -l', SON_EMU_CMD_STOP: 'echo gone' },
  })
  const sond = await startSond(t, engines, {
    settings: { saps: { deploy: true }, management: { dockerNetwork: true } },
  })
  await sond.drop(
    'managed.son',
    await buildPackage({
      name: 'managed',
      functions: ['f1', 'f2'].map((id) => ({
        id,
        image,
        interfaces: ['mgmt', 'input', 'output'],
        management: ['mgmt'],
      })),
      points: { 'ns:mgmt': 'management' },
      links: [
        ['mgmt', 'E-LAN', 'ns:mgmt', 'f1:mgmt', 'f2:mgmt'],
        ['line', 'E-Line', 'f1:output', 'f2:input'],
      ],
    }),
  )
  const interfacesOf = async (container: string): Promise<readonly string[]> =>
    (await inContainerNetwork(engines, container, 'ip', '-br', 'link'))
      .split('\n')
      .map((line) => line.split(/[\s@]/)[0] ?? '')
      .filter((name) => name !== '')
      .sort()
  const addressOf = async (instance: string, vnf: string): Promise<string> => {
    const { status } = await sond.get(instance)
    const one = status.functions.find(({ vnfId }) => vnfId === vnf)
    return one?.interfaces.find(({ name }) => name === 'mgmt')?.address ?? ''
  }
  const logOf = async (vnf: string): Promise<readonly string[]> =>
    (await sond.sonctl('logs', 'demo', vnf)).stdout.split('\n').filter((line) => line.startsWith('found'))

  await t.test(
    "keep: Docker's interface bears the name of the management interface before the program starts",
    async (t) => {
      await sond.drop('demo.yaml', buildManifest('demo', 'managed'))
      const demo = await sond.ready('demo')
      t.same(demo.status.saps, [], 'a management point is not made')
      t.same(await interfacesOf('sond.demo.0.f1.0'), ['input', 'lo', 'mgmt', 'output'])
      await until('its first words', async () => (await logOf('f1')).length === 1)
      t.same(await logOf('f1'), ['found input lo mgmt output'])
    },
  )

  await t.test(
    'its address is in the status and reaches the others and the host; the chain works beside it',
    async (t) => {
      const { NetworkSettings } = await docker.getContainer('sond.demo.0.f2.0').inspect()
      const address = await addressOf('demo', 'f2')
      t.equal(address, `${NetworkSettings.Networks['bridge']?.IPAddress}/16`)
      t.ok(await pings(engines, 'sond.demo.0.f1.0', address))
      t.match(await inNamespace(engines, 'ping', '-c', '1', '-W', '2', address.split('/')[0] ?? ''), / 0% packet loss/)
      t.ok(await pings(engines, 'sond.demo.0.f1.0', '10.30.0.2'))
      t.ok(await talksTcp(engines, 'sond.demo.0.f1.0', 'sond.demo.0.f2.0', '10.30.0.2'))
      const routes = await inContainerNetwork(engines, 'sond.demo.0.f1.0', 'ip', 'route')
      t.match(routes, /^default via \S+ dev mgmt/m, 'the way out goes by it')
      const described = await sond.sonctl('describe', 'instance', 'demo')
      t.match(described.stdout, new RegExp(`f2 .* mgmt +${address}`))
      t.match((await sond.sonctl('logs', 'demo', 'f1', '--script', 'start')).stdout, /^1\n/, 'scripts find it too')
    },
  )

  for (const [how, disturb] of [
    ['restarted by hand', (name: string) => docker.getContainer(name).restart({ t: 0 })],
    ['killed', (name: string) => docker.getContainer(name).kill()],
    ['removed', (name: string) => docker.getContainer(name).remove({ force: true })],
  ] as const) {
    await t.test(`a container that is ${how} gets it again`, async (t) => {
      const before = (await docker.getContainer('sond.demo.0.f1.0').inspect()).State.StartedAt
      await disturb('sond.demo.0.f1.0')
      await until(
        'it to work again',
        async () => {
          const now = await docker
            .getContainer('sond.demo.0.f1.0')
            .inspect()
            .catch(() => undefined)
          if (now?.State.Running !== true || now.State.StartedAt === before) return false
          return pings(engines, 'sond.demo.0.f1.0', '10.30.0.2')
        },
        { timeout: 20_000, every: 100 },
      )
      await sond.ready('demo')
      t.same(await interfacesOf('sond.demo.0.f1.0'), ['input', 'lo', 'mgmt', 'output'])
      t.ok(await pings(engines, 'sond.demo.0.f1.0', await addressOf('demo', 'f2')))
      await until('its first words', async () => (await logOf('f1')).at(-1) === 'found input lo mgmt output')
    })
  }

  await t.test('copies, and a restart of sond, with it', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'managed', { replicas: 2 }))
    await until('the edit to be read', async () => (await sond.get('demo')).metadata.generation === 2)
    await sond.ready('demo')
    t.ok(await pings(engines, 'sond.demo.1.f1.0', '10.30.1.2'))
    const ids = async () => (await docker.listContainers()).map(({ Id }) => Id).sort()
    const before = await ids()
    await sond.stop()
    await sond.start()
    await sond.ready('demo')
    t.same(await ids(), before)
  })

  await t.test('an instance can have it otherwise: then the link is switched', async (t) => {
    await sond.drop(
      'switched.yaml',
      buildManifest('switched', 'managed', { management: { dockerNetwork: false }, saps: { deploy: false } }),
    )
    const switched = await sond.ready('switched')
    t.match(await addressOf('switched', 'f1'), /^10\.20\./)
    t.ok(switched.status.links.find(({ id }) => id === 'mgmt')?.chained)
    t.ok(await pings(engines, 'sond.switched.0.f1.0', await addressOf('switched', 'f2')))
    t.same(await interfacesOf('sond.switched.0.f1.0'), ['input', 'lo', 'mgmt', 'output'])
    t.match(await ofctl(engines, 'dump-flows', bridgeSocket(engines, 'sond-dc1')), /NORMAL/)
  })

  await t.test('everything goes with the manifests', async (t) => {
    for (const name of ['demo', 'switched']) {
      t.equal((await sond.sonctl('delete', 'instance', name, '--wait')).code, 0)
    }
    t.same(await docker.listContainers({ all: true }), [])
  })
})
