import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { management, ofctl, pings, talksTcp, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

void t.test('a package and a manifest become chained containers', async (t) => {
  const engines = await startTestEngines(t)
  await importBusyboxImage(engines.docker, image)
  const sond = await startSond(t, engines)

  await t.test('the manifest may come first: it waits for its package', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
    const waiting = await until('the instance to be known', () => sond.get('demo').catch(() => undefined))
    t.equal(waiting.status.conditions.find(({ type }) => type === 'PackageResolved')?.status, 'False')
    await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
    const demo = await sond.ready('demo')
    t.match(demo.status.package, { vendor: 'test.sond.dev', name: 'chain', version: '0.1' })
    t.equal(demo.status.functions.length, 3)
    t.ok(demo.status.links.every(({ chained }) => chained))
  })

  await t.test('keep: every hop carries ping and TCP, addressed as the pool says', async (t) => {
    t.ok(await pings(engines, 'sond.demo.0.f1.0', '10.30.0.2'), 'f1 reaches f2')
    t.ok(await pings(engines, 'sond.demo.0.f2.0', '10.30.1.2'), 'f2 reaches f3')
    t.ok(await talksTcp(engines, 'sond.demo.0.f1.0', 'sond.demo.0.f2.0', '10.30.0.2'), 'TCP from f1 to f2')
    t.ok(await talksTcp(engines, 'sond.demo.0.f3.0', 'sond.demo.0.f2.0', '10.30.1.1'), 'TCP from f3 to f2')
  })

  await t.test('containers, ports and flows bear the marks of the contract', async (t) => {
    const [container] = await engines.docker.listContainers({ filters: { label: ['sond.dev/vnf=f2'] } })
    t.match(container?.Labels, {
      'sond.dev/owner': 'sond',
      'sond.dev/instance': 'demo',
      'sond.dev/copy': '0',
      'sond.dev/vnf': 'f2',
      'sond.dev/replica': '0',
      'sond.dev/datacenter': 'dc1',
      'sond.dev/spec-hash': /.+/,
    })
    const ports = await vsctl(engines, '--bare', '--columns=external_ids', 'find', 'port', 'external_ids:instance=demo')
    const lines = ports.split('\n').filter((line) => line !== '')
    t.equal(lines.length, 6)
    t.ok(
      lines.every((line) => line.includes('sond-owner=sond') && line.includes('vnf=f') && line.includes('interface=')),
    )
    const flows = await ofctl(
      engines,
      'dump-flows',
      management(engines, 'sond-dc1'),
      'cookie=0x50dd000000000000/0xffff000000000000',
    )
    t.equal(flows.match(/cookie=0x50dd/g)?.length, 4, 'two E-Lines, both ways')
  })

  await t.test('keep: limits, environment and shares are as the descriptor says', async (t) => {
    const details = await engines.docker.getContainer('sond.demo.0.f1.0').inspect()
    t.equal(details.HostConfig.Memory, 64 * 1024 * 1024)
    t.equal(details.HostConfig.NetworkMode, 'none')
    t.equal(details.HostConfig.RestartPolicy?.Name ?? '', 'no')
    t.notOk(details.HostConfig.Privileged)
    t.ok(details.Config.Env.includes('VNF_NAME=f1'))
    t.equal(details.Config.Hostname, 'f1')
    t.ok(details.Mounts.some(({ Destination }) => Destination.startsWith('/mnt/share')))
  })

  await t.test(
    'mend: a second instance of the same package runs beside it, with names and cookies of its own',
    async (t) => {
      await sond.drop('other.yaml', buildManifest('other', 'chain'))
      await sond.ready('other')
      t.ok(await pings(engines, 'sond.other.0.f1.0', '10.30.2.2'))
      t.notOk(await pings(engines, 'sond.other.0.f1.0', '10.30.0.2'), 'it does not reach the first')
      const flows = await ofctl(engines, 'dump-flows', management(engines, 'sond-dc1'))
      const cookies = [...flows.matchAll(/cookie=(0x50dd\w+)/g)].map(([, cookie]) => cookie)
      t.equal(cookies.length, 8, 'two E-Lines each, both ways')
      t.equal(new Set(cookies).size, 4, 'a cookie for each link of each instance')
    },
  )

  await t.test('keep: an E-LAN switches all its members, addressed as the pool says', async (t) => {
    await sond.drop(
      'lan.son',
      await buildPackage({
        name: 'lan',
        functions: ['a', 'b', 'c'].map((id) => ({ id, image, interfaces: ['net'] })),
        links: [['lan', 'E-LAN', 'a:net', 'b:net', 'c:net']],
      }),
    )
    await sond.drop('lan.yaml', buildManifest('lan', 'lan'))
    await sond.ready('lan')
    t.ok(await pings(engines, 'sond.lan.0.a.0', '10.20.0.2'))
    t.ok(await pings(engines, 'sond.lan.0.a.0', '10.20.0.3'))
    t.ok(await talksTcp(engines, 'sond.lan.0.c.0', 'sond.lan.0.b.0', '10.20.0.2'))
  })

  await t.test('interfaces bear names that mean something to ip, and no link needs to name them', async (t) => {
    const interfaces = ['a', 'up', 'dev', 'name', 'type', 'netns', 'address', 'eth0', 'S1-MME']
    await sond.drop(
      'odd.son',
      await buildPackage({ name: 'odd', functions: [{ id: 'f', image, interfaces }], links: [] }),
    )
    await sond.drop('odd.yaml', buildManifest('odd', 'odd'))
    const odd = await sond.ready('odd')
    t.same(odd.status.functions[0]?.interfaces.map(({ name }) => name).sort(), interfaces.toSorted())
    t.equal((await sond.sonctl('delete', 'instance', 'odd', '--wait')).code, 0)
  })

  await t.test('three copies are three whole services', async (t) => {
    await sond.drop('copies.yaml', buildManifest('copies', 'chain', { replicas: 3 }))
    const copies = await sond.ready('copies')
    t.equal(copies.status.functions.length, 9)
    const addresses = copies.status.functions.flatMap(({ interfaces }) =>
      interfaces.flatMap(({ address }) => address ?? []),
    )
    t.equal(new Set(addresses).size, addresses.length, 'no address twice')
  })

  await t.test('mend: deleting the manifests leaves nothing behind', async (t) => {
    for (const name of ['demo', 'other', 'lan', 'copies']) {
      const { code, stderr } = await sond.sonctl('delete', 'instance', name, '--wait')
      t.equal(code, 0, stderr)
    }
    t.same(await engines.docker.listContainers({ all: true }), [])
    await until('the switch to be gone', async () => (await vsctl(engines, 'list-br')).trim() === '')
    t.equal((await vsctl(engines, '--bare', '--columns=name', 'list', 'port')).trim(), '')
  })
})
