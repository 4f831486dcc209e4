import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { inContainerNetwork, inNamespace, management, ofctl, pings, talksTcp, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { buildDataCenter, buildLink, documents, linkSays, placed } from '../support/topology.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const execute = promisify(execFile)

/** What this kernel can shape with, tried by hand in a namespace of its own. */
const kernelHas = (...queue: readonly string[]): Promise<boolean> =>
  execute('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', ...queue]).then(
    () => true,
    () => false,
  )

/** A ring of three data centers whose direct link from dc1 to dc3 is shaped. */
const dataCenters = documents(...['dc1', 'dc2', 'dc3'].map((name) => buildDataCenter(name)))
const direct = (spec: Readonly<Record<string, unknown>>): string => buildLink('l13', ['dc1', 'dc3'], spec)

/** The next look at everything is an hour away, or comes with a restart: what heals and follows does so by events. */
void t.test('services stand on several data centers', async (t) => {
  const hasNetem = await kernelHas('netem', 'delay', '1ms')
  const hasTbf = await kernelHas('tbf', 'rate', '1mbit', 'burst', '64k', 'latency', '50ms')
  const engines = await startTestEngines(t)
  await importBusyboxImage(engines.docker, image)
  const config = join(engines.dir, 'sond.yaml')
  await writeFile(config, 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: {resync: 1h}\n')
  const sond = await startSond(t, engines, { args: ['--config', config] })

  const container = (vnf: string): string => `sond.cross.0.${vnf}.0`
  const ids = async (): Promise<readonly string[]> =>
    Promise.all(['f1', 'f2', 'f3'].map(async (vnf) => (await engines.docker.getContainer(container(vnf)).inspect()).Id))
  const carries = async (): Promise<boolean> =>
    (await pings(engines, container('f1'), '10.30.0.2')) && (await pings(engines, container('f2'), '10.30.1.2'))
  const flowsOn = async (dataCenter: string): Promise<string> =>
    ofctl(engines, '--no-stats', 'dump-flows', management(engines, `sond-${dataCenter}`)).catch(() => '')
  const trunkPorts = async (link: string): Promise<readonly string[]> =>
    (
      await vsctl(
        engines,
        '--bare',
        '--columns=name',
        'find',
        'port',
        `external_ids:link=${link}`,
        'external_ids:role=trunk',
      )
    )
      .split('\n')
      .filter((name) => name !== '')
      .sort()
  const queueOf = async (device: string): Promise<string> =>
    inNamespace(engines, 'tc', 'qdisc', 'show', 'dev', device).catch(() => '')

  await sond.drop('datacenters.yaml', dataCenters)
  await sond.drop('l12.yaml', buildLink('l12', ['dc1', 'dc2'], { delay: '0ms' }))
  await sond.drop('l23.yaml', buildLink('l23', ['dc2', 'dc3']))
  await sond.drop('l13.yaml', direct({ bandwidth: '20Mbps', delay: '10ms', jitter: '1ms', loss: '0.001%' }))

  await t.test('a switch each, and links between them that say what they are', async (t) => {
    for (const object of ['datacenter/dc1', 'datacenter/dc3', 'link/l12', 'link/l13', 'link/l23']) {
      const { code, stderr } = await sond.sonctl('wait', object, '--for=condition=Ready', '--timeout', '20s')
      t.equal(code, 0, `${object} ${stderr}`)
    }
    t.same((await vsctl(engines, 'list-br')).trim().split('\n'), ['sond-dc1', 'sond-dc2', 'sond-dc3'])
    t.equal(await linkSays(sond, 'l23', 'Shaped'), 'True NotAsked')
    t.equal((await trunkPorts('l23')).length, 2)
    const kindOf = async (port = ''): Promise<string> => {
      const type = (await vsctl(engines, 'get', 'interface', port, 'type')).trim().replaceAll('"', '')
      if (type !== '') return type
      const text = await inNamespace(engines, 'ip', '-d', '-j', 'link', 'show', 'dev', port)
      // What `ip -j` prints.
      return (JSON.parse(text) as { linkinfo?: { info_kind?: string } }[])[0]?.linkinfo?.info_kind ?? 'none'
    }
    const kinds = new Map<string, readonly string[]>()
    for (const link of ['l12', 'l13', 'l23']) kinds.set(link, await Promise.all((await trunkPorts(link)).map(kindOf)))
    t.same(Object.fromEntries(kinds), { l12: ['patch', 'patch'], l13: ['veth', 'veth'], l23: ['patch', 'patch'] })
    const expected = hasNetem ? 'True InForce' : 'False KernelLacksShaper'
    t.equal(await linkSays(sond, 'l13', 'Shaped'), expected, 'delay is in force, or the link says that it is not')
    const shaped = (await sond.object('Link', 'l13'))?.status.conditions.find(({ type }) => type === 'Shaped')
    const words = hasTbf
      ? 'no delay, no jitter, no loss: the kernel has no netem (sch_netem); bandwidth is in force'
      : 'no bandwidth, no delay, no jitter, no loss: the kernel has no netem (sch_netem); frames pass unshaped'
    t.equal(shaped?.message, hasNetem ? 'bandwidth, delay, jitter, loss' : words)
    const events = await sond.sonctl('events', '--for', 'link/l13')
    t.equal(events.stdout.includes('KernelLacksShaper'), !hasNetem, 'and so do its events')
    const [end = ''] = await trunkPorts('l13')
    t.match(
      await queueOf(end),
      hasNetem ? /netem.*delay 10ms\s+1ms loss 0\.001% rate 20Mbit/ : hasTbf ? /tbf.*rate 20Mbit/ : '',
    )
  })

  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
  await sond.drop('cross.yaml', buildManifest('cross', 'chain', placed({ f1: 'dc1', f2: 'dc3', f3: 'dc2' })))
  const cross = await sond.ready('cross')
  const before = await ids()

  await t.test(
    'keep: a chain over several switches has a VLAN of its own, and as much bandwidth as its link',
    async (t) => {
      const vlans = cross.status.links.map(({ vlan }) => vlan)
      t.equal(new Set(vlans).size, 2)
      t.ok(vlans.every((vlan) => vlan !== null))
      t.ok(await carries())
      t.match(await flowsOn('dc1'), new RegExp(`set_field:${4096 + (vlans[0] ?? 0)}->vlan_vid`))
      const roundTrip = await inContainerNetwork(
        engines,
        container('f1'),
        'busybox',
        'ping',
        '-c',
        '3',
        '-i',
        '0.1',
        '10.30.0.2',
      )
      const least = Number(/min\/avg\/max = ([\d.]+)\//.exec(roundTrip)?.[1])
      // 10 ms each way, give or take 1; without netem the link says that it has none.
      if (hasNetem) t.ok(least > 17, `${least} ms there and back`)
      else t.ok(least < 17, `${least} ms there and back, as the link says`)
      const began = performance.now()
      t.ok(await talksTcp(engines, container('f1'), container('f2'), '10.30.0.2'), 'TCP over the shaped link')
      if (hasTbf || hasNetem) t.ok(performance.now() - began > 250, 'a megabyte takes its time at 20 Mbit/s')
    },
  )

  await t.test('a shaping that is taken off by hand comes back', async (t) => {
    if (!hasTbf && !hasNetem) return
    const [end = ''] = await trunkPorts('l13')
    await inNamespace(engines, 'tc', 'qdisc', 'del', 'dev', end, 'root')
    await sond.stop()
    await sond.start()
    await until('the shaping to be back', async () => (await queueOf(end)).includes('20Mbit'), {
      timeout: 15_000,
      every: 200,
    })
    t.pass('the kernel tells nobody, so with the next look at everything')
  })

  await t.test('what is taken from the fabric by hand comes back', async (t) => {
    const [end = ''] = await trunkPorts('l13')
    const [patch = ''] = await trunkPorts('l23')
    const losses: readonly (readonly [string, () => Promise<string>])[] = [
      ['the pair of a link', () => inNamespace(engines, 'ip', 'link', 'del', end)],
      ['a port of a link', () => vsctl(engines, 'del-port', end)],
      ['a patch port', () => vsctl(engines, 'del-port', patch)],
      ['a switch', () => vsctl(engines, 'del-br', 'sond-dc3')],
      ['the switch that a chain enters by', () => vsctl(engines, 'del-br', 'sond-dc1')],
    ]
    for (const [what, take] of losses) {
      await take()
      await until(`${what} to be back`, carries, { timeout: 20_000, every: 50 })
      await until('the links to be joined', async () => (await linkSays(sond, 'l13', 'Ready')) === 'True Joined')
      await sond.ready('cross')
      t.equal((await trunkPorts('l23')).length, 2, what)
    }
    t.same(await ids(), before)
  })

  await t.test('a link is shaped otherwise while frames pass over it', async (t) => {
    const [end = ''] = await trunkPorts('l13')
    const pinging = inContainerNetwork(
      engines,
      container('f1'),
      'busybox',
      'ping',
      '-c',
      '30',
      '-i',
      '0.05',
      '10.30.0.2',
    )
    await sond.drop('l13.yaml', direct({ bandwidth: '300Mbps' }))
    if (hasTbf || hasNetem) await until('the new rate', async () => (await queueOf(end)).includes('300Mbit'))
    await until('the link to say so', async () => (await linkSays(sond, 'l13', 'Shaped')) === 'True InForce' || !hasTbf)
    t.match(await pinging, /30 packets transmitted, 30 packets received/, 'no frame was lost')
    t.ok(await carries())
    await sond.drop('l13.yaml', direct({}))
    await until('a link of patch ports', async () => (await linkSays(sond, 'l13', 'Shaped')) === 'True NotAsked')
    await until('the chain to pass over it', carries, { timeout: 20_000 })
    await sond.ready('cross')
    t.same(await ids(), before, 'no container was touched')
  })

  await t.test('a link that goes: its chains take another way', async (t) => {
    await rm(join(sond.manifests, 'l13.yaml'))
    await until(
      'the way over dc2',
      async () => (await flowsOn('dc2')).split(`dl_vlan=${cross.status.links[0]?.vlan}`).length > 2,
    )
    await until('frames to pass', carries, { timeout: 20_000 })
    t.ok(await talksTcp(engines, container('f1'), container('f2'), '10.30.0.2'))
    const after = await sond.ready('cross')
    t.same(
      after.status.links.map(({ vlan, subnet }) => [vlan, subnet]),
      cross.status.links.map(({ vlan, subnet }) => [vlan, subnet]),
    )
    t.same(await ids(), before)
    await until('its ports to be gone', async () => (await trunkPorts('l13')).length === 0)
  })

  await t.test('no way left is said, and ends when there is one', async (t) => {
    await rm(join(sond.manifests, 'l23.yaml'))
    await until('the links to say so', async () => {
      const { status } = await sond.get('cross')
      return status.links.every(({ chained, reason }) => !chained && reason.includes('no links lead from'))
    })
    t.same(await ids(), before, 'functions run on')
    await sond.drop('l13.yaml', direct({ delay: '40ms' }))
    await sond.drop('l23.yaml', buildLink('l23', ['dc2', 'dc3'], { delay: '5ms' }))
    await sond.ready('cross')
    t.ok(await carries())
  })

  await t.test('keep: a chain takes the shortest way: over the fewest links, or over the least delay', async (t) => {
    const isThroughDc2 = async (): Promise<boolean> =>
      (await flowsOn('dc2')).split(`dl_vlan=${cross.status.links[0]?.vlan}`).length > 2
    t.notOk(await isThroughDc2(), 'over one link')
    const spec = { ...placed({ f1: 'dc1', f2: 'dc3', f3: 'dc2' }), chaining: { path: 'Delay' } }
    await sond.drop('cross.yaml', buildManifest('cross', 'chain', spec))
    await until('two quick links instead of a slow one', isThroughDc2)
    await sond.ready('cross')
    t.ok(await carries())
    t.same(await ids(), before)
  })

  await t.test('keep: an E-LAN over several switches, in a ring: every member hears a frame once', async (t) => {
    const members = ['a', 'b', 'c']
    await sond.drop(
      'lan.son',
      await buildPackage({
        name: 'lan',
        functions: members.map((id) => ({ id, image, interfaces: ['net'] })),
        links: [['lan', 'E-LAN', ...members.map((id) => `${id}:net`)]],
      }),
    )
    await sond.drop('lan.yaml', buildManifest('lan', 'lan', placed({ a: 'dc1', b: 'dc2', c: 'dc3' })))
    await sond.ready('lan')
    t.ok(await pings(engines, 'sond.lan.0.a.0', '10.20.0.2'))
    t.ok(await pings(engines, 'sond.lan.0.b.0', '10.20.0.3'))
    t.ok(await talksTcp(engines, 'sond.lan.0.c.0', 'sond.lan.0.a.0', '10.20.0.1'))
    const received = async (): Promise<number> => {
      const text = await inContainerNetwork(engines, 'sond.lan.0.c.0', 'ip', '-s', '-j', 'link', 'show', 'dev', 'net')
      const [device] = JSON.parse(text) as { stats64: { rx: { packets: number } } }[] // what `ip -s -j` prints
      return device?.stats64.rx.packets ?? Infinity
    }
    t.ok((await received()) < 2000, 'no storm')
  })

  await t.test('a data center in use that goes keeps what it has, and says so', async (t) => {
    await sond.drop('datacenters.yaml', documents(buildDataCenter('dc1'), buildDataCenter('dc2')))
    await until('the instances to say so', async () => {
      const { stdout } = await sond.sonctl('events', '--for', 'instance/cross')
      return stdout.includes('DATA_CENTER_GONE') && /f2.*dc3/.test(stdout)
    })
    const { status } = await sond.ready('cross')
    t.match(status.conditions.find(({ type }) => type === 'Placed')?.message, /f2.*stays in dc3/)
    t.ok(await carries())
    t.same(await ids(), before)
    t.match(await vsctl(engines, 'list-br'), /sond-dc3/)
    await sond.drop('late.yaml', buildManifest('late', 'chain'))
    const late = await sond.ready('late')
    t.notOk(
      late.status.functions.some(({ dataCenter }) => dataCenter === 'dc3'),
      'nothing new comes to it',
    )
  })

  await t.test('and goes when the last function has moved', async (t) => {
    await sond.drop('cross.yaml', buildManifest('cross', 'chain', placed({ f1: 'dc1', f2: 'dc2', f3: 'dc2' })))
    await sond.drop('lan.yaml', buildManifest('lan', 'lan', placed({ a: 'dc1', b: 'dc2', c: 'dc2' })))
    await until('the switch to be gone', async () => !(await vsctl(engines, 'list-br')).includes('sond-dc3'), {
      timeout: 20_000,
    })
    await sond.ready('cross')
    await until('the data to pass', carries)
    await until(
      'the link to nowhere to say so',
      async () => (await linkSays(sond, 'l13', 'Ready')) === 'False DataCenterUnknown',
    )
    t.match((await sond.object('Link', 'l13'))?.status.conditions.find(({ type }) => type === 'Ready')?.message, /dc3/)
  })

  await t.test('mend: nothing stays behind', async (t) => {
    const objects = [
      ...['instance/cross', 'instance/lan', 'instance/late'],
      ...['link/l12', 'link/l13', 'link/l23', 'datacenter/dc1', 'datacenter/dc2'],
    ]
    for (const object of objects) {
      const { code, stderr } = await sond.sonctl('delete', ...object.split('/'), '--wait')
      t.equal(code, 0, `${object} ${stderr}`)
    }
    await until('no switch to be left', async () => (await vsctl(engines, 'list-br')).trim() === '', {
      timeout: 20_000,
    })
    const links = JSON.parse(await inNamespace(engines, 'ip', '-j', 'link', 'show')) as { ifname: string }[] // what `ip -j` prints
    t.same(
      links.map(({ ifname }) => ifname).filter((name) => /^s[vtpb]/.test(name)),
      [],
    )
  })
})
