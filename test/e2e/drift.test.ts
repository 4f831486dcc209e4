import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { inContainerNetwork, inNamespace, management, ofctl, pings, talksTcp, vsctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const bridge = 'sond-dc1'

/**
 * Everything that can be taken from a running service by hand, one after the other. The resync is an hour away, so what heals, heals by
 * an event.
 */
void t.test('drift heals by events', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines, { args: ['--config', await writeConfiguration(engines.dir)] })
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
  const demo = await sond.ready('demo')

  const container = (vnf: string): string => `sond.demo.0.${vnf}.0`
  const port = (vnf: string, name: string): string => {
    const found = demo.status.functions
      .find(({ vnfId }) => vnfId === vnf)
      ?.interfaces.find((one) => one.name === name)?.switchPort
    if (found === undefined) throw new Error(`${vnf} has no interface ${name}`)
    return found
  }
  const flows = async (): Promise<string> =>
    (await ofctl(engines, '--no-stats', 'dump-flows', management(engines, bridge))).split('\n').sort().join('\n')
  const right = await flows()

  const works = async (): Promise<boolean> =>
    (await pings(engines, container('f1'), '10.30.0.2')) && (await pings(engines, container('f2'), '10.30.1.2'))
  const idOf = async (vnf: string): Promise<string> => (await docker.getContainer(container(vnf)).inspect()).Id
  const others = async (): Promise<readonly string[]> => Promise.all([idOf('f1'), idOf('f3')])
  const untouched = await others()

  /** Breaks something, then waits until data passes, the world is as it was, and `also` holds. */
  const heals = (what: string, breakIt: () => Promise<unknown>, also = () => Promise.resolve(true)): Promise<unknown> =>
    t.test(`${what}: comes back`, async (t) => {
      t.ok(await works(), 'it works before')
      await breakIt()
      const healed = async (): Promise<boolean> => (await works()) && (await flows()) === right && (await also())
      await until(`${what} to heal`, healed, { timeout: 30_000, every: 50 })
      t.pass('data passes again and the flows are what they were')
      await sond.ready('demo', 20_000)
      t.same(await others(), untouched, 'the neighbours kept their containers')
    })
  const tcpPasses = (): Promise<boolean> => talksTcp(engines, container('f1'), container('f2'), '10.30.0.2')

  await heals('a container killed', () => docker.getContainer(container('f2')).kill())
  await heals('a container stopped', () => docker.getContainer(container('f2')).stop({ t: 0 }))
  await heals(
    'a container paused',
    () => docker.getContainer(container('f2')).pause(),
    async () => !(await docker.getContainer(container('f2')).inspect()).State.Paused,
  )
  await heals('a container removed', () => docker.getContainer(container('f2')).remove({ force: true }))
  await heals('a container restarted by hand', () => docker.getContainer(container('f2')).restart({ t: 0 }), tcpPasses)
  await heals('a veth deleted on the side of the switch', () =>
    inNamespace(engines, 'ip', 'link', 'del', port('f2', 'input')),
  )
  await heals('a veth deleted inside the container', () =>
    inContainerNetwork(engines, container('f2'), 'ip', 'link', 'del', 'output'),
  )
  await heals('an address removed', () =>
    inContainerNetwork(engines, container('f2'), 'ip', 'addr', 'flush', 'dev', 'input'),
  )
  await heals('an interface set down', () =>
    inContainerNetwork(engines, container('f2'), 'ip', 'link', 'set', 'output', 'down'),
  )
  await heals('a MAC address changed', () =>
    inContainerNetwork(engines, container('f2'), 'ip', 'link', 'set', 'input', 'address', '02:12:34:56:78:9a'),
  )
  await heals(
    'checksum offload switched on',
    () => inContainerNetwork(engines, container('f2'), 'ethtool', '-K', 'input', 'tx', 'on'),
    tcpPasses,
  )
  await heals('the outer end set down', () => inNamespace(engines, 'ip', 'link', 'set', port('f2', 'input'), 'down'))
  await heals('a port deleted', () => vsctl(engines, 'del-port', bridge, port('f2', 'input')))
  await heals('the bridge deleted', () => vsctl(engines, 'del-br', bridge))
  await heals('a flow deleted', () =>
    ofctl(engines, 'del-flows', management(engines, bridge), `in_port=${port('f2', 'input')}`),
  )
  await heals('all flows deleted', () => ofctl(engines, 'del-flows', management(engines, bridge)))
  await heals('a flow altered', () =>
    ofctl(engines, 'mod-flows', management(engines, bridge), `in_port=${port('f1', 'output')},actions=drop`),
  )
  await heals('a flow added with our cookie', async () => {
    const cookie =
      /cookie=(0x50dd[0-9a-f]+)/.exec(await ofctl(engines, 'dump-flows', management(engines, bridge)))?.[1] ?? ''
    await ofctl(
      engines,
      'add-flow',
      management(engines, bridge),
      `cookie=${cookie},priority=99,in_port=${port('f2', 'output')},actions=drop`,
    )
  })

  await t.test('a flow without our cookie stays, and so does a container that is not ours', async (t) => {
    await ofctl(engines, 'add-flow', management(engines, bridge), 'cookie=0x77,priority=1,dl_type=0x88cc,actions=drop')
    await docker.createContainer({ name: 'foreign', Image: image }).then((one) => one.start())
    await docker.getContainer(container('f2')).kill()
    await until('the service to heal', works, { timeout: 20_000 })
    t.match(await flows(), /cookie=0x77/)
    t.ok((await docker.getContainer('foreign').inspect()).State.Running)
    await ofctl(engines, 'del-flows', management(engines, bridge), 'cookie=0x77/-1')
    await docker.getContainer('foreign').remove({ force: true })
  })

  await t.test('limits changed by hand come back in place', async (t) => {
    const id = await idOf('f2')
    await docker.getContainer(container('f2')).update({ Memory: 96 * 1024 * 1024, MemorySwap: 96 * 1024 * 1024 })
    await until('the limit to be back', async () => {
      const { HostConfig } = await docker.getContainer(container('f2')).inspect()
      return HostConfig.Memory === 64 * 1024 * 1024
    })
    t.equal(await idOf('f2'), id, 'the container is the same')
  })

  await heals('the switch daemon killed', async () => {
    process.kill(engines.pids()['ovs-vswitchd'] ?? 0, 'SIGKILL')
    await until(
      'the switch daemon to be back',
      () =>
        vsctl(engines, 'show').then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
  })

  await t.test('a daemon that only warns reports drift and repairs nothing', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'chain', { driftMode: 'Warn' }))
    await until('the new generation', async () => (await sond.get('demo')).status.observedGeneration === 2)
    await docker.getContainer(container('f2')).kill()
    await until('the drift to be reported', async () => {
      const { status } = await sond.get('demo')
      return status.conditions.some(({ type, status: value }) => type === 'Drifted' && value === 'True')
    })
    t.notOk((await docker.getContainer(container('f2')).inspect()).State.Running)
    await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
    await until('enforcement to bring it back', works, { timeout: 20_000 })
  })
})

const writeConfiguration = async (dir: string): Promise<string> => {
  const path = `${dir}/sond.yaml`
  await writeFile(path, 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: {resync: 1h}\n')
  return path
}
