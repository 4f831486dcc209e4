import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { createOutside } from '../support/outside.ts'
import { carriesTcp, inContainerNetwork, inNamespace, inside, pings, switches, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import { buildDataCenter, buildLink, documents } from '../support/topology.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

/** A firewall between an access point with a container and one to the outside, where a server hangs too; managed by a third. */
const service = {
  name: 'access',
  functions: [
    { id: 'fw', image, interfaces: ['input', 'output', 'mgmt'] },
    { id: 'server', image, interfaces: ['net'] },
  ],
  links: [
    ['in', 'E-Line', 'ns:client', 'fw:input'],
    ['out', 'E-Line', 'fw:output', 'ns:wan'],
    ['published', 'E-Line', 'ns:wan', 'server:net'],
    ['mgmt', 'E-LAN', 'ns:admin', 'fw:mgmt'],
  ],
  points: { 'ns:client': 'internal', 'ns:admin': 'management', 'ns:wan': 'external' },
} as const

void t.test('service access points', async (t) => {
  const engines = await startTestEngines(t)
  await importBusyboxImage(engines.docker, image)
  await importBusyboxImage(engines.docker, 'sonatanfv/son-emu-sap')
  const outside = await createOutside(t, engines)
  // What Docker does to a host.
  await inNamespace(engines, 'iptables', '-P', 'FORWARD', 'DROP')
  const config = join(engines.dir, 'sond.yaml')
  await writeFile(
    config,
    'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: {resync: 2s, saps: {deploy: true}}\n',
  )
  const sond = await startSond(t, engines, { args: ['--config', config] })
  await sond.drop(
    'topology.yaml',
    documents(buildDataCenter('dc1'), buildDataCenter('dc2'), buildLink('l12', ['dc1', 'dc2'])),
  )
  await sond.drop('access.son', await buildPackage(service))
  await sond.drop('demo.yaml', buildManifest('demo', 'access'))
  const demo = await sond.ready('demo')

  const container = (vnf: string): string => `sond.demo.0.${vnf}.0`
  const address = (vnf: string, of: string): string => {
    const found = demo.status.functions
      .find(({ vnfId }) => vnfId === vnf)
      ?.interfaces.find(({ name }) => name === of)?.address
    return found?.split('/')[0] ?? ''
  }
  const sap = (name: string) => demo.status.saps.find((one) => one.name === name)
  const gateway = sap('ns_wan')?.address?.split('/')[0] ?? ''
  const filterRules = async (): Promise<readonly string[]> =>
    (await inNamespace(engines, 'iptables', '-S', 'FORWARD')).split('\n').filter((line) => line.startsWith('-A'))
  const natTables = async (): Promise<string> => inNamespace(engines, 'nft', 'list', 'tables')
  const sapBridges = async (): Promise<readonly string[]> =>
    (await vsctl(engines, '--bare', '--columns=name', 'find', 'bridge', 'external_ids:role=sap'))
      .split('\n')
      .filter((name) => name !== '')

  await t.test('keep: internal and management ones are containers', async (t) => {
    for (const name of ['ns_client', 'ns_admin']) {
      const { Config, State } = await engines.docker.getContainer(container(name)).inspect()
      t.match(Config, { Image: /sonatanfv\/son-emu-sap/, Labels: { 'sond.dev/role': 'sap' } })
      t.ok(State.Running)
    }
    t.ok(await pings(engines, container('ns_client'), address('fw', 'input')), 'over an E-Line')
    t.ok(await pings(engines, container('ns_admin'), address('fw', 'mgmt')), 'over an E-LAN')
    const at = (id: string) => demo.status.functions.find(({ vnfId }) => vnfId === id)?.dataCenter
    t.equal(sap('ns_client')?.dataCenter, at('fw'), 'beside the function they belong to')
  })

  await t.test(
    'keep: an external one is a switch with an address; the host reaches functions through it',
    async (t) => {
      t.equal((await sapBridges()).length, 1)
      t.match(sap('ns_wan'), { type: 'external', address: /^10\.10\.0\.1\/29$/, subnet: '10.10.0.0/29' })
      for (const [vnf, of] of [
        ['fw', 'output'],
        ['server', 'net'],
      ] as const) {
        await inNamespace(engines, 'busybox', 'ping', '-c', '1', '-W', '2', address(vnf, of))
        t.ok(
          await carriesTcp(switches(engines), await inside(engines, container(vnf)), address(vnf, of)),
          `TCP to ${vnf}`,
        )
      }
    },
  )

  await t.test('mend: E-Lines to one external access point give every function an address of its own', async (t) => {
    t.same([address('fw', 'output'), address('server', 'net')].sort(), ['10.10.0.2', '10.10.0.3'])
  })

  const reachesOutside = async (vnf: string): Promise<boolean> => pings(engines, container(vnf), outside.address)

  await t.test(
    'keep: functions reach the outside, which knows nothing of their addresses, and answers come back',
    async (t) => {
      for (const [vnf, of] of [
        ['fw', 'output'],
        ['server', 'net'],
      ] as const) {
        await inContainerNetwork(engines, container(vnf), 'ip', 'route', 'add', 'default', 'via', gateway, 'dev', of)
        t.ok(await reachesOutside(vnf), `${vnf} pings it`)
        t.ok(await carriesTcp(await inside(engines, container(vnf)), outside.place, outside.address), `TCP from ${vnf}`)
      }
    },
  )

  const heals = (what: string, ...command: readonly string[]): Promise<unknown> =>
    t.test(`${what}: the way out is back with the next look`, async (t) => {
      await inNamespace(engines, ...command)
      await until('the outside to be reached', () => reachesOutside('fw'), { timeout: 20_000, every: 100 })
      await sond.ready('demo')
      t.equal((await filterRules()).length, 2)
    })
  await heals('the translation is removed by hand', 'nft', 'delete', 'table', 'ip', 'sond_sond')
  await heals('the filter is flushed', 'iptables', '-F', 'FORWARD')
  await heals('forwarding is switched off', 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=0')
  await heals('the address is taken off', 'ip', 'addr', 'flush', 'dev', (await sapBridges())[0] ?? '')

  await t.test(
    'its switch is deleted: the new one has its hardware address, so that neighbours need not ask',
    async (t) => {
      const [bridge = ''] = await sapBridges()
      const hardware = async (): Promise<string> =>
        /link\/ether \S+/.exec(await inNamespace(engines, 'ip', '-o', 'link', 'show', bridge))?.[0] ?? ''
      const before = await hardware()
      await vsctl(engines, 'del-br', bridge)
      await until('the outside to be reached', () => reachesOutside('fw'), { timeout: 10_000, every: 100 })
      await sond.ready('demo')
      t.same(await sapBridges(), [bridge])
      t.equal(await hardware(), before)
    },
  )

  await t.test('mend: a second instance has access points of its own; it goes with all that is of it', async (t) => {
    await sond.drop('other.yaml', buildManifest('other', 'access'))
    const other = await sond.ready('other')
    t.equal(other.status.saps.find(({ name }) => name === 'ns_wan')?.subnet, '10.10.1.0/29')
    t.equal((await sapBridges()).length, 2)
    t.equal((await filterRules()).length, 4)
    const { code, stderr } = await sond.sonctl('delete', 'instance', 'other', '--wait')
    t.equal(code, 0, stderr)
    t.equal((await sapBridges()).length, 1)
    t.equal((await filterRules()).length, 2, 'the first keeps its own')
    t.ok(await reachesOutside('fw'))
  })

  await t.test('keep: without access points the functions run on', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'access', { saps: { deploy: false } }))
    await until('the new generation', async () => (await sond.get('demo')).status.observedGeneration === 2)
    await sond.ready('demo')
    t.same(await sapBridges(), [])
    t.equal((await engines.docker.listContainers({ filters: { label: ['sond.dev/role=sap'] } })).length, 0)
    t.equal((await engines.docker.listContainers()).length, 2)
    t.same(await filterRules(), [])
    t.notMatch(await natTables(), /sond/)
    await sond.drop('demo.yaml', buildManifest('demo', 'access'))
    await until('the next generation', async () => (await sond.get('demo')).status.observedGeneration === 3)
    await sond.ready('demo')
    t.equal((await sapBridges()).length, 1)
  })

  await t.test('keep: removed with the service, the rules too', async (t) => {
    const { code, stderr } = await sond.sonctl('delete', 'instance', 'demo', '--wait')
    t.equal(code, 0, stderr)
    t.same(await sapBridges(), [])
    t.same(await filterRules(), [])
    t.notMatch(await natTables(), /sond/)
    t.same(await engines.docker.listContainers({ all: true }), [])
  })
})
