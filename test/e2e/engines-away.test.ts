import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { ask } from '../support/http.ts'
import { inside, management, ofctl } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const execute = promisify(execFile)

/** Programs that hang: stopped as a debugger would, sockets and all stay. */
void t.test('engines that hang, at start and later', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines)
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
  await sond.ready('demo')

  const hung = new Set<number>()
  const hang = (...programs: readonly string[]): void => {
    for (const program of programs) {
      const pid = engines.pids()[program] ?? 0
      process.kill(pid, 'SIGSTOP')
      hung.add(pid)
    }
  }
  const goOn = (): void => {
    for (const pid of hung) process.kill(pid, 'SIGCONT')
    hung.clear()
  }
  t.teardown(goOn)
  const ids = (): Promise<readonly string[]> =>
    docker
      .listContainers({ all: true, filters: { label: ['sond.dev/instance=demo'] } })
      .then((all) => all.map(({ Id, Names }) => `${String(Names)} ${Id}`).sort())
  const flows = async (): Promise<string> =>
    (await ofctl(engines, '--no-stats', 'dump-flows', management(engines, 'sond-dc1'))).split('\n').sort().join('\n')
  // Docker cannot be asked for it while it hangs.
  const [file, ...place] = await inside(engines, 'sond.demo.0.f1.0')
  const works = (): Promise<boolean> =>
    execute(file, [...place, 'busybox', 'ping', '-c', '1', '-W', '1', '10.30.0.2']).then(
      () => true,
      () => false,
    )
  /** It answers, and soon. */
  const answer = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const began = performance.now()
    const { status, text } = await ask({ socketPath: sond.socket }, path)
    if (performance.now() - began > 2_000) throw new Error(`${path} took ${performance.now() - began} ms`)
    return { status, text }
  }
  const saysOf = (engine: RegExp): Promise<string> =>
    until(
      '/readyz to say so',
      async () => {
        const { status, text } = await answer('/readyz')
        return status === 503 && engine.test(text) && text
      },
      { timeout: 30_000, every: 100 },
    )
  const before = { ids: await ids(), flows: await flows() }

  await t.test(
    'the switch daemon hangs in the middle of an edit: the edit is made when it goes on, once',
    async (t) => {
      hang('ovs-vswitchd')
      await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas: 2 }))
      await until('the edit to be read', async () => (await sond.get('demo')).metadata.generation === 2)
      t.equal((await answer('/healthz')).status, 200)
      t.equal((await answer('/metrics')).status, 200)
      t.same(await ids(), before.ids, 'what cannot be seen in full is not changed')
      goOn()
      await sond.ready('demo', 30_000)
      t.same(
        (await ids()).filter((one) => before.ids.includes(one)),
        before.ids,
        'what was there is as it was',
      )
      t.equal((await ids()).length, 4)
    },
  )

  const grown = { ids: await ids(), flows: await flows() }
  await t.test('Docker and the switch database hang together: it says so, and takes nothing for gone', async (t) => {
    hang('dockerd', 'ovsdb-server')
    t.ok(await works(), 'what runs, runs on')
    t.match(await saysOf(/did not answer in time|does not answer/), /docker|ovsdb/)
    await until(
      'the instance to say so',
      async () => {
        const { status } = await sond.get('demo')
        return status.conditions.some(
          ({ type, status: value, message }) => type === 'Ready' && value === 'Unknown' && message.includes('answer'),
        )
      },
      { timeout: 40_000, every: 100 },
    )
    t.ok(await works())
    await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas: 1 }))
    goOn()
    await until('the edit that came meanwhile', async () => (await ids()).length === 2, { timeout: 40_000, every: 100 })
    await sond.ready('demo', 30_000)
    t.same(await ids(), before.ids, 'nothing was made anew')
    t.equal(await flows(), before.flows)
    t.not(grown.flows, before.flows)
    await until('/readyz', async () => (await answer('/readyz')).status === 200, { timeout: 20_000 })
  })

  await t.test('hanging at the start of the daemon: it waits, and touches nothing', async (t) => {
    await sond.stop()
    hang('dockerd', 'ovs-vswitchd')
    await sond.start()
    t.match(await saysOf(/./), /docker|containers|switch/)
    t.equal((await answer('/healthz')).status, 200)
    await sond.drop('other.yaml', buildManifest('other', 'chain'))
    goOn()
    await sond.ready('demo', 40_000)
    await sond.ready('other', 40_000)
    t.same(await ids(), before.ids)
    t.ok(await works())
  })

  await t.test('ended while everything hangs: it ends within seconds', async (t) => {
    hang('dockerd', 'ovsdb-server', 'ovs-vswitchd')
    const began = performance.now()
    t.equal(await sond.stop(), 0)
    t.ok(performance.now() - began < 6_000, `${Math.round(performance.now() - began)} ms`)
    goOn()
  })
})
