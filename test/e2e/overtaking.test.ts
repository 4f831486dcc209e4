import { execFile } from 'node:child_process'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { ask } from '../support/http.ts'
import { pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const execute = promisify(execFile)

/** A service on real engines, with a count of every container that was ever made. */
void t.test('changes that overtake each other, and things that run out', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const pool = { prefix: '10.30.0.0/16', size: 30, count: 24 }
  const sond = await startSond(t, engines, { settings: { resync: '2s', pools: { eline: pool } } })
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))

  /** `NAME ID` of containers that were made since the last question. */
  let since = Math.floor(Date.now() / 1000) - 60
  const made = async (): Promise<readonly string[]> => {
    const now = Date.now() / 1000
    const { stdout } = await execute('docker', [
      ...['-H', engines.dockerUrl, 'events', '--since', String(since), '--until', String(now)],
      ...['--filter', 'event=create', '--filter', 'type=container', '--format', '{{.Actor.Attributes.name}}'],
    ])
    since = now
    return stdout.split('\n').filter(Boolean).sort()
  }
  const names = async (): Promise<readonly string[]> =>
    (await docker.listContainers()).map(({ Names }) => String(Names).slice(1)).sort()
  const at = (generation: number) =>
    until(
      'the last word',
      async () => {
        const found = await sond.object('ServiceInstance', 'demo')
        return (
          found?.status.observedGeneration === found?.metadata.generation &&
          (found?.metadata.generation ?? 0) >= generation
        )
      },
      { timeout: 20_000 },
    )

  await t.test('two edits within 10 ms: the last word wins, nothing is made twice', async (t) => {
    for (const replicas of [3, 2]) {
      await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas }))
      await delay(10) // what is tested
    }
    await at(1)
    await sond.ready('demo')
    t.same(await names(), ['sond.demo.0.f1.0', 'sond.demo.0.f2.0', 'sond.demo.1.f1.0', 'sond.demo.1.f2.0'])
    t.same(await made(), await names(), 'each was made once')
  })

  await t.test('edits in the middle of what the one before began', async (t) => {
    for (const [generation, replicas] of [
      [2, 4],
      [3, 1],
    ] as const) {
      await sond.drop('demo.yaml', buildManifest('demo', 'chain', { replicas }))
      await until(
        'it to be begun',
        async () =>
          sond.log().includes('carrying out a plan') && (await sond.get('demo')).metadata.generation >= generation,
      )
    }
    await at(3)
    await sond.ready('demo')
    t.same(await names(), ['sond.demo.0.f1.0', 'sond.demo.0.f2.0'])
    const all = await made()
    t.same(all, [...new Set(all)], 'nothing was made twice')
    t.notOk(
      all.some((name) => name.startsWith('sond.demo.0.')),
      'what stayed was not made anew',
    )
  })

  await t.test('a file that is replaced, deleted and back within a moment is one that stayed', async (t) => {
    const path = join(sond.manifests, 'demo.yaml')
    const before = (await docker.getContainer('sond.demo.0.f1.0').inspect()).Id
    await rename(path, `${path}~`)
    await rename(`${path}~`, path)
    await rm(path)
    await writeFile(path, buildManifest('demo', 'chain'))
    await until('a look', async () =>
      (await sond.get('demo')).status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    t.equal((await docker.getContainer('sond.demo.0.f1.0').inspect()).Id, before)
    t.same(await made(), [])
  })

  await t.test('deleted, and made again while it goes: it is there once, and works', async (t) => {
    const path = join(sond.manifests, 'demo.yaml')
    await rm(path)
    await until('its end to begin', async () => (await names()).length < 2, { every: 2 })
    await writeFile(path, buildManifest('demo', 'chain'))
    await sond.ready('demo')
    await until('it to work', () => pings(engines, 'sond.demo.0.f1.0', '10.30.0.2'))
    t.same(await names(), ['sond.demo.0.f1.0', 'sond.demo.0.f2.0'])
    const all = await made()
    t.same(all, [...new Set(all)], 'nothing was made twice')
  })

  await t.test(
    'twenty-four at once and two more: those go without, say so, and come as soon as others leave',
    async (t) => {
      const many = Array.from({ length: 23 }, (_, n) => `many${n}`)
      await sond.drop('many.yaml', many.map((name) => buildManifest(name, 'chain')).join('---\n'))
      await until(
        'them all',
        async () =>
          (await Promise.all(many.map((name) => sond.object('ServiceInstance', name)))).every((one) =>
            one?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
          ),
        { timeout: 60_000, every: 250 },
      )
      await made()
      await sond.drop('late.yaml', buildManifest('late', 'chain'))
      const said = await until('it to say what it lacks', async () => {
        const found = await sond.object('ServiceInstance', 'late')
        return found?.status.conditions.find(({ type, message }) => type === 'Ready' && message.includes('pool eline'))
          ?.message
      })
      t.match(said, /pool eline has no subnet left \(held by instance demo, instance many0, .* and \d+ others\)/)
      await rm(join(sond.manifests, 'demo.yaml'))
      await sond.ready('late', 20_000)
      await until('it to work', () => pings(engines, 'sond.late.0.f1.0', '10.30.0.2'))
      t.same(await made(), ['sond.late.0.f1.0', 'sond.late.0.f2.0'], 'nothing else was touched')
    },
  )

  await t.test(
    'no room in the state directory: it says so, services go on, and it is written when there is room',
    async (t) => {
      const state = join(engines.dir, 'sond', 'state')
      await sond.stop()
      await mkdir(`${state}.kept`)
      await execute('cp', ['-a', `${state}/.`, `${state}.kept`])
      await execute('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', state])
      t.teardown(() => execute('umount', ['-l', state]))
      await execute('cp', ['-a', `${state}.kept/.`, state])
      await sond.start()
      await sond.ready('late')
      await execute('sh', ['-c', `cat /dev/zero > ${state}/filler`]).catch(() => undefined)
      await rm(join(sond.manifests, 'many.yaml'))
      await sond.drop('fresh.yaml', buildManifest('fresh', 'chain'))
      await until(
        'it to say so',
        async () => /state directory.*ENOSPC/.test((await ask({ socketPath: sond.socket }, '/readyz')).text),
        { timeout: 30_000, every: 100 },
      )
      t.ok(await pings(engines, 'sond.late.0.f1.0', '10.30.0.2'), 'what runs, runs on')
      await rm(join(state, 'filler'))
      await sond.ready('fresh', 40_000)
    },
  )
})
