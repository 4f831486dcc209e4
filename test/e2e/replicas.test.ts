import t from 'tap'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { pings } from '../support/reach.ts'
import { chainEnds, joinEnds, loadOf, movedOf, replicaOfEach } from '../support/replicas.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { serveTcp, startTcpClient, type TcpClient } from '../support/tcp.ts'
import { buildDataCenter, buildLink, documents } from '../support/topology.ts'
import { until } from '../support/until.ts'

const plain = 'test/host:1'
const checked = 'test/checked:1'

void t.test('replicas over two data centers, with a check of their health', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, plain)
  // A program that fails is held back after its second failure; one that is killed only when that happens often in little time.
  const program = 'trap "exit 1" USR1; while :; do sleep 1000000 & wait; done'
  await importBusyboxImage(docker, checked, { healthcheck: 'test ! -e /tmp/sick', cmd: ['/bin/sh', '-c', program] })
  const sond = await startSond(t, engines)
  await sond.drop(
    'topology.yaml',
    documents(buildDataCenter('dc1'), buildDataCenter('dc2'), buildLink('dc1-dc2', ['dc1', 'dc2'])),
  )
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, plain)))
  const { client, server, router } = chainEnds('demo')
  const at = (vnfId: string, dataCenter: string) => ({ vnfId, dataCenter })
  const scale = async (replicas: number): Promise<void> => {
    const before = (await sond.get('demo').catch(() => undefined))?.metadata.generation ?? 0
    const functions = [at('f1', 'dc1'), { ...at('f2', 'dc2'), image: checked, replicas }, at('f3', 'dc1')]
    await sond.drop('demo.yaml', buildManifest('demo', 'chain', { functions }))
    await until('the edit to be taken', async () => {
      const now = await sond.get('demo').catch(() => undefined)
      return now !== undefined && now.metadata.generation > before
    })
    await sond.ready('demo')
  }
  const healths = async (): Promise<readonly (string | undefined)[]> =>
    (await sond.get('demo')).status.functions.flatMap(({ vnfId, container }) =>
      vnfId === 'f2' ? [container?.health] : [],
    )
  const allHealthy = (count: number) =>
    until('every check to pass', async () => {
      const all = await healths()
      return all.length === count && all.every((health) => health === 'healthy')
    })
  const neighbours = async () => (await sond.get('demo')).status.functions.filter(({ vnfId }) => vnfId !== 'f2')
  const replicas = (protocol?: 'udp') => replicaOfEach(engines, '10.30.1.2', protocol)
  /** Every conversation goes on, and none broke. */
  const flows = async (peer: TcpClient): Promise<void> => {
    const before = await peer.report()
    await until(
      'every connection to go on',
      async () => {
        const now = await peer.report()
        if (now.includes(-1)) throw new Error(`broken: ${now.join()}`)
        return now.every((rounds, index) => rounds >= (before[index] ?? 0) + 3)
      },
      { timeout: 15_000, every: 50 },
    )
  }

  await scale(1)
  await joinEnds(engines, 'demo')
  await serveTcp(t, engines, server)
  const tcp = await startTcpClient(t, engines, client, '10.30.1.2')
  const udp = await startTcpClient(t, engines, client, '10.30.1.2')
  await tcp.hold(30)
  await udp.datagrams(30)
  await flows(tcp)
  await flows(udp)
  const untouched = await neighbours()

  await t.test(
    '1 → 3: what talks stays with the first, UDP too: the new ones are taken in when their checks pass',
    async (t) => {
      await scale(3)
      await allHealthy(3)
      await flows(tcp)
      t.strictSame(loadOf(await replicas()), [0])
      await flows(udp)
      t.strictSame(loadOf(await replicas('udp')), [0])
      await udp.datagrams(30)
      await until('the new ones to spread', async () => loadOf(await replicas('udp')).join() === '0,1,2')
      for (let count = 0; count < 20; count += 1) t.ok(await tcp.talk(5), `new connection ${count}`)
      await tcp.hold(30)
      t.strictSame(loadOf(await replicas()), [0, 1, 2])
      t.strictSame(await neighbours(), untouched)
    },
  )

  await t.test(
    '3 → 4 → 3: who stays keeps its connections, TCP and UDP, from one data center to the other',
    async (t) => {
      const [before, datagrams] = [await replicas(), await replicas('udp')]
      await scale(4)
      await allHealthy(4)
      await scale(3)
      await flows(tcp)
      await flows(udp)
      t.strictSame(movedOf(before, await replicas()), [])
      t.strictSame(movedOf(datagrams, await replicas('udp')), [])
      t.strictSame(await neighbours(), untouched)
    },
  )

  await t.test('one whose check fails gets no new connection and keeps those it has', async (t) => {
    const before = await replicas()
    await sond.sonctl('exec', 'demo', 'f2', '--replica', '1', '--', 'touch', '/tmp/sick')
    const sick = await until('the failing check to be told, and its links to go by the others', async () => {
      const { status } = await sond.get('demo')
      const told = status.functions.some(({ problem }) => problem === 'its health check fails')
      return (
        told && status.conditions.some(({ type, status: now }) => type === 'LinksReady' && now === 'True') && status
      )
    })
    t.match(
      sick.conditions.find(({ type }) => type === 'ContainersReady'),
      { status: 'False', reason: 'Unhealthy', message: /5 of 5 run; sond\.demo\.0\.f2\.1: its health check fails/ },
    )
    await flows(tcp)
    t.strictSame(movedOf(before, await replicas()), [], 'those it had')
    await tcp.hold(40)
    const fresh = [...(await replicas())].filter(([from]) => !before.has(from))
    t.equal(fresh.length, 40)
    t.strictSame(loadOf(new Map(fresh)), [0, 2])
    await sond.sonctl('exec', 'demo', 'f2', '--replica', '1', '--', 'rm', '/tmp/sick')
    await allHealthy(3)
    await sond.ready('demo')
    const known = await replicas()
    await tcp.hold(40)
    t.strictSame(loadOf(new Map([...(await replicas())].filter(([from]) => !known.has(from)))), [0, 1, 2])
    t.strictSame(await neighbours(), untouched)
  })

  const startOf = async (replica: number): Promise<string> => {
    const { State } = await docker.getContainer(router(replica)).inspect()
    return State.Running ? State.StartedAt : ''
  }
  const healed = async (replica: number, before: string): Promise<void> => {
    await until('it to run again', async () => {
      const now = await startOf(replica)
      return now !== '' && now !== before
    })
  }

  await t.test('one dies: the others keep theirs, and take its own', async (t) => {
    const before = await replicas()
    const started = await startOf(2)
    await docker.getContainer(router(2)).kill()
    await healed(2, started)
    await flows(tcp)
    t.strictSame(movedOf(before, await replicas(), [2]), [])
    await allHealthy(3)
    t.strictSame(await neighbours(), untouched)
  })

  await t.test('one fails again and again: it waits, and is told; the others serve meanwhile', async (t) => {
    const before = await replicas()
    const held = await until(
      'it to be held back',
      async () => {
        const { status } = await sond.get('demo')
        const found = status.functions.find(({ vnfId, replica }) => vnfId === 'f2' && replica === 1)
        // One that is being wired has no program yet that could die.
        const works = found?.container?.state === 'running' && found.problem === undefined
        if (works && (await startOf(1)) !== '') await docker.getContainer(router(1)).kill({ signal: 'SIGUSR1' })
        return status.conditions.find(({ reason, type }) => type === 'ContainersReady' && reason === 'HeldBack')
      },
      { timeout: 30_000, every: 50 },
    )
    t.match(held.message, /^4 of 5 run; sond\.demo\.0\.f2\.1: .* times in a row; next start at \d{4}-/)
    const { status } = await until('the others to serve alone', async () => {
      const now = await sond.get('demo')
      return now.status.conditions.some(({ reason }) => reason === 'ReplicaMissing') && now
    })
    t.strictSame(
      status.links.map(({ chained }) => chained),
      [true, true],
    )
    t.strictSame(
      status.functions.flatMap(({ vnfId, replica, problem }) => (problem === undefined ? [] : [`${vnfId}/${replica}`])),
      ['f2/1'],
    )
    t.match((await sond.sonctl('describe', 'instance', 'demo')).stdout, /f2 +0 +1 .*next start at/)
    await flows(tcp)
    t.strictSame(movedOf(before, await replicas(), [1]), [])
    const known = await replicas()
    await tcp.hold(20)
    t.strictSame(loadOf(new Map([...(await replicas())].filter(([from]) => !known.has(from)))), [0, 2])
  })

  await t.test('on an E-LAN every replica has its own address', async (t) => {
    const functions = ['f1', 'f2'].map((id) => ({ id, image: plain, interfaces: ['lan'] }))
    await sond.drop(
      'lan.son',
      await buildPackage({ name: 'lan', functions, links: [['m', 'E-LAN', 'f1:lan', 'f2:lan']] }),
    )
    const manifest = (count: number) => buildManifest('lan', 'lan', { functions: [{ vnfId: 'f2', replicas: count }] })
    await sond.drop('lan.yaml', manifest(2))
    const addressesOf = ({ status }: Awaited<ReturnType<typeof sond.get>>): readonly string[] =>
      status.functions.flatMap(({ interfaces }) => interfaces.map(({ address, mac }) => `${address ?? ''} ${mac}`))
    const before = addressesOf(await sond.ready('lan'))
    await sond.drop('lan.yaml', manifest(3))
    await until('the third', async () => (await sond.get('lan')).status.functions.length === 4)
    const after = addressesOf(await sond.ready('lan'))
    t.strictSame(after.slice(0, 3), before, 'those that were there keep theirs')
    t.equal(new Set(after.map((text) => text.split(' ')[0])).size, 4, 'four addresses')
    t.equal(new Set(after.map((text) => text.split(' ')[1])).size, 4, 'four MACs')
    for (const text of after.slice(1)) {
      const [address = ''] = text.split(' ')
      t.ok(await pings(engines, chainEnds('lan').client, address), `f1 reaches ${address}`)
    }
  })

  await t.test('the one that waited comes back by itself', async (t) => {
    await until('it to run', async () => (await startOf(1)) !== '', { timeout: 20_000 })
    await allHealthy(3)
    await sond.ready('demo')
    t.strictSame(await neighbours(), untouched)
    const known = await replicas()
    await tcp.hold(40)
    t.strictSame(loadOf(new Map([...(await replicas())].filter(([from]) => !known.has(from)))), [0, 1, 2])
  })
})
