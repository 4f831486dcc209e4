import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { importBusyboxImage, startTestEngines, type TestEngines } from '../support/engines.ts'
import { startSond, type TestDaemon } from '../support/daemon.ts'
import { inContainerNetwork, inNamespace, management, ofctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { chainEnds, joinEnds, loadOf, movedOf, replicaOfEach, route, trackedReplicas } from '../support/replicas.ts'
import { serveTcp, startTcpClient } from '../support/tcp.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const { client, server, router } = chainEnds('demo')

const scaled = (replicas: number, more: Readonly<Record<string, unknown>> = {}): string =>
  buildManifest('demo', 'chain', { functions: [{ vnfId: 'f2', replicas, ...more }] })

const scale = async (sond: TestDaemon, replicas: number, more?: Readonly<Record<string, unknown>>): Promise<void> => {
  const before = (await sond.get('demo')).metadata.generation
  await sond.drop('demo.yaml', scaled(replicas, more))
  await until('the edit to be taken', async () => (await sond.get('demo')).metadata.generation > before)
  await sond.ready('demo')
}

interface Passed {
  /** Packets from f1 and towards f3; from f3 and towards f1. */
  readonly there: readonly [number, number]
  readonly back: readonly [number, number]
}

/** Packets so far by replica, counted at the switch; of those that are there when it is made. */
const createCounter = async (engines: TestEngines, sond: TestDaemon): Promise<() => Promise<readonly Passed[]>> => {
  const { status } = await sond.get('demo')
  const ports = status.functions
    .filter(({ vnfId }) => vnfId === 'f2')
    .sort((a, b) => a.replica - b.replica)
    .map(
      ({ interfaces }) =>
        (name: string) =>
          interfaces.find((one) => one.name === name)?.switchPort ?? '',
    )
  return async () => {
    const counts = new Map<string, readonly [number, number]>()
    for (const line of (await inNamespace(engines, 'cat', '/proc/net/dev')).split('\n')) {
      const [name = '', ...numbers] = line.trim().split(/[:\s]+/)
      counts.set(name, [Number(numbers[1]), Number(numbers[9])])
    }
    return ports.map((portOf) => {
      const [fromInput, toInput] = counts.get(portOf('input')) ?? [0, 0]
      const [fromOutput, toOutput] = counts.get(portOf('output')) ?? [0, 0]
      return { there: [toInput, fromOutput], back: [toOutput, fromInput] }
    })
  }
}

void t.test('a function in the middle of a chain, scaled in place', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const configuration = `${engines.dir}/sond.yaml`
  // A foreign container that goes gives no hint: the next resync sees it.
  await writeFile(configuration, 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: {resync: 5s}\n')
  const sond = await startSond(t, engines, { args: ['--config', configuration] })
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 4, image)))
  await sond.drop('demo.yaml', scaled(3))
  await sond.ready('demo')
  await joinEnds(engines, 'demo')
  const passed = await createCounter(engines, sond)

  /** What is not scaled: containers with their interfaces, in full. */
  const neighbours = async (): Promise<unknown> => {
    const { status } = await sond.get('demo')
    return status.functions.filter(({ vnfId }) => vnfId !== 'f2')
  }
  const untouched = await neighbours()
  await serveTcp(t, engines, server)
  const peer = await startTcpClient(t, engines, client, '10.30.1.2')

  await t.test('60 of 60 connections work, each by one replica alone', async (t) => {
    const rounds = 20
    const served = [0, 0, 0]
    const before = await passed()
    let last = before
    for (let connection = 0; connection < 60; connection += 1) {
      t.ok(await peer.talk(rounds), `connection ${connection}`)
      const now = await passed()
      const busy = now.map(({ there, back }, replica) => {
        const was = last[replica] ?? { there: [0, 0], back: [0, 0] }
        return [there[0] - was.there[0], there[1] - was.there[1], back[0] - was.back[0], back[1] - was.back[1]]
      })
      last = now
      // A connection is `rounds` packets each way and a few more; what all replicas hear (ARP) is less than that.
      const replicas = busy.flatMap((counts, replica) => (counts.some((count) => count >= rounds) ? [replica] : []))
      t.equal(replicas.length, 1, 'one replica has it')
      const [replica = 0] = replicas
      t.ok(
        busy[replica]?.every((count) => count >= rounds),
        'both ways',
      )
      served[replica] = (served[replica] ?? 0) + 1
    }
    t.comment(`connections by replica: ${served.join(', ')}`)
    t.ok(
      served.every((count) => count >= 5),
      'they spread',
    )
    for (const [replica, { there, back }] of last.entries()) {
      t.ok(Math.abs(there[0] - there[1]) <= 30, `replica ${replica}: in = out towards f3`, { there })
      t.ok(Math.abs(back[0] - back[1]) <= 30, `replica ${replica}: in = out towards f1`, { back })
    }
  })

  await t.test('ARP and ICMP: one answer counts, and comes once', async (t) => {
    for (const [container, address] of [
      [client, '10.30.0.2'],
      [client, '10.30.1.2'],
      [server, '10.30.1.1'],
    ] as const) {
      await inContainerNetwork(engines, container, 'ip', 'neigh', 'flush', 'all')
      const text = await inContainerNetwork(engines, container, 'busybox', 'ping', '-c', '4', '-i', '0.2', address)
      t.match(text, /4 packets transmitted, 4 packets received, 0% packet loss/, text)
      t.notMatch(text, /DUP/)
    }
    const large = await inContainerNetwork(engines, client, 'busybox', 'ping', '-c', '3', '-s', '4000', '10.30.1.2')
    t.match(large, /3 packets received/, 'in fragments too')
  })

  await t.test('IPv6, with addresses of its users', async (t) => {
    const address = async (container: string, device: string, text: string): Promise<void> => {
      const path = `net.ipv6.conf.${device}.disable_ipv6=0`
      await inContainerNetwork(engines, container, 'sysctl', '-q', '-w', path, 'net.ipv6.conf.all.forwarding=1')
      await inContainerNetwork(engines, container, 'ip', 'addr', 'add', text, 'dev', device, 'nodad')
    }
    await address(client, 'output', 'fd00:1::1/64')
    await address(server, 'input', 'fd00:2::2/64')
    for (const replica of [0, 1, 2]) {
      await address(router(replica), 'input', 'fd00:1::2/64')
      await address(router(replica), 'output', 'fd00:2::1/64')
    }
    await route(engines, client, 'fd00:2::/64', 'fd00:1::2')
    await route(engines, server, 'fd00:1::/64', 'fd00:2::1')
    const text = await inContainerNetwork(engines, client, 'busybox', 'ping', '-c', '4', '-i', '0.2', 'fd00:2::2')
    t.match(text, /4 packets transmitted, 4 packets received, 0% packet loss/, text)
    t.notMatch(text, /DUP/)
  })

  await t.test('a replica opens connections of its own', async (t) => {
    for (const replica of [0, 1, 2]) {
      const own = await startTcpClient(t, engines, router(replica), '10.30.1.2')
      for (let count = 0; count < 5; count += 1) t.ok(await own.talk(5), `replica ${replica}`)
    }
  })

  await peer.hold(60)
  /** Every held connection goes on. */
  const flows = async (): Promise<void> => {
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
  /** Of each held connection its replica; both sides of the function know the same. */
  const replicas = (): Promise<ReadonlyMap<number, number>> => replicaOfEach(engines, '10.30.1.2')

  await t.test('3 → 2: the connections of the two that stay stay', async (t) => {
    await flows()
    const before = await replicas()
    t.equal(before.size, 60)
    t.strictSame(loadOf(before), [0, 1, 2])
    const pinging = inContainerNetwork(engines, server, 'busybox', 'ping', '-c', '30', '-i', '0.1', '10.30.2.2')
    await scale(sond, 2)
    await flows()
    const after = await replicas()
    t.strictSame(movedOf(before, after, [2]), [])
    t.strictSame(loadOf(after), [0, 1], 'those of the third go on by the others')
    t.match(await pinging, /30 packets transmitted, 30 packets received/, 'the link beside it loses no packet')
    t.strictSame(await neighbours(), untouched, 'the neighbours are as they were')
  })

  await t.test('2 → 4: no connection moves; new ones spread over all', async (t) => {
    const before = await replicas()
    const pinging = inContainerNetwork(engines, client, 'busybox', 'ping', '-c', '30', '-i', '0.1', '10.30.1.2')
    await scale(sond, 4)
    await flows()
    t.strictSame(movedOf(before, await replicas()), [])
    t.match(await pinging, /30 packets transmitted, 30 packets received/, 'nor does one lose a packet')
    await peer.hold(40)
    await flows()
    const after = await replicas()
    t.strictSame(movedOf(before, after), [])
    t.strictSame(loadOf(after), [0, 1, 2, 3])
    t.strictSame(await neighbours(), untouched)
  })

  await t.test('a replica dies: its connections move, no other does', async (t) => {
    const before = await replicas()
    const started = (await docker.getContainer(router(1)).inspect()).State.StartedAt
    await docker.getContainer(router(1)).kill()
    await until('it to run again', async () => {
      const { State } = await docker.getContainer(router(1)).inspect()
      return State.Running && State.StartedAt !== started
    })
    await sond.ready('demo')
    await flows()
    t.strictSame(movedOf(before, await replicas(), [1]), [])
    t.strictSame(await neighbours(), untouched)
  })

  await t.test('a replica that cannot start is done without', async (t) => {
    const before = await replicas()
    const flowsNow = () => ofctl(engines, '--no-stats', 'dump-flows', management(engines, 'sond-dc1'), 'table=1')
    await docker.getContainer(router(3)).remove({ force: true })
    // A container of someone else in its place.
    await docker.createContainer({ name: router(3), Image: image })
    await until('the others to share the work', async () => !/members:\w+,\w+,\w+,/.test(await flowsNow()), {
      timeout: 20_000,
    })
    await flows()
    t.ok(await peer.talk(5))
    t.strictSame(movedOf(before, await replicas(), [3]), [])
    await docker.getContainer(router(3)).remove({ force: true })
    await until('it to be back', async () => /members:\w+,\w+,\w+,/.test(await flowsNow()), { timeout: 30_000 })
    await sond.ready('demo')
  })

  await t.test('4 → 1 → 3: what the first one had before it has still', async (t) => {
    await scale(sond, 1)
    await flows()
    const text = await ofctl(engines, '--no-stats', 'dump-flows', management(engines, 'sond-dc1'))
    t.notMatch(text, /table=|ct\(|bundle/, 'one replica needs none of this')
    const other = await startTcpClient(t, engines, client, '10.30.1.2')
    await other.hold(20)
    const talk = await startTcpClient(t, engines, client, '10.30.1.2')
    await talk.datagrams(20)
    const known = await trackedReplicas(engines, '10.30.1.2')
    await scale(sond, 3)
    await flows()
    await until(
      'the new ones to be known',
      async () => (await trackedReplicas(engines, '10.30.1.2')).size === known.size + 20,
    )
    const fresh = [...(await trackedReplicas(engines, '10.30.1.2'))].filter(([from]) => !known.has(from))
    t.strictSame(
      fresh.filter(([, set]) => set.size !== 1 || !set.has(0)),
      [],
      'connections from the time when it was alone',
    )
    t.notOk((await other.report()).includes(-1))
    t.strictSame(
      loadOf(await replicaOfEach(engines, '10.30.1.2', 'udp')),
      [0, 1, 2],
      'UDP does not show that it has begun before: it is spread anew',
    )
    const rounds = await talk.report()
    await until('it to go on by whoever has it', async () =>
      (await talk.report()).every((now, index) => now > (rounds[index] ?? 0)),
    )
    t.strictSame(await neighbours(), untouched)
  })

  await t.test('it goes without a trace', async () => {
    await sond.sonctl('delete', 'instance', 'demo')
    await until('the containers to be gone', async () => (await docker.listContainers({ all: true })).length === 0, {
      timeout: 30_000,
    })
    const left = async (): Promise<boolean> =>
      (await inNamespace(engines, 'ls', engines.ovsRunDir)).includes('sond-dc1.mgmt') &&
      (await ofctl(engines, 'dump-flows', management(engines, 'sond-dc1')).catch(() => '')).includes('0x50dd')
    await until('the flows to be gone', async () => !(await left()))
  })
})
