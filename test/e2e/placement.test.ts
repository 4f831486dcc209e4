// Where functions and access points stand, over several data centers, and that data centers and links come while services run.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { inContainerNetwork, pings, talksTcp, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, type ServiceSketch } from '../support/service.ts'
import { buildDataCenter, buildLink, documents, linkSays, placed } from '../support/topology.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
type Spec = Readonly<Record<string, unknown>>

/** Three functions in a row, an access point at its end, and one on a LAN. */
const service: ServiceSketch = {
  name: 'row',
  functions: ['f1', 'f2', 'f3'].map((id) => ({ id, image, interfaces: ['in', 'out', 'lan'] })),
  points: { 'ns:end': 'internal', 'ns:lan': 'internal' },
  links: [
    ['l1', 'E-Line', 'f1:out', 'f2:in'],
    ['l2', 'E-Line', 'f2:out', 'f3:in'],
    ['l3', 'E-Line', 'f3:out', 'ns:end'],
    ['lan', 'E-LAN', 'f2:lan', 'ns:lan'],
  ],
}
const order = ['f1', 'f2', 'f3', 'ns_end', 'ns_lan']

void t.test('placement over several data centers', async (t) => {
  const engines = await startTestEngines(t)
  for (const name of [image, 'sonatanfv/son-emu-sap']) await importBusyboxImage(engines.docker, name)
  const sond = await startSond(t, engines, { settings: { resync: '1h', saps: { deploy: true } } })
  await sond.drop('row.son', await buildPackage(service))

  /** Ids of containers, to tell which were made anew. */
  const idsOf = async (instance: string): Promise<ReadonlyMap<string, string>> => {
    const found = await engines.docker.listContainers({ filters: { label: [`sond.dev/instance=${instance}`] } })
    return new Map(found.map(({ Id, Labels }) => [Labels['sond.dev/vnf'] ?? '', Id]))
  }
  /** Where each stands as its label says, and as the switch that it is plugged into does: both must say the same. */
  const standing = async (t: Test, instance: string): Promise<readonly string[]> => {
    const found = await engines.docker.listContainers({ filters: { label: [`sond.dev/instance=${instance}`] } })
    const says = new Map(found.map(({ Labels }) => [Labels['sond.dev/vnf'] ?? '', Labels['sond.dev/datacenter'] ?? '']))
    const { status } = await sond.get(instance)
    const ports = status.functions.flatMap(({ vnfId, interfaces }) => {
      const port = interfaces.find(({ switchPort }) => switchPort !== '')?.switchPort
      return port === undefined ? [] : [[vnfId, port] as const]
    })
    for (const [vnfId, port] of ports)
      t.equal(
        (await vsctl(engines, 'port-to-br', port)).trim(),
        `sond-${says.get(vnfId)}`,
        `${vnfId} is plugged in there`,
      )
    return order.map((vnf) => says.get(vnf) ?? 'nowhere')
  }
  const carries = async (t: Test, instance: string): Promise<void> => {
    const { status } = await sond.get(instance)
    const addressOf = (vnf: string, name: string): string =>
      status.functions.find(({ vnfId }) => vnfId === vnf)?.interfaces.find((one) => one.name === name)?.address ?? ''
    const container = (vnf: string): string => `sond.${instance}.0.${vnf}.0`
    for (const [from, to] of [
      ['f1', 'f2'],
      ['f2', 'f3'],
    ] as const)
      t.ok(await pings(engines, container(from), addressOf(to, 'in')), `${from} reaches ${to}`)
    t.ok(await talksTcp(engines, container('f2'), container('f3'), addressOf('f3', 'in')), 'TCP over the second link')
  }
  const start = async (t: Test, name: string, spec: Spec): Promise<readonly string[]> => {
    await sond.drop(`${name}.yaml`, buildManifest(name, 'row', spec))
    await sond.ready(name)
    return standing(t, name)
  }
  const end = async (t: Test, ...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      const { code, stderr } = await sond.sonctl('delete', 'instance', name, '--wait')
      t.equal(code, 0, stderr)
    }
  }

  await sond.drop('dc2.yaml', documents(buildDataCenter('dc2'), buildDataCenter('dc4')))
  await sond.drop('l24.yaml', buildLink('l24', ['dc2', 'dc4']))

  const policies = [
    ['first', 'First', ['dc2', 'dc2', 'dc2', 'dc2', 'dc2']],
    ['robin', 'RoundRobin', ['dc2', 'dc4', 'dc2', 'dc4', 'dc2']],
    ['demo', 'RoundRobinWithSaps', ['dc2', 'dc4', 'dc2', 'dc2', 'dc4']],
  ] as const
  await t.test('keep: the three policies: data centers by name, functions in the order of the NSD', async (t) => {
    for (const [name, policy] of policies)
      await sond.drop(`${name}.yaml`, buildManifest(name, 'row', { placement: { policy } }))
    for (const [name, policy, expected] of policies) {
      await sond.ready(name)
      t.same(await standing(t, name), expected, policy)
    }
    await carries(t, 'demo')
  })

  await t.test('mend: where an access point on an E-LAN stands is no matter of chance', async (t) => {
    const [, , [name, , expected]] = policies
    await end(t, 'first', 'robin', name)
    t.same(await start(t, name, {}), expected, 'by default, alone, and a second time')
    await carries(t, name)
  })

  await t.test('a data center and its links come while services run: nothing moves, no packet is lost', async (t) => {
    const [before, ids] = [await standing(t, 'demo'), await idsOf('demo')]
    const pinging = inContainerNetwork(
      engines,
      'sond.demo.0.f1.0',
      'busybox',
      'ping',
      '-c',
      '40',
      '-i',
      '0.05',
      '10.30.0.2',
    )
    await sond.drop('dc1.yaml', documents(buildDataCenter('dc1'), buildDataCenter('dc3')))
    await sond.drop(
      'l12.yaml',
      documents(buildLink('l12', ['dc1', 'dc2'], { bandwidth: '500Mbps' }), buildLink('l34', ['dc3', 'dc4'])),
    )
    await until(
      'the links to be joined',
      async () =>
        (await linkSays(sond, 'l12', 'Ready')) === 'True Joined' &&
        (await linkSays(sond, 'l34', 'Ready')) === 'True Joined',
    )
    t.same((await vsctl(engines, 'list-br')).trim().split('\n'), ['sond-dc1', 'sond-dc2', 'sond-dc3', 'sond-dc4'])
    await sond.ready('demo')
    t.match(await pinging, /40 packets transmitted, 40 packets received/)
    t.same(await standing(t, 'demo'), before, 'although dc1 would come first now')
    t.same(await idsOf('demo'), ids)
    t.same(await start(t, 'late', {}), ['dc1', 'dc2', 'dc3', 'dc3', 'dc2'], 'what comes later uses them')
    await carries(t, 'late')
    await end(t, 'late')
  })

  await t.test('a function is moved by its override, alone, to a data center that has come', async (t) => {
    const ids = await idsOf('demo')
    await sond.drop('demo.yaml', buildManifest('demo', 'row', placed({ f3: 'dc1' })))
    await until('it to have moved', async () => (await idsOf('demo')).get('f3') !== ids.get('f3'))
    await sond.ready('demo')
    t.same(await standing(t, 'demo'), ['dc2', 'dc4', 'dc1', 'dc2', 'dc4'])
    const after = await idsOf('demo')
    t.same(
      order.filter((vnf) => after.get(vnf) !== ids.get(vnf)),
      ['f3'],
    )
    await carries(t, 'demo')
  })

  await t.test('a restart without what was remembered moves nothing', async (t) => {
    const [before, ids] = [await standing(t, 'demo'), await idsOf('demo')]
    await sond.stop()
    await rm(join(engines.dir, 'sond', 'state'), { recursive: true })
    await sond.start()
    await sond.ready('demo')
    t.same(await standing(t, 'demo'), before)
    t.same(await idsOf('demo'), ids)
    await end(t, 'demo')
  })

  await t.test('capacity: what has no room goes elsewhere, or waits and says so until there is', async (t) => {
    const withRoom = (cpu: number): string =>
      documents(
        buildDataCenter('dc1', { capacity: { cpu } }),
        buildDataCenter('dc2', { capacity: { cpu: 9, memory: '150MB' } }),
      )
    await rm(join(sond.manifests, 'dc1.yaml'))
    await sond.drop('dc2.yaml', withRoom(1))
    const spec = { saps: { deploy: false }, placement: { policy: 'First' } }
    t.same((await start(t, 'fits', spec)).slice(0, 3), ['dc1', 'dc2', 'dc2'], 'by CPUs there, by memory here')
    await sond.drop('waits.yaml', buildManifest('waits', 'row', spec))
    await until('it to say so', async () =>
      (await sond.object('ServiceInstance', 'waits'))?.status.conditions.some(
        ({ type, status, message }) => type === 'Placed' && status === 'False' && message.includes('enough capacity'),
      ),
    )
    t.equal((await idsOf('waits')).size, 0)
    await sond.drop('dc2.yaml', withRoom(2))
    await until('one to find room', async () => (await idsOf('waits')).size === 1)
    await end(t, 'fits')
    await sond.ready('waits')
    t.same((await standing(t, 'waits')).slice(0, 3), ['dc1', 'dc1', 'dc2'])
    await carries(t, 'waits')
  })
})
