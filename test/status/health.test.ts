import t from 'tap'
import { createHands } from '../../src/engine/memory/hands.ts'
import { chainSketch } from '../support/service.ts'
import { createDemo, told } from './pass.ts'

const wells = (status: { readonly functions: readonly { readonly container: { health?: string } | null }[] }) =>
  status.functions.map(({ container }) => container?.health)

t.test('a replica whose check fails is told; its link carries on by the others', async (t) => {
  const demo = await createDemo({
    service: chainSketch('svc', 3, 'img:1'),
    spec: { functions: [{ vnfId: 'f2', replicas: 3, image: 'img:2' }] },
  })
  const hands = createHands(demo.world)
  demo.world.images.checked.add('img:2')
  await demo.converge()
  const begun = demo.status(await demo.look())
  t.match(told(begun, 'Ready'), /^True/, 'nobody waits for the first check')
  t.strictSame(wells(begun), [undefined, 'starting', 'starting', 'starting', undefined])

  for (const replica of [0, 1, 2]) hands.setHealth(`sond.demo.0.f2.${replica}`, replica === 1 ? 'unhealthy' : 'healthy')
  await demo.converge()
  const status = demo.status(await demo.look())
  t.equal(told(status, 'ContainersReady'), 'False Unhealthy: 5 of 5 run; sond.demo.0.f2.1: its health check fails')
  t.match(told(status, 'LinksReady'), /^True Chained: 2 of 2 chained/)
  t.match(told(status, 'Ready'), /^False Unhealthy/)
  t.match(told(status, 'Stalled'), /^False/)
  t.equal(status.functions[2]?.problem, 'its health check fails')
  t.strictSame(wells(status), [undefined, 'healthy', 'unhealthy', 'healthy', undefined])

  hands.kill('sond.demo.0.f2.0')
  t.match(
    told(demo.status(await demo.look()), 'ContainersReady'),
    /^False NotRunning: 4 of 5 run; sond\.demo\.0\.f2\.0: its program ended.*; sond\.demo\.0\.f2\.1: its health check fails$/,
  )
})
