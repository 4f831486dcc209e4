import t from 'tap'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { hearFrames, sendFrames, type Heard, type Probe } from '../support/frames.ts'
import { inContainerNetwork, inside, management, ofctl, vsctl, type Place } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { buildDataCenter, buildLink, documents, placed } from '../support/topology.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

/** An interface of a function as a hostile function sees it. */
interface Station {
  readonly name: string
  readonly container: string
  /** Of the device, in its namespace. */
  readonly index: number
  readonly mac: string
  /** Stations with the same one are on one link. */
  readonly link: string
}

void t.test('keep: frames of one service never reach another', async (t) => {
  const engines = await startTestEngines(t)
  await importBusyboxImage(engines.docker, image)
  const sond = await startSond(t, engines)
  await sond.drop(
    'topology.yaml',
    documents(
      ...['dc1', 'dc2', 'dc3'].map((name) => buildDataCenter(name)),
      buildLink('l12', ['dc1', 'dc2']),
      buildLink('l23', ['dc2', 'dc3'], { bandwidth: '1Gbps' }),
      buildLink('l13', ['dc1', 'dc3']),
    ),
  )
  const members = ['a', 'b', 'c']
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
  await sond.drop(
    'lan.son',
    await buildPackage({
      name: 'lan',
      functions: members.map((id) => ({ id, image, interfaces: ['net'] })),
      links: [['lan', 'E-LAN', ...members.map((id) => `${id}:net`)]],
    }),
  )
  await sond.drop(
    'exit.son',
    await buildPackage({
      name: 'exit',
      functions: ['exit1', 'exit2'].map((id) => ({ id, image, interfaces: ['net'] })),
      links: [['wan', 'E-LAN', 'exit1:net', 'exit2:net', 'ns:wan']],
      points: { 'ns:wan': 'external' },
    }),
  )

  // Twice each, on the same switches: chains over two and three of them, E-LANs over all, access points to the outside.
  const spread = placed({ a: 'dc1', b: 'dc2', c: 'dc3' })
  const instances: Readonly<Record<string, readonly [string, Readonly<Record<string, unknown>>]>> = {
    'chain-1': ['chain', { ...placed({ f1: 'dc1', f2: 'dc3', f3: 'dc2' }), replicas: 2 }],
    'chain-2': ['chain', placed({ f1: 'dc1', f2: 'dc1', f3: 'dc2' })],
    'lan-1': ['lan', spread],
    'lan-2': ['lan', spread],
    'exit-1': ['exit', { saps: { deploy: true } }],
    'exit-2': ['exit', { saps: { deploy: true } }],
  }
  for (const [name, [packageName, spec]] of Object.entries(instances)) {
    await sond.drop(`${name}.yaml`, buildManifest(name, packageName, spec))
  }

  const stations: Station[] = []
  const vlans = new Set<number>([0, 1, 4094])
  for (const name of Object.keys(instances)) {
    const { status } = await sond.ready(name)
    for (const { vlan } of status.links) if (vlan !== null) vlans.add(vlan)
    for (const { container, copy, interfaces } of status.functions) {
      if (container === null) continue
      const text = await inContainerNetwork(engines, container.name, 'ip', '-j', 'link', 'show')
      const devices = JSON.parse(text) as { ifname: string; ifindex: number }[] // what `ip -j` prints
      for (const one of interfaces) {
        const index = devices.find(({ ifname }) => ifname === one.name)?.ifindex ?? 0
        const link = one.link === null ? `alone ${container.name} ${one.name}` : `${name} ${copy} ${one.link}`
        stations.push({ name: `${container.name}:${one.name}`, container: container.name, index, mac: one.mac, link })
      }
    }
  }
  const containers = [...new Set(stations.map(({ container }) => container))]
  const places = new Map<string, Place>()
  const heard = new Map<string, () => readonly Heard[]>()
  for (const container of containers) {
    const place = await inside(engines, container)
    places.set(container, place)
    heard.set(container, await hearFrames(t, place))
  }

  const everyone = 'ff:ff:ff:ff:ff:ff'
  const probe = (from: Station, to: string, tags: readonly number[], what: string): Probe => ({
    index: from.index,
    from: from.mac,
    to,
    tags,
    text: `${from.name} ${what}`,
  })
  /** Everything that a function can try: all who listen, each by its address, in every VLAN there is, in one within another, in another's name. */
  const attempts = (from: Station): readonly Probe[] => {
    const others = stations.filter(({ name }) => name !== from.name)
    const tags = [...vlans]
    return [
      probe(from, everyone, [], 'all'),
      probe(from, '01:00:5e:00:00:01', [], 'multicast'),
      ...others.map(({ mac }) => probe(from, mac, [], 'unicast')),
      ...tags.map((tag) => probe(from, everyone, [tag], 'tagged')),
      ...tags.flatMap((outer) => tags.map((inner) => probe(from, everyone, [outer, inner], 'twice'))),
      ...others.map((other) => ({ ...probe(from, everyone, [], 'forged'), from: other.mac })),
    ]
  }
  /** One container after the other: what is lost in a flood would prove nothing. */
  const sendAll = async (probesOf: (from: Station) => readonly Probe[]): Promise<void> => {
    for (const [container, place] of places) {
      await sendFrames(place, stations.filter((one) => one.container === container).flatMap(probesOf))
    }
  }
  /** Who has heard whom. */
  const pairs = (what: RegExp): ReadonlySet<string> =>
    new Set(
      stations.flatMap(({ name, container, index }) =>
        (heard.get(container)?.() ?? [])
          .filter((one) => one.index === index && what.test(one.text))
          .map(({ text }) => `${text.split(' ')[0]} -> ${name}`),
      ),
    )
  const neighbours = stations
    .flatMap((from) =>
      stations.filter((to) => to.link === from.link && to.name !== from.name).map((to) => `${from.name} -> ${to.name}`),
    )
    .sort()

  await t.test('whoever is on a link hears its members', async (t) => {
    t.ok(stations.length > 20, `${stations.length} interfaces`)
    await until(
      'every neighbour to be heard',
      async () => {
        await sendAll((from) => [probe(from, everyone, [], 'hello')])
        return pairs(/ hello$/).size >= neighbours.length
      },
      { timeout: 20_000, every: 200 },
    )
    t.same([...pairs(/ hello$/)].sort(), neighbours, 'and nobody else')
  })

  await t.test('nothing else gets through, whatever a function sends', async (t) => {
    await sendAll(attempts)
    // What was sent before has been switched when this arrives.
    await until(
      'the last frames to be heard',
      async () => {
        await sendAll((from) => [probe(from, everyone, [], 'last')])
        return pairs(/ last$/).size >= neighbours.length
      },
      { timeout: 20_000, every: 200 },
    )
    const allowed = new Set(neighbours)
    t.same(
      [...pairs(/./)].filter((pair) => !allowed.has(pair)),
      [],
    )
    t.same([...pairs(/ all$/)].sort(), neighbours, 'while those who should hear a broadcast do')
  })

  await t.test('a leak would be seen', async (t) => {
    const [from, to] = await Promise.all(
      ['lan-1', 'lan-2'].map(async (name) => {
        const { status } = await sond.get(name)
        return status.functions.find(({ vnfId }) => vnfId === 'a')?.interfaces[0]?.switchPort
      }),
    )
    const leak = `cookie=0x77,priority=99,in_port=${from},actions=output:${to}`
    await ofctl(engines, 'add-flow', management(engines, 'sond-dc1'), leak)
    const sender = stations.filter(({ container }) => container === 'sond.lan-1.0.a.0')
    await sendAll((one) => (sender.includes(one) ? [probe(one, everyone, [], 'leak')] : []))
    await until('the leak', () => pairs(/ leak$/).has('sond.lan-1.0.a.0:net -> sond.lan-2.0.a.0:net'))
    t.pass('the test can tell')
    await ofctl(engines, 'del-flows', management(engines, 'sond-dc1'), 'cookie=0x77/-1')
  })

  await t.test('mend: a service that goes leaves no way behind', async (t) => {
    for (const name of ['lan-1', 'chain-1']) {
      const { code, stderr } = await sond.sonctl('delete', 'instance', name, '--wait')
      t.equal(code, 0, stderr)
    }
    const rest = await Promise.all(['lan-2', 'exit-1', 'exit-2'].map((name) => sond.get(name)))
    const wanted = rest.flatMap(({ status }) => status.links.map(({ vlan }) => String(vlan))).sort()
    await until('trunks to carry the other E-LANs alone', async () => {
      const trunks = await vsctl(engines, '--bare', '--columns=trunks', 'find', 'port', 'external_ids:role=trunk')
      const carried = new Set(trunks.split(/\s+/).filter((word) => word !== '' && word !== '4095'))
      return [...carried].sort().join() === wanted.join()
    })
    const { stdout } = await sond.sonctl('get', 'instances', '-o', 'name')
    t.notMatch(stdout, /lan-1|chain-1/)
  })
})
