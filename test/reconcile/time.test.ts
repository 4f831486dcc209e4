import t from 'tap'
import { buildManifest, chainSketch } from '../support/service.ts'
import { startLoop, type TestLoop } from './world.ts'

const chain = chainSketch('chain', 3, 'img:1')
const demo = (spec: Readonly<Record<string, unknown>> = {}): string => buildManifest('demo', 'chain', spec)
const year = 365 * 24 * 3_600_000
const resyncMs = 60_000

const running = async (t: Parameters<typeof startLoop>[0]): Promise<TestLoop> => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.calls()
  return loop
}

/** Every container that was made, by name. */
const made = (calls: readonly string[]): readonly string[] =>
  calls.filter((call) => call.startsWith('containers.create ')).map((call) => call.slice('containers.create '.length))

void t.test('a clock that jumps changes nothing that runs, and no wait', async (t) => {
  for (const jump of [year, -year]) {
    const loop = await running(t)
    loop.clock.jump(jump)
    await loop.pass(3 * resyncMs)
    t.same(loop.calls(), [], 'what is right is left alone')
    t.equal(loop.told('demo'), 'Ready')

    loop.failing.add('containers.start')
    loop.hands.kill('sond.demo.0.f2.0')
    await loop.settled()
    t.match(loop.told('demo'), /next try at/)
    loop.clock.jump(-jump)
    loop.controller.poke(loop.files.name('demo'))
    await loop.settled()
    const [, next = ''] = /next try at ([\d:T.-]+Z)/.exec(loop.told('demo')) ?? []
    const wait = Date.parse(next) - loop.clock.now()
    t.ok(wait > 0 && wait < 3_000, `told by the clock as it is now: in ${wait} ms`)
    t.match(loop.condition('demo', 'Stalled')?.message, next)
    loop.failing.clear()
    loop.calls()
    await loop.settled()
    t.same(loop.calls(), [], 'its time has not come')
    await loop.pass(3_000)
    t.equal(loop.told('demo'), 'Ready', 'its time comes as if nothing had been set')

    loop.files.lose('ServiceInstance/demo')
    loop.clock.jump(jump)
    await loop.pass(resyncMs)
    t.not(loop.world.containers.size, 0, 'one sighting, and a jump of the clock, remove nothing')
    await loop.pass(resyncMs)
    t.equal(loop.world.containers.size, 0, 'the second sighting does')
    await loop.stop()
  }
})

void t.test(
  'a clock that is set back an hour: ages go on, nothing is in the future, and flips have their time',
  async (t) => {
    const loop = await running(t)
    const name = loop.files.name('demo')
    const hour = 3_600_000
    loop.clock.step(hour)
    loop.files.apply(demo({ functions: [{ vnfId: 'f2', env: { A: 'b' } }] }))
    await loop.settled()
    loop.clock.jump(-hour)
    const timesOf = (): readonly string[] => [
      ...(loop.board.status(name)?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime),
      ...loop.board.events().flatMap(({ firstSeen, lastSeen }) => [firstSeen, lastSeen]),
    ]
    const age = (type: 'Ready' | 'ContainersReady'): number =>
      loop.clock.now() - Date.parse(loop.condition('demo', type)?.lastTransitionTime ?? '')
    await loop.pass(resyncMs)
    const set = loop.clock.now()
    t.ok(
      timesOf().every((time) => Date.parse(time) <= set),
      'with the next look at everything',
    )
    await loop.pass(5 * resyncMs)
    t.ok(age('Ready') >= 5 * resyncMs && age('Ready') <= 6 * resyncMs, `${age('Ready')} ms`)
    for (const { firstSeen, lastSeen } of loop.board.events()) t.ok(firstSeen <= lastSeen)
    const seen = loop.board.events().map(({ lastSeen }) => lastSeen)
    t.same(seen, [...seen].sort(), 'in the order in which they were told')

    loop.failing.add('containers.start')
    loop.hands.kill('sond.demo.0.f2.0', 1)
    await loop.settled()
    t.equal(loop.condition('demo', 'ContainersReady')?.status, 'False')
    t.equal(age('ContainersReady'), 0)
    t.equal(loop.board.events().at(-1)?.lastSeen, new Date(loop.clock.now()).toISOString())
    loop.clock.jump(-hour)
    loop.controller.poke(name)
    await loop.settled()
    t.equal(age('ContainersReady'), 0)
    const next = Date.parse(/next try at ([\d:T.-]+Z)/.exec(loop.told('demo'))?.[1] ?? '') - loop.clock.now()
    t.ok(next > 0 && next < 3_000, `in ${next} ms`)
  },
)

void t.test('a pass that outlives the resync interval ends, and what came meanwhile is not lost', async (t) => {
  const loop = await running(t)
  const begun = Promise.withResolvers<undefined>()
  const { promise: slow, resolve: go } = Promise.withResolvers<undefined>()
  loop.slow('containers.start', async () => {
    begun.resolve(undefined)
    await slow
  })
  loop.files.apply(demo({ replicas: 2 }))
  await begun.promise
  await loop.pass(3 * resyncMs)
  t.equal(loop.controller.ready().ready, true, 'looks at everything go on beside it')
  loop.files.apply(demo({ replicas: 3 }))
  loop.hands.kill('sond.demo.0.f1.0')
  await loop.pass(resyncMs)
  go(undefined)
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.equal(loop.running().length, 9)
  const names = made(loop.calls())
  t.same(names, [...new Set(names)], 'nothing was made twice')
})

void t.test(
  'a document that changes in the middle of its own turn: the last word wins, nothing is made twice',
  async (t) => {
    for (const call of ['containers.create', 'links.createWire', 'switches.setPort', 'containers.openGate'] as const) {
      const loop = await running(t)
      let edits = 0
      loop.slow(call, async () => {
        edits += 1
        if (edits <= 2) loop.files.apply(demo({ replicas: edits === 1 ? 4 : 2 }))
        await Promise.resolve()
      })
      loop.files.apply(demo({ replicas: 3 }))
      await loop.settled()
      t.equal(loop.told('demo'), 'Ready', call)
      t.equal(loop.running().length, 6, 'the last word')
      t.equal(loop.board.status(loop.files.name('demo'))?.observedGeneration, 4)
      const names = made(loop.calls())
      t.same(names, [...new Set(names)], 'nothing was made twice')
      await loop.stop()
    }
  },
)

void t.test('deleted and made again in the middle of either: it is there once, with what it held', async (t) => {
  for (const call of ['containers.remove', 'switches.removePort', 'containers.create'] as const) {
    const loop = await running(t)
    let times = 0
    loop.slow(call, async () => {
      times += 1
      if (times === 1) loop.files.delete('ServiceInstance/demo')
      if (times === 1) loop.files.apply(demo())
      await Promise.resolve()
    })
    if (call === 'containers.create') loop.files.apply(demo({ functions: [{ vnfId: 'f1', env: { A: 'b' } }] }))
    else loop.files.delete('ServiceInstance/demo')
    await loop.settled()
    t.equal(loop.told('demo'), 'Ready', call)
    t.equal(loop.running().length, 3)
    t.equal(loop.store.get('tombstones', 'ServiceInstance/demo'), undefined)
    await loop.stop()
  }
})
