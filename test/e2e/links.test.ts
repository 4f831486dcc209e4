// Links and access points of a service as its descriptor asks for them, where the predecessor failed, clashed or kept silent.
import t, { type Test } from 'tap'
import { startSond, type Instance } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { inContainerNetwork, inNamespace, management, ofctl, pings, talksTcp, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, type ServiceSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const longName = 'a very long.interface_name'

/** Every oddity of section 5 of the predecessor's behaviour, and of section 4, in one service. */
const odd: ServiceSketch = {
  name: 'odd',
  functions: [
    { id: 'a', image, interfaces: ['out', 'net', longName, 'spare'] },
    { id: 'b', image, interfaces: ['in', 'net', 'wan'] },
    { id: 'c', image, interfaces: ['port.1', 'net', 'third'] },
    {
      id: 'two',
      image,
      interfaces: ['in', 'out'],
      descriptor: {
        virtual_deployment_units: ['front', 'rear'].map((id) => ({
          id,
          vm_image: image,
          vm_image_format: 'docker',
          connection_points: ['outer', 'inner'].map((point) => ({ id: point, interface: 'ipv4', type: 'internal' })),
        })),
        virtual_links: [
          ['enter', 'in', 'front:outer'],
          ['between', 'front:inner', 'rear:inner'],
          ['leave', 'rear:outer', 'out'],
        ].map(([id, ...ends]) => ({ id, connectivity_type: 'E-Line', connection_points_reference: ends })),
      },
    },
    { id: 'd', image, interfaces: ['wan'] },
  ],
  points: {
    'ns:client': 'internal',
    'ns:alone': 'internal',
    'ns:exit': 'external',
    'ns:wan': 'external',
    odd: 'interface',
  },
  links: [
    ['there', 'E-Line', 'a:out', 'b:in'],
    ['back', 'E-Line', 'b:in', 'a:out'],
    ['client', 'E-Line', 'ns:client', 'c:port.1'],
    ['saps', 'E-Line', 'ns:client', 'ns:wan'],
    ['long', 'E-Line', `a:${longName}`, 'two:in'],
    ['three', 'E-Line', 'two:out', 'c:third', 'a:out'],
    ['nowhere', 'E-Line', 'a:spare', 'ghost:in'],
    ['radio', 'Radio', 'a:spare', 'c:third'],
    ['lan', 'E-LAN', 'a:net', 'ghost:net', 'b:net', 'c:net'],
    ['wan', 'E-LAN', 'd:wan', 'ns:wan', 'b:wan'],
  ],
}

const small: ServiceSketch = {
  name: 'small',
  functions: ['p', 'q'].map((id) => ({ id, image, interfaces: ['net', 'port'] })),
  links: [
    ['line', 'E-Line', 'p:port', 'q:port'],
    ['lan', 'E-LAN', 'p:net', 'q:net'],
  ],
}

/** Its second function has an image that cannot be had. */
const half: ServiceSketch = {
  name: 'half',
  functions: [
    { id: 'p', image, interfaces: ['net', 'port'] },
    { id: 'lost', image: '127.0.0.1:9/no/where:1', interfaces: ['net', 'port'] },
    { id: 'q', image, interfaces: ['net'] },
  ],
  links: [
    ['line', 'E-Line', 'p:port', 'lost:port'],
    ['lan', 'E-LAN', 'p:net', 'lost:net', 'q:net'],
  ],
}

/** The address of an interface in the status, without its length. */
const address = ({ status }: Instance, vnf: string, name: string, vdu?: string): string =>
  status.functions
    .find((one) => one.vnfId === vnf && (vdu === undefined || one.vdu === vdu))
    ?.interfaces.find((one) => one.name === name)
    ?.address?.split('/')[0] ?? 'none'

void t.test('links and access points, odd ones too', async (t) => {
  const engines = await startTestEngines(t)
  for (const name of [image, 'sonatanfv/son-emu-sap']) await importBusyboxImage(engines.docker, name)
  const sond = await startSond(t, engines, {
    settings: { resync: '1h', saps: { deploy: true }, pools: { elan: { count: 3 } } },
  })
  for (const sketch of [odd, small, half]) await sond.drop(`${sketch.name}.son`, await buildPackage(sketch))
  await sond.drop('demo.yaml', buildManifest('demo', 'odd'))
  await sond.drop('half.yaml', buildManifest('half', 'half'))
  const demo = await sond.ready('demo')
  const told = new Map((await sond.events('demo')).map(({ reason, message }) => [`${reason} ${message}`, message]))
  const tells = (t: Test, text: RegExp): void => {
    t.ok(
      [...told.keys()].some((event) => text.test(event)),
      `told: ${String(text)}`,
      { told: [...told.keys()] },
    )
  }
  const container = (vnf: string): string => `sond.demo.0.${vnf}.0`
  const link = (id: string) => demo.status.links.find((one) => one.id === id)
  const talks = async (t: Test, from: string, to: string, target: string): Promise<void> => {
    t.ok(await pings(engines, container(from), target), `${from} pings ${to} at ${target}`)
    t.ok(await talksTcp(engines, container(from), container(to), target), `TCP from ${from} to ${to}`)
  }

  await t.test('mend: a SAP that no link names is a notice, and one of another type makes none', async (t) => {
    t.same(
      demo.status.saps.map(({ name }) => name),
      ['ns_client', 'ns_wan'],
    )
    tells(t, /^SAP_UNLINKED .*ns_alone/)
    tells(t, /^SAP_UNLINKED .*ns_exit/)
    tells(t, /^SAP_TYPE .*odd makes no SAP/)
    const names = (await engines.docker.listContainers()).flatMap(({ Names }) => Names)
    t.same(names.filter((name) => name.includes('.ns_')).sort(), ['/sond.demo.0.ns_client.0'])
  })

  await t.test('mend: two SAPs on one link: it is left out and said, both work on their other links', async (t) => {
    t.match(link('saps'), { chained: false, reason: /SAP/ })
    await talks(t, 'ns_client', 'c', address(demo, 'c', 'port-1'))
    await inNamespace(engines, 'busybox', 'ping', '-c', '1', '-W', '2', address(demo, 'd', 'wan'))
  })

  await t.test('mend: a second E-Line for the way back is the same subnet, and carries both ways', async (t) => {
    t.equal(link('there')?.subnet, link('back')?.subnet)
    t.match([link('there'), link('back')], [{ chained: true }, { chained: true }])
    t.same([address(demo, 'a', 'out'), address(demo, 'b', 'in')], ['10.30.0.1', '10.30.0.2'])
    await talks(t, 'a', 'b', '10.30.0.2')
    await talks(t, 'b', 'a', '10.30.0.1')
  })

  await t.test('keep: in an E-LAN a reference to what does not exist uses up an address', async (t) => {
    t.same(
      ['a', 'b', 'c'].map((vnf) => address(demo, vnf, 'net')),
      ['10.20.0.1', '10.20.0.3', '10.20.0.4'],
    )
    await talks(t, 'a', 'c', '10.20.0.4')
  })

  await t.test('mend: an E-LAN with an external SAP has room for all, who are reached from the host', async (t) => {
    t.match(demo.status.saps.find(({ name }) => name === 'ns_wan')?.address, /^10\.10\.0\.1\/29$/)
    t.same([address(demo, 'd', 'wan'), address(demo, 'b', 'wan')], ['10.10.0.2', '10.10.0.3'])
    await talks(t, 'd', 'b', '10.10.0.3')
    for (const target of ['10.10.0.2', '10.10.0.3'])
      await inNamespace(engines, 'busybox', 'ping', '-c', '1', '-W', '2', target)
  })

  await t.test('keep: names longer than the kernel takes have a short form; the status tells both', async (t) => {
    const one = demo.status.functions
      .find(({ vnfId }) => vnfId === 'a')
      ?.interfaces.find(({ declared }) => declared === longName)
    t.match(one?.name, /^[\w-]{1,15}$/)
    t.match(
      await inContainerNetwork(engines, container('a'), 'ip', '-br', 'addr', 'show', 'dev', one?.name ?? ''),
      'UP',
    )
    t.equal(one?.link, 'long')
    t.ok(await pings(engines, container('a'), address(demo, 'two', 'in', 'front')), 'its link carries')
    t.equal(
      demo.status.functions.find(({ vnfId }) => vnfId === 'c')?.interfaces[0]?.declared,
      'port.1',
      'cleaned ones too',
    )
  })

  await t.test('mend: every unit of a VNF has a container, joined as its descriptor says', async (t) => {
    const units = demo.status.functions.filter(({ vnfId }) => vnfId === 'two')
    t.same(
      units.map((one) => [one.vdu, one.container?.name, one.container?.state]),
      [
        ['front', container('two.front'), 'running'],
        ['rear', container('two.rear'), 'running'],
      ],
    )
    t.equal(link('two/between')?.chained, true)
    await talks(t, 'two.front', 'two.rear', address(demo, 'two', 'inner', 'rear'))
    t.ok(await pings(engines, container('two.rear'), address(demo, 'c', 'third')), 'the last one leads out')
  })

  await t.test('keep: what joins nothing is left out and said, the rest is Ready', async (t) => {
    t.match(link('nowhere'), { chained: false, reason: /ghost/ })
    tells(t, /^EXTRA_ENDS .*three/)
    t.match(link('radio'), { chained: false, reason: /Radio.*E-Line, E-LAN and E-Tree/ })
    t.match(
      demo.status.conditions.find(({ type }) => type === 'LinksReady'),
      { status: 'True', reason: 'SomeLeftOut', message: /nowhere.*radio|radio.*nowhere/ },
    )
  })

  await t.test(
    'mend: what fails half-way: the other functions run, and nothing of it is left when it goes',
    async (t) => {
      const problem = await until('the missing image to be said', async () =>
        (await sond.get('half')).status.conditions.find(
          ({ type, status }) => type === 'ImagesReady' && status === 'False',
        ),
      )
      t.match(problem, { status: 'False', message: /127\.0\.0\.1:9\/no\/where:1/ })
      t.ok(await pings(engines, 'sond.half.0.p.0', '10.20.1.3'), 'the E-LAN of those that run works')
      t.ok(await pings(engines, container('a'), '10.30.0.2'), 'and so does the other service')
      await sond.drop('late.yaml', buildManifest('late', 'small'))
      await sond.ready('late')
    },
  )

  await t.test(
    'mend: subnets are given back: a full pool says who holds it, and serves the next when one goes',
    async (t) => {
      await sond.drop('next.yaml', buildManifest('next', 'small'))
      const full = await until('the full pool to be said', async () =>
        (await sond.object('ServiceInstance', 'next'))?.status.conditions.find(
          ({ type, status }) => type === 'Stalled' && status === 'True',
        ),
      )
      t.match(full.message, /pool elan has nothing left for .*lan.*held by instance demo, instance half, instance late/)
      const { code, stderr } = await sond.sonctl('delete', 'instance', 'half', '--wait')
      t.equal(code, 0, stderr)
      const next = await sond.ready('next')
      t.equal(
        next.status.links.find(({ id }) => id === 'lan')?.subnet,
        '10.20.1.0/24',
        'the one of the first that went',
      )
      t.ok(await pings(engines, 'sond.next.0.p.0', '10.20.1.2'))
    },
  )

  await t.test('mend: flows, VLANs, ports and rules go with their service', async (t) => {
    const vlan = (await sond.get('next')).status.links.find(({ id }) => id === 'lan')?.vlan
    for (const name of ['next', 'late', 'demo']) {
      const { code, stderr } = await sond.sonctl('delete', 'instance', name, '--wait')
      t.equal(code, 0, stderr)
      const marks = await vsctl(engines, '--bare', '--columns=name', 'find', 'port', `external_ids:instance=${name}`)
      t.equal(marks.trim(), '', `no port of ${name}`)
      const left = await engines.docker.listContainers({ all: true, filters: { label: [`sond.dev/instance=${name}`] } })
      t.same(left, [], `no container of ${name}`)
      if (name === 'demo') continue
      t.ok(await pings(engines, container('a'), '10.30.0.2'), `what others have stays when ${name} goes`)
    }
    const flows = await ofctl(engines, 'dump-flows', management(engines, 'sond-dc1')).catch(() => '')
    t.notMatch(flows, /cookie=0x50dd/)
    t.notMatch(await inNamespace(engines, 'nft', 'list', 'ruleset'), /sond/)
    await sond.drop('again.yaml', buildManifest('again', 'small'))
    const { status } = await sond.ready('again')
    t.match(status.links, [{ subnet: '10.30.0.0/30' }, { subnet: '10.20.0.0/24' }], 'the first of each pool again')
    t.ok((status.links[1]?.vlan ?? Infinity) <= (vlan ?? 0))
  })

  await t.test("a name that somebody else's container has: said, the others run, and it is left alone", async (t) => {
    const alien = await engines.docker.createContainer({ name: 'sond.taken.0.q.0', Image: image })
    await sond.drop('taken.yaml', buildManifest('taken', 'small'))
    const told = await until('it to be said', async () =>
      (await sond.object('ServiceInstance', 'taken'))?.status.conditions.find(
        ({ type, status, message }) =>
          type === 'ContainersReady' && status === 'False' && message.includes('1 of 2 run'),
      ),
    )
    t.match(told.message, /sond\.taken\.0\.q\.0/)
    t.equal((await sond.sonctl('delete', 'instance', 'taken', '--wait')).code, 0)
    t.equal((await alien.inspect()).State.Status, 'created')
    await alien.remove()
  })
})
