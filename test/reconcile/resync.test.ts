import t from 'tap'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { buildManifest, chainSketch } from '../support/service.ts'
import { startLoop, type TestLoop } from './world.ts'

const chain = chainSketch('chain', 2, 'img:1')
const demo = buildManifest('demo', 'chain')

const running = async (t: Parameters<typeof startLoop>[0]): Promise<TestLoop> => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo)
  await loop.settled()
  if (loop.told('demo') !== 'Ready') throw new Error(loop.told('demo'))
  await loop.pass(2_000)
  loop.calls()
  return loop
}

/** As when an engine comes back: look everywhere. */
const lookAtAll = ({ world }: TestLoop): void => world.tell('switches', { cause: 'it is back' })

void t.test('an orphan goes at the second sighting, and is told', async (t) => {
  const loop = await running(t)
  loop.files.lose('ServiceInstance/demo')
  lookAtAll(loop) // its first sighting
  await loop.pass(2_000)
  lookAtAll(loop)
  await loop.pass(2_000)
  t.same(loop.calls(), [], 'a moment later is no second one')
  await loop.pass(4_000)
  t.equal(loop.world.containers.size, 0)
  t.equal(loop.world.bridges.size, 0)
  t.match(loop.events('instance/demo').join('\n'), /^OrphanRemoved: no manifest defines demo/m)
  t.equal(loop.store.list('tombstones').size, 0)
  t.equal(loop.context.book.view().allocations.size, 0)
})

void t.test(
  'none goes while the directory may be hiding something, and what was seen meanwhile does not count',
  async (t) => {
    const loop = await running(t)
    loop.files.lose('ServiceInstance/demo')
    await loop.pass(60_000)
    loop.files.setGaps(['demo.yaml is still being written'])
    await loop.pass(300_000)
    t.equal(loop.world.containers.size, 2)
    t.match(loop.events('file/.'), [/^OrphansKept: demo: running without a manifest, kept because demo.yaml is still/])
    loop.files.setGaps([])
    loop.hands.restartSwitch() // has everything looked at
    await loop.pass(1_000)
    t.equal(loop.world.containers.size, 2, 'its first sighting')
    await loop.pass(70_000)
    t.equal(loop.world.containers.size, 0)
  },
)

void t.test('one that was seen to be deleted goes at once, gaps or not', async (t) => {
  const loop = await running(t)
  loop.files.setGaps(['other.yaml is still being written'])
  loop.files.delete('ServiceInstance/demo')
  await loop.settled()
  t.equal(loop.world.containers.size, 0)
})

void t.test(
  'engines that are away at the start, and long: what waits comes within seconds of them, and nothing floods',
  async (t) => {
    for (const kind of ['containers', 'switches', 'links'] as const) {
      const loop = await startLoop(t, { prepare: ({ away }) => away.add(kind) })
      await loop.files.onboard(chain)
      loop.files.apply(demo)
      await loop.pass(580_000)
      t.match(loop.told('demo'), /Unknown .*does not answer/, kind)
      t.equal(loop.events('daemon/sond').length, 1, 'told once')
      const lines = loop.log.lines.filter(({ message }) => message === 'turn failed').length
      t.ok(lines < 40, `${lines} lines of the log in ten minutes`)
      loop.away.clear()
      await loop.pass(5_000)
      t.equal(loop.told('demo'), 'Ready', kind)
      t.equal(loop.controller.ready().ready, true)
      await loop.stop()
    }
  },
)

void t.test(
  'every engine that is away is named, also by what waits for them; one that comes back no longer',
  async (t) => {
    const loop = await running(t)
    loop.away.add('containers').add('links')
    await loop.pass(200_000)
    const both = /engine=containers.*; .*engine=links/
    t.match(loop.controller.ready(), { ready: false, message: both })
    t.match(loop.told('demo'), both)
    loop.away.delete('containers')
    await loop.pass(200_000)
    t.match(loop.controller.ready().message, /^[^;]*engine=links[^;]*$/)
    loop.away.clear()
    await loop.pass(5_000)
    t.same(loop.controller.ready(), { ready: true, message: '' })
  },
)

void t.test('a look at everything that one engine cuts short concludes nothing', async (t) => {
  for (const kind of ['containers', 'switches', 'links'] as const) {
    const loop = await running(t)
    loop.files.lose('ServiceInstance/demo')
    loop.away.add(kind)
    await loop.pass(200_000)
    loop.away.clear()
    t.same(loop.calls(), [], kind)
    t.equal(loop.store.list('tombstones').size, 0)
    t.equal(loop.context.book.view().allocations.size, 1)
    await loop.stop()
  }
})

void t.test('from the outset, whoever started the loop is told of the claim', async (t) => {
  let count = 0
  const loop = await startLoop(t, {
    prepare: ({ world }) => void world.locks.set('sond', {}),
    refused: () => (count += 1),
  })
  t.equal(count, 1)
  t.same(loop.calls(), [])
})

void t.test('another daemon has the claim: nothing is done, and it is told; given back, work goes on', async (t) => {
  const loop = await startLoop(t, { prepare: ({ world }) => void world.locks.set('sond', {}) })
  await loop.files.onboard(chain)
  loop.files.apply(demo)
  await loop.pass(10_000)
  t.same(loop.calls(), [])
  t.match(loop.controller.ready(), { ready: false, message: /another running sond/ })
  loop.world.locks.clear()
  await loop.pass(60_000)
  t.equal(loop.told('demo'), 'Ready')

  const twin = createMemoryEngines({ owner: 'sond', world: loop.world })
  loop.world.locks.clear()
  t.equal(await twin.switches.claim(), true)
  await loop.pass(60_000) // noticed at the next look at everything at the latest
  loop.calls()
  loop.hands.kill('sond.demo.0.f1.0')
  await loop.pass(30_000)
  t.same(loop.calls(), [], 'it is the other that mends')
  t.equal(loop.controller.ready().ready, false)
  await twin.switches.close()
  await loop.pass(120_000)
  t.equal(loop.told('demo'), 'Ready')
})

void t.test('what is booked of an instance that went while everything was looked at is given back', async (t) => {
  const loop = await running(t)
  const held = loop.context.book.of(loop.files.name('demo'))
  loop.files.delete('ServiceInstance/demo')
  await loop.settled()
  if (held !== undefined) loop.context.book.set(held) // as that look would
  await loop.pass(61_000)
  t.equal(loop.context.book.view().allocations.size, 0)
})

void t.test('hints for everywhere are one look, however many', async (t) => {
  const loop = await running(t)
  const before = loop.log.lines.length
  for (let n = 0; n < 40; n += 1) {
    lookAtAll(loop)
    await loop.pass(10)
  }
  await loop.pass(1_000)
  const looks = new Set(
    loop.log.lines
      .slice(before)
      .filter(({ fields }) => fields['key'] === 'resync')
      .map(({ fields }) => fields['reconcileId']),
  )
  t.ok(looks.size <= 3, `${looks.size} looks`)
  t.equal(loop.told('demo'), 'Ready')
})
