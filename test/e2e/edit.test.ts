import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { inContainerNetwork, pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'

void t.test('an edit touches only what it changes', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  await importBusyboxImage(docker, 'test/host:2')
  const sond = await startSond(t, engines)
  await sond.drop('chain.son', await buildPackage(chainSketch('chain', 3, image)))
  await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
  await sond.ready('demo')

  const inspect = (vnf: string, copy = 0) => docker.getContainer(`sond.demo.${copy}.${vnf}.0`).inspect()
  const ids = async (): Promise<Record<string, string>> => ({
    f1: (await inspect('f1')).Id,
    f2: (await inspect('f2')).Id,
    f3: (await inspect('f3')).Id,
  })
  const edit = async (spec: Readonly<Record<string, unknown>>, ref = 'chain'): Promise<void> => {
    const { metadata } = await sond.get('demo')
    await sond.drop('demo.yaml', buildManifest('demo', ref, spec))
    await until('the edit to be taken', async () => (await sond.get('demo')).metadata.generation > metadata.generation)
    await sond.ready('demo')
  }
  const works = async (): Promise<boolean> =>
    (await pings(engines, 'sond.demo.0.f1.0', '10.30.0.2')) && (await pings(engines, 'sond.demo.0.f2.0', '10.30.1.2'))

  await t.test('limits change in place', async (t) => {
    const before = await ids()
    await edit({
      functions: [{ vnfId: 'f2', resources: { cpu: { bandwidth: 0.5 }, memory: { size: 128, unit: 'MB' } } }],
    })
    t.same(await ids(), before)
    const { HostConfig } = await inspect('f2')
    t.equal(HostConfig.Memory, 128 * 1024 * 1024)
    t.equal(HostConfig.CpuQuota, 500_000)
    t.ok(await works())
  })

  await t.test('an environment makes one container anew; the other link loses no packet', async (t) => {
    const before = await ids()
    const pinging = inContainerNetwork(
      engines,
      'sond.demo.0.f2.0',
      'busybox',
      'ping',
      '-c',
      '30',
      '-i',
      '0.1',
      '10.30.1.2',
    )
    await edit({ functions: [{ vnfId: 'f1', env: { MODE: 'strict' } }] })
    const after = await ids()
    t.not(after['f1'], before['f1'])
    t.equal(after['f2'], before['f2'])
    t.equal(after['f3'], before['f3'])
    t.ok((await inspect('f1')).Config.Env.includes('MODE=strict'))
    t.match(await pinging, /30 packets transmitted, 30 packets received/)
    t.ok(await works())
  })

  await t.test('an image, and back to the default by removing the field', async (t) => {
    const before = await ids()
    await edit({ functions: [{ vnfId: 'f3', image: 'test/host:2' }] })
    t.equal((await inspect('f3')).Config.Image, 'test/host:2')
    await edit({})
    const after = await ids()
    t.equal((await inspect('f3')).Config.Image, image)
    t.notOk((await inspect('f1')).Config.Env.includes('MODE=strict'))
    t.equal(after['f2'], before['f2'])
    t.ok(await works())
  })

  await t.test('copies come and go; the first stays', async (t) => {
    const before = await ids()
    await edit({ replicas: 3 })
    t.ok((await inspect('f3', 2)).State.Running)
    await edit({ replicas: 1 })
    t.same(await ids(), before)
    t.equal((await docker.listContainers({ all: true })).length, 3)
  })

  await t.test('another version of the package', async (t) => {
    const before = await ids()
    const next = chainSketch('chain', 3, image)
    const functions = next.functions.map((one) => (one.id === 'f3' ? { ...one, image: 'test/host:2' } : one))
    await sond.drop('chain-2.son', await buildPackage({ ...next, functions, version: '0.2' }))
    await until('the newest version to run', async () => (await sond.get('demo')).status.package?.version === '0.2')
    await sond.ready('demo')
    const after = await ids()
    t.equal(after['f1'], before['f1'])
    t.equal((await inspect('f3')).Config.Image, 'test/host:2')
    await edit({}, 'chain:0.1')
    t.equal((await inspect('f3')).Config.Image, image)
    t.ok(await works())
  })

  await t.test('suspended, nothing is touched', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'chain:0.1', { suspend: true }))
    await until('it to be suspended', async () => (await sond.get('demo')).spec['suspend'] === true)
    await docker.getContainer('sond.demo.0.f1.0').kill()
    const { code, stdout } = await sond.sonctl('diff', 'demo')
    t.equal(code, 1, 'diff shows what it would do')
    t.match(stdout, /start container sond\.demo\.0\.f1\.0/)
    t.notOk((await inspect('f1')).State.Running)
    await edit({}, 'chain:0.1')
    t.ok(await works())
    t.equal((await sond.sonctl('diff', 'demo')).code, 0)
  })

  await t.test('stopped, the manifest stays and everything else goes', async (t) => {
    await sond.drop('demo.yaml', buildManifest('demo', 'chain:0.1', { state: 'Stopped' }))
    await until('the containers to be gone', async () => (await docker.listContainers({ all: true })).length === 0)
    t.equal((await sond.get('demo')).spec['state'], 'Stopped')
    await edit({}, 'chain:0.1')
    t.ok(await works())
  })
})
