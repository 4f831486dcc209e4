import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { apiVersion } from '../../src/model/documents.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { name } from '../support/build.ts'
import { startDaemonWorld } from './world.ts'

const demo = name.object('demo')

void t.test('an instance stays an object until nothing of it is left', async (t) => {
  const { backend, board, changes, directory, watcher, write } = await startDaemonWorld(t)
  await write('demo.yaml', buildManifest('demo', 'chain'))
  await write('other.yaml', buildManifest('other', 'chain'))
  const told = (): readonly string[] =>
    changes
      .splice(0)
      .flatMap((change) =>
        change.type !== 'EVENT' && change.object.kind === 'ServiceInstance'
          ? [`${change.type} ${change.object.metadata.name}`]
          : [],
      )
  t.same(told(), ['ADDED demo', 'ADDED other'])
  const [first] = await backend.list('ServiceInstance')
  t.match(first, { metadata: { name: 'demo', generation: 1, source: 'demo.yaml:1' } })
  await rm(join(directory, 'demo.yaml'))
  await watcher.rescan()
  t.same(told(), ['MODIFIED demo'])
  const leaving = await backend.get('ServiceInstance', 'demo')
  t.match(leaving?.metadata.deletionTimestamp, /^2/)
  t.equal(leaving?.metadata.uid, first?.metadata.uid)
  t.match(leaving?.status.conditions.slice(0, 2), [
    { type: 'Ready', status: 'False', reason: 'Terminating' },
    { type: 'Reconciling', status: 'True', reason: 'Terminating' },
  ])
  board.drop(demo)
  t.same(told(), ['DELETED demo'])
  t.same(
    (await backend.list('ServiceInstance')).map(({ metadata }) => metadata.name),
    ['other'],
  )
  t.equal(await backend.get('ServiceInstance', 'demo'), undefined)
})

void t.test('one that comes back while it leaves is there once, and leaves no more', async (t) => {
  const { backend, directory, watcher, write } = await startDaemonWorld(t)
  await write('keep.yaml', buildManifest('keep', 'chain'))
  await write('demo.yaml', buildManifest('demo', 'chain'))
  await rm(join(directory, 'demo.yaml'))
  await watcher.rescan()
  await write('demo.yaml', buildManifest('demo', 'chain', { replicsa: 2 }))
  t.equal((await backend.list('ServiceInstance')).filter(({ metadata }) => metadata.name === 'demo').length, 1)
  await write('demo.yaml', buildManifest('demo', 'chain'))
  const found = (await backend.list('ServiceInstance')).filter(({ metadata }) => metadata.name === 'demo')
  t.equal(found.length, 1)
  t.equal(found[0]?.metadata.deletionTimestamp, undefined)
})

void t.test(
  'one whose deletion an earlier daemon saw is there too, until nothing of it is left or its document is back',
  async (t) => {
    const { backend, board, changes, write } = await startDaemonWorld(t, {
      remembered: (store) => {
        for (const gone of ['demo', 'back']) {
          const key = `ServiceInstance/${gone}`
          store.set('tombstones', key, {
            key,
            deletedAt: '2026-01-01T00:00:00.000Z',
            file: `${gone}.yaml`,
            generation: 3,
          })
        }
      },
    })
    t.match(await backend.list('ServiceInstance'), [{ metadata: { name: 'back' } }, { metadata: { name: 'demo' } }])
    t.match(await backend.get('ServiceInstance', 'demo'), {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00.000Z', source: 'demo.yaml', generation: 3 },
      status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating' }, { type: 'Reconciling' }] },
    })
    await write('back.yaml', buildManifest('back', 'chain'))
    t.equal((await backend.get('ServiceInstance', 'back'))?.metadata.deletionTimestamp, undefined)
    board.drop(demo)
    t.equal(await backend.get('ServiceInstance', 'demo'), undefined)
    t.match(changes.at(-1), { type: 'DELETED', object: { metadata: { name: 'demo' } } })
  },
)

void t.test('packages and files are told of as they come, change and go', async (t) => {
  const { changes, directory, watcher, write } = await startDaemonWorld(t)
  const told = (): readonly string[] =>
    changes
      .splice(0)
      .flatMap((change) =>
        change.type === 'EVENT' ? [] : [`${change.type} ${change.object.kind} ${change.object.metadata.source}`],
      )
  t.same(told(), ['ADDED DataCenter (implicit)'], 'with the first whole look')
  await write('chain.son', await buildPackage(chainSketch('chain', 2, 'img:1')))
  t.same(told(), ['ADDED Package chain.son', 'ADDED File chain.son'])
  await write('chain.son', 'half of a zip')
  t.same(told(), ['MODIFIED File chain.son'])
  await rm(join(directory, 'chain.son'))
  await watcher.rescan()
  t.same(told(), ['DELETED Package chain.son', 'DELETED File chain.son'])
})

void t.test('what would be done is not told before everything was read', async (t) => {
  let isReady = false
  const { backend, write } = await startDaemonWorld(t, { isReady: () => isReady })
  await write('chain.son', await buildPackage(chainSketch('chain', 2, 'img:1')))
  const manifest = buildManifest('demo', 'chain')
  await write('demo.yaml', manifest)
  await t.rejects(backend.diff('demo'), { code: 'UNAVAILABLE', message: /is not known: waiting/ })
  isReady = true
  t.match((await backend.diff('demo')).text, /create container/)
})

void t.test('packages are found by name, digest and vendor/name:version, and tell who uses them', async (t) => {
  const { backend, write } = await startDaemonWorld(t)
  await write('chain.son', await buildPackage(chainSketch('chain', 2, 'img:1')))
  await write('demo.yaml', buildManifest('demo', 'chain'))
  const [pack] = await backend.list('Package')
  t.same(pack?.status.instances, ['demo'])
  for (const by of [pack?.metadata.name, pack?.spec.digest, 'test.sond.dev/chain:0.1', 'chain.son'])
    t.equal((await backend.get('Package', by ?? ''))?.spec.digest, pack?.spec.digest, String(by))
  t.equal((await backend.list('File')).length, 2)
  t.match(await backend.ready(), { ready: true })
  await t.rejects(backend.diff('nobody'), { code: 'NOT_FOUND' })
  t.match((await backend.diff('demo')).text, /sond\.demo\.0\.f1\.0/)
})

void t.test(
  'a spec is shown in the words of the manifest: what is shown can be written into a file as it is',
  async (t) => {
    const { backend, write } = await startDaemonWorld(t)
    const functions = [
      { vnfId: 'f1', resources: { cpu: { cores: '0,1', bandwidth: 0.5 }, memory: { size: 1.5, unit: 'GB' } } },
      { vnfId: 'f2', resources: { memory: { size: 1000.5, unit: 'KB' } } },
    ]
    const instance = buildManifest('demo', 'chain', { functions, scripts: { stopWait: '1m' } })
    const dc = (name: string, spec: unknown) => ({ apiVersion, kind: 'DataCenter', metadata: { name }, spec })
    const endpoints = ['dc1', 'dc2']
    const link = { endpoints, bandwidth: '1.5Gbps', delay: '1s', jitter: '0.5ms', loss: '0.1%' }
    await write('demo.yaml', instance)
    await write('dc1.yaml', JSON.stringify(dc('dc1', { capacity: { cpu: 8, memory: '16GB' } })))
    await write('dc2.yaml', JSON.stringify(dc('dc2', {})))
    await write('link.yaml', JSON.stringify({ apiVersion, kind: 'Link', metadata: { name: 'way' }, spec: link }))
    const shown = [
      ...(await backend.list('ServiceInstance')),
      ...(await backend.list('DataCenter')),
      ...(await backend.list('Link')),
    ]
    t.match(
      shown.map(({ spec }) => spec),
      [
        {
          functions: [{ resources: { memory: { size: 1536, unit: 'MB' } } }, { resources: { memory: { unit: 'B' } } }],
        },
        { capacity: { cpu: 8, memory: { size: 16, unit: 'GB' } } },
        { capacity: {} },
        { endpoints, bandwidth: '1500Mbps', delay: '1000ms', jitter: '0.5ms', loss: '0.1%' },
      ],
    )
    for (const { kind, metadata, spec } of shown) {
      const file = `${metadata.source.split(':')[0]}`
      await write(file, JSON.stringify({ apiVersion, kind, metadata: { name: metadata.name }, spec }))
      const again = await backend.get(kind, metadata.name)
      t.same(again?.spec, spec, `${kind} ${metadata.name}`)
      t.equal(again?.metadata.generation, 1, 'nothing has changed')
    }
  },
)

void t.test('the data center that is there while none is declared is an object, and says so', async (t) => {
  const { backend, changes, directory, watcher, write } = await startDaemonWorld(t)
  const names = async () =>
    (await backend.list('DataCenter')).map(({ metadata }) => `${metadata.name} ${metadata.source}`)
  t.same(await names(), ['dc1 (implicit)'])
  t.match(await backend.get('DataCenter', 'dc1'), { metadata: { generation: 1 }, spec: { capacity: {} } })
  await t.rejects(backend.delete('DataCenter', 'dc1'), { code: 'NOT_FOUND', next: /no data center is declared/ })
  const told = () =>
    changes.splice(0).flatMap((one) => (one.type === 'EVENT' ? [] : [`${one.type} ${one.object.metadata.name}`]))
  told()
  const dc2 = { apiVersion, kind: 'DataCenter', metadata: { name: 'dc2' }, spec: {} }
  await write('dc2.yaml', JSON.stringify(dc2))
  t.same(await names(), ['dc2 dc2.yaml:1'])
  t.ok(told().includes('DELETED dc1'))
  await watcher.markDeliberate(['dc2.yaml'])
  await rm(join(directory, 'dc2.yaml'))
  await watcher.rescan()
  t.same(await names(), ['dc1 (implicit)'])
  t.ok(told().includes('ADDED dc1'))
})
