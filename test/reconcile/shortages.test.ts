import t from 'tap'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { buildManifest, chainSketch } from '../support/service.ts'
import { buildDataCenter } from '../support/topology.ts'
import { startLoop } from './world.ts'

const chain = chainSketch('chain', 3, 'img:1')

// The clock of these tests stands still: no look at everything comes to help.

void t.test('who goes without subnets gets them as soon as others give them back', async (t) => {
  const { pools } = defaultConfiguration().spec
  const loop = await startLoop(t, { settings: { pools: { ...pools, eline: { ...pools.eline, count: 2 } } } })
  await loop.files.onboard(chain)
  loop.files.apply(buildManifest('demo', 'chain'))
  await loop.settled()
  loop.files.apply(buildManifest('other', 'chain'))
  loop.files.apply(buildManifest('third', 'chain'))
  await loop.settled()
  t.match(loop.condition('other', 'Stalled'), { status: 'True', message: /pool eline .*held by instance demo/ })
  loop.files.delete('ServiceInstance/demo')
  await loop.settled()
  t.same([loop.told('other'), loop.told('third')].filter((text) => text === 'Ready').length, 1, 'the first that comes')
  loop.files.apply(buildManifest('other', 'chain', { state: 'Stopped' }))
  loop.files.delete('ServiceInstance/other')
  await loop.settled()
  t.equal(loop.told('third'), 'Ready')
})

void t.test('and so does who goes without room in a data center', async (t) => {
  const loop = await startLoop(t)
  loop.files.apply(buildDataCenter('dc1', { capacity: { cpu: 4 } }))
  await loop.files.onboard(chain)
  loop.files.apply(buildManifest('demo', 'chain'))
  await loop.settled()
  loop.files.apply(buildManifest('other', 'chain'))
  await loop.settled()
  t.match(loop.condition('other', 'Placed'), { status: 'False', message: /enough capacity/ })
  loop.files.apply(buildManifest('demo', 'chain', { state: 'Stopped' }))
  await loop.settled()
  t.equal(loop.told('other'), 'Ready')
})
