import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ConditionType } from '../../src/model/status.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

void t.test('bad files harm nothing that runs', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const sond = await startSond(t, engines)
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
  await sond.ready('demo')
  const idOf = async (): Promise<string> => (await docker.getContainer('sond.demo.0.f1.0').inspect()).Id
  const first = await idOf()

  const condition = async (type: ConditionType) =>
    (await sond.get('demo')).status.conditions.find((one) => one.type === type)
  const unharmed = async (t: { ok(value: unknown, message: string): void; equal(a: unknown, b: unknown): void }) => {
    t.ok(await pings(engines, 'sond.demo.0.f1.0', '10.30.0.2'), 'data passes')
    t.equal(await idOf(), first)
  }

  const refused: readonly (readonly [what: string, content: string, message: RegExp])[] = [
    ['broken YAML', 'apiVersion: [\n', /demo\.yaml:\d+:\d+: /],
    ['an unknown field', buildManifest('demo', 'chain', { replica: 2 }), /demo\.yaml:\d+:\d+: .*replica.*replicas/],
    ['a wrong value', buildManifest('demo', 'chain', { replicas: -1 }), /demo\.yaml:\d+:\d+: .*-1/],
    ['nothing at all', '', /is empty/],
  ]
  for (const [what, content, message] of refused) {
    await t.test(`${what}: Accepted=False with the place and what would be right`, async (t) => {
      await sond.drop('demo.yaml', content)
      const accepted = await until('the refusal', async () => {
        const found = await condition('Accepted')
        return found?.status === 'False' && message.test(found.message) ? found : undefined
      })
      t.match(accepted.message, message)
      await unharmed(t)
      await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
      await until('the mend', async () => (await condition('Accepted'))?.status === 'True')
    })
  }

  await t.test('a manifest that never was right is shown as refused', async (t) => {
    await sond.drop('new.yaml', buildManifest('new', 'chain', { replicas: 'many' }))
    const seen = await until('the report', () => sond.get('new').catch(() => undefined))
    t.match(
      seen.status.conditions.find(({ type }) => type === 'Accepted'),
      { status: 'False', message: /new\.yaml:\d+:\d+: .*many/ },
    )
    await rm(join(sond.manifests, 'new.yaml'))
    await until('it to be gone', async () => (await sond.sonctl('get', 'instance', 'new')).code !== 0)
    await unharmed(t)
  })

  await t.test('it holds over a restart of the daemon', async (t) => {
    await sond.drop('demo.yaml', 'kind: {')
    await until('the refusal', async () => (await condition('Accepted'))?.status === 'False')
    await sond.stop()
    await sond.start()
    t.equal((await condition('Accepted'))?.status, 'False')
    await unharmed(t)
    await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
    await until('the mend', async () => (await condition('Accepted'))?.status === 'True')
  })

  await t.test('an unknown package waits, a broken one is reported', async (t) => {
    await sond.drop('later.yaml', buildManifest('later', 'nobody/nothing:9'))
    await until('the report', async () => {
      const found = await sond.get('later').catch(() => undefined)
      return found?.status.conditions.find(({ type }) => type === 'PackageResolved')?.status === 'False'
    })
    await sond.drop('broken.son', 'this is no zip')
    await until('the report', async () =>
      (await sond.sonctl('get', 'files', '-o', 'json')).stdout.includes('broken.son'),
    )
    const { stdout } = await sond.sonctl('get', 'file', 'broken.son', '-o', 'json')
    t.match(stdout, /"accepted": false/)
    t.match(stdout, /zip/)
    await unharmed(t)
    await rm(join(sond.manifests, 'broken.son'))
    t.equal((await sond.sonctl('delete', 'instance', 'later', '--wait')).code, 0)
  })

  await t.test('what a package breaks in an update keeps the last good one', async (t) => {
    await sond.drop('chain.son', new Uint8Array([0x50, 0x4b, 3, 4]))
    await until('the report', async () =>
      (await sond.sonctl('get', 'file', 'chain.son', '-o', 'json')).stdout.includes('"accepted": false'),
    )
    await unharmed(t)
    await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
    await until('the mend', async () =>
      (await sond.sonctl('get', 'file', 'chain.son', '-o', 'json')).stdout.includes('"accepted": true'),
    )
  })

  await t.test('two files that define one object: the older keeps it', async (t) => {
    await sond.drop('again.yaml', buildManifest('demo', 'chain', { replicas: 5 }))
    await until('the report', async () =>
      (await sond.sonctl('get', 'file', 'again.yaml', '-o', 'json')).stdout.includes('"accepted": false'),
    )
    t.match((await sond.sonctl('get', 'file', 'again.yaml', '-o', 'json')).stdout, /demo\.yaml/)
    t.equal((await docker.listContainers({ all: true })).length, 2)
    await rm(join(sond.manifests, 'again.yaml'))
    await unharmed(t)
  })

  await t.test('the directory moved away, emptied, or replaced by an empty one deletes nothing', async (t) => {
    const away = `${sond.manifests}.away`
    await rename(sond.manifests, away)
    await until(
      'sond to see it',
      async () =>
        (await sond.sonctl('get', 'instances', '-o', 'json')).code === 0 && /cannot|gone|missing|away/.test(sond.log()),
    )
    await unharmed(t)
    await mkdir(sond.manifests)
    await unharmed(t)
    await rm(sond.manifests, { recursive: true })
    await rename(away, sond.manifests)
    await sond.ready('demo')
    await Promise.all(['demo.yaml', 'chain.son'].map((file) => rename(join(sond.manifests, file), `${away}-${file}`)))
    await until('the guard to hold the deletion', async () => (await sond.sonctl('prune')).stdout.includes('demo'))
    await unharmed(t)
    await Promise.all(['demo.yaml', 'chain.son'].map((file) => rename(`${away}-${file}`, join(sond.manifests, file))))
    await until('the guard to let go', async () => !(await sond.sonctl('prune')).stdout.includes('demo'))
    await unharmed(t)
  })

  await t.test('a swap of symbolic links is one change', async (t) => {
    const at = (name: string): string => join(sond.manifests, name)
    await mkdir(at('..v1'))
    await writeFile(at('..v1/mounted.yaml'), buildManifest('mounted', 'chain'))
    await symlink('..v1', at('..data'))
    await symlink('..data/mounted.yaml', at('mounted.yaml'))
    await sond.ready('mounted')
    const mounted = async (): Promise<string> => (await docker.getContainer('sond.mounted.0.f1.0').inspect()).Id
    const id = await mounted()
    await mkdir(at('..v2'))
    await writeFile(at('..v2/mounted.yaml'), buildManifest('mounted', 'chain', { replicas: 2 }))
    await symlink('..v2', at('..data_tmp'))
    await rename(at('..data_tmp'), at('..data'))
    await rm(at('..v1'), { recursive: true })
    await until(
      'the second copy',
      async () => (await docker.listContainers({ filters: { label: ['sond.dev/instance=mounted'] } })).length === 4,
      { timeout: 20_000 },
    )
    t.equal(await mounted(), id, 'the first copy is the same')
    await unlink(at('mounted.yaml'))
    await until(
      'it to be gone',
      async () =>
        (await docker.listContainers({ all: true, filters: { label: ['sond.dev/instance=mounted'] } })).length === 0,
      { timeout: 20_000 },
    )
    await unharmed(t)
  })
})
