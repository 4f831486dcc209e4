// Management on Docker's bridge together with all else that a service can have at once.
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { startSond } from '../support/daemon.ts'
import { busyboxPath, importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { inContainerNetwork, inNamespace, pings, vsctl } from '../support/reach.ts'
import { chainEnds, loadOf, replicaOfEach, route } from '../support/replicas.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import { serveTcp, startTcpClient } from '../support/tcp.ts'
import { buildDataCenter, buildLink, documents } from '../support/topology.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const dockerfile = 'FROM scratch\nADD busybox /bin/busybox\nENV PATH=/bin\nCMD ["/bin/busybox", "sleep", "100000"]\n'

void t.test('management on the bridge, with replicas, data centers, access points and a built image', async (t) => {
  const engines = await startTestEngines(t, { bridge: true })
  const { docker } = engines
  await importBusyboxImage(docker, image)
  await importBusyboxImage(docker, 'sonatanfv/son-emu-sap')
  const sond = await startSond(t, engines, {
    settings: {
      saps: { deploy: true },
      management: { dockerNetwork: true },
      images: { buildDockerfiles: true },
    },
  })
  await sond.drop(
    'topology.yaml',
    documents(buildDataCenter('dc1'), buildDataCenter('dc2'), buildLink('dc1-dc2', ['dc1', 'dc2'])),
  )
  await sond.drop(
    'all.son',
    await buildPackage({
      name: 'all',
      functions: ['f1', 'f2', 'f3'].map((id) => ({
        id,
        image: id === 'f3' ? 'vendor/of-the-package' : image,
        interfaces: ['mgmt', 'input', 'output'],
        management: ['mgmt'],
      })),
      points: { 'ns:mgmt': 'management', 'ns:in': 'internal', 'ns:out': 'external' },
      links: [
        ['mgmt', 'E-LAN', 'ns:mgmt', 'f1:mgmt', 'f2:mgmt', 'f3:mgmt'],
        ['l1', 'E-Line', 'f1:output', 'f2:input'],
        ['l2', 'E-Line', 'f2:output', 'f3:input'],
        ['in', 'E-Line', 'ns:in', 'f1:input'],
        ['out', 'E-Line', 'f3:output', 'ns:out'],
      ],
      files: {
        'docker_files/f3-vnf/Dockerfile': dockerfile,
        'docker_files/f3-vnf/busybox': await readFile(busyboxPath),
      },
    }),
  )
  const { client, server, router } = chainEnds('demo')
  const scale = (replicas: number): Promise<void> =>
    sond.drop(
      'demo.yaml',
      buildManifest('demo', 'all', {
        functions: [
          { vnfId: 'f1', dataCenter: 'dc1' },
          { vnfId: 'f2', dataCenter: 'dc2', replicas },
          { vnfId: 'f3', dataCenter: 'dc1' },
        ],
      }),
    )
  /** Of each container its address on the bridge. */
  const managed = async (): Promise<readonly string[]> =>
    (await sond.get('demo')).status.functions.map(
      ({ interfaces }) => interfaces.find(({ name }) => name === 'mgmt')?.address ?? 'none',
    )
  /** The function before f2 reaches all of them on the bridge, as the host does. */
  const allReached = async (t: Test): Promise<void> => {
    const addresses = await managed()
    t.equal(new Set(addresses).size, addresses.length, 'each has its own')
    for (const address of addresses) {
      t.match(address, /^172\.17\./)
      t.ok(await pings(engines, client, address), `f1 reaches ${address}`)
    }
    const [first = ''] = addresses
    t.match(await inNamespace(engines, 'ping', '-c', '1', '-W', '2', first.split('/')[0] ?? ''), / 0% packet loss/)
  }

  await scale(3)
  const demo = await sond.ready('demo')

  await t.test('all of it is there at once', async (t) => {
    t.same(
      demo.status.functions.map(({ vnfId, dataCenter }) => `${vnfId} ${String(dataCenter)}`),
      ['f1 dc1', 'f2 dc2', 'f2 dc2', 'f2 dc2', 'f3 dc1'],
    )
    t.match(demo.status.functions.at(-1)?.container?.image, /^f3-vnf:/, 'built')
    t.same(demo.status.saps.map(({ name, type }) => `${name} ${type}`).sort(), ['ns_in internal', 'ns_out external'])
    await allReached(t)
    const sap = demo.status.saps.find(({ type }) => type === 'external')
    t.match(
      await inNamespace(engines, 'ping', '-c', '1', '-W', '2', '10.10.0.2'),
      / 0% packet loss/,
      `the host reaches f3 by ${String(sap?.address)}`,
    )
    t.ok(await pings(engines, 'sond.demo.0.ns_in.0', '10.30.2.2'), 'the access point reaches f1')
  })

  await route(engines, client, '10.30.1.0/30', '10.30.0.2')
  await route(engines, server, '10.30.0.0/30', '10.30.1.1')
  await serveTcp(t, engines, server)
  const peer = await startTcpClient(t, engines, client, '10.30.1.2')
  const goOn = async (): Promise<void> => {
    const before = await peer.report()
    await until('every connection to go on', async () => {
      const now = await peer.report()
      if (now.includes(-1)) throw new Error(`broken: ${now.join()}`)
      return now.every((rounds, index) => rounds > (before[index] ?? 0))
    })
  }

  await t.test('connections spread over the replicas, the bridge beside them', async (t) => {
    await peer.hold(40)
    t.same(loadOf(await replicaOfEach(engines, '10.30.1.2')), [0, 1, 2])
  })

  await t.test('a replica that dies has its management interface again; so has one more', async (t) => {
    const started = (await docker.getContainer(router(1)).inspect()).State.StartedAt
    await docker.getContainer(router(1)).kill()
    await until('it to run again', async () => {
      const { State } = await docker.getContainer(router(1)).inspect()
      return State.Running && State.StartedAt !== started
    })
    await scale(4)
    await until('the fourth', async () => (await sond.get('demo')).status.functions.length === 6)
    await sond.ready('demo')
    await goOn()
    await allReached(t)
    t.match(await inContainerNetwork(engines, router(1), 'ip', '-br', 'addr'), /^mgmt.* 172\.17\./m)
  })

  await t.test('a restart of sond touches none of it', async (t) => {
    const ids = async () => (await docker.listContainers()).map(({ Id }) => Id).sort()
    const before = await ids()
    await sond.stop()
    await sond.start()
    await sond.ready('demo')
    t.same(await ids(), before)
    await goOn()
  })

  await t.test('it goes without a trace', async (t) => {
    t.equal((await sond.sonctl('delete', 'instance', 'demo', '--wait')).code, 0)
    t.same(await docker.listContainers({ all: true }), [])
    const devices = await inNamespace(engines, 'ip', '-o', 'addr', 'show')
    t.notMatch(devices, /10\.10\.0\.1/, 'nor the address of its way out')
    t.equal((await vsctl(engines, '--bare', '--columns=name', 'find', 'port', 'external_ids:instance=demo')).trim(), '')
  })
})
