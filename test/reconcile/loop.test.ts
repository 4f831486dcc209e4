import { parse } from 'yaml'
import t from 'tap'
import { buildManifest, chainSketch } from '../support/service.ts'
import { startLoop } from './world.ts'

const chain = chainSketch('chain', 3, 'img:1')
const demo = (spec: Readonly<Record<string, unknown>> = {}): string => buildManifest('demo', 'chain', spec)
const f = (vnf: number, copy = 0): string => `sond.demo.${copy}.f${vnf}.0`

void t.test('a manifest and a package, in either order', async (t) => {
  const loop = await startLoop(t)
  loop.files.apply(demo())
  await loop.settled()
  t.match(loop.told('demo'), /False PackageNotFound/)
  t.same(loop.running(), [])
  await loop.files.onboard(chain)
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.same(loop.running(), [f(1), f(2), f(3)])
  loop.calls()
  await loop.pass(300_000)
  t.same(loop.calls(), [], 'what is right is left alone')
})

void t.test('what happened is told: few events, each with its cause', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  const begun = loop.events('instance/demo')
  t.match(begun.join('\n'), /^ContainerStarted: sond\.demo\.0\.f1\.0, .*: container is missing$/m)
  t.match(begun.join('\n'), /^FlowsChanged: sond-dc1: 4 missing$/m)
  t.match(begun.join('\n'), /^Ready: /m)
  t.ok(begun.length < 10, begun.join('\n'))
  loop.hands.kill(f(2))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.match(
    loop.events('instance/demo').join('\n'),
    /^ContainerStarted: sond\.demo\.0\.f2\.0: container exited with code 137$/m,
  )
  loop.hands.deleteFlow(
    'sond-dc1',
    10,
    `in_port=${loop.board.status(loop.files.name('demo'))?.functions[0]?.interfaces[1]?.switchPort}`,
  )
  await loop.settled()
  t.match(loop.events('instance/demo').join('\n'), /^FlowsChanged: sond-dc1: 1 missing$/m)
})

void t.test('every line of a turn bears its id', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  const lines = loop.log.lines.filter(({ message }) => ['carrying out a plan', 'step done'].includes(message))
  t.ok(lines.length > 10)
  t.ok(lines.every(({ fields }) => typeof fields['reconcileId'] === 'string'))
  const ids = new Set(
    lines.filter(({ fields }) => fields['key'] === 'instance/demo').map(({ fields }) => fields['reconcileId']),
  )
  t.equal(ids.size, 1, 'of one turn one id')
  const hints = loop.log.lines.filter(({ message }) => message === 'hint')
  t.ok(hints.length > 0 && hints.every(({ fields }) => fields['reconcileId'] === undefined), 'hints belong to no turn')
})

void t.test('nothing is decided before files and engines were read in full', async (t) => {
  const first = await startLoop(t)
  await first.files.onboard(chain)
  first.files.apply(demo())
  await first.settled()
  await first.stop()
  first.calls()

  await t.test('files', async (t) => {
    first.files.setComplete(false)
    const loop = await startLoop(t, { before: first })
    loop.files.apply(demo({ replicas: 2 }))
    await loop.pass(5_000)
    t.same(first.calls(), [], 'nothing was done')
    t.match(loop.controller.ready(), { ready: false, message: /directory \/manifests cannot be read: make it/ })
    const told = loop.log.lines.filter(({ message }) => message === 'turn failed')
    t.ok(told.length > 0)
    for (const { fields } of told) t.equal(fields['stack'], undefined, 'it is no bug of ours')
    loop.files.setComplete(true)
    await loop.pass(60_000)
    t.equal(loop.told('demo'), 'Ready')
    t.equal(loop.running().length, 6)
  })
})

void t.test('engines that are away at start, and later', async (t) => {
  for (const kind of ['containers', 'switches', 'links'] as const) {
    await t.test(kind, async (t) => {
      const loop = await startLoop(t, { prepare: ({ away }) => void away.add(kind) })
      await loop.files.onboard(chain)
      loop.files.apply(demo())
      await loop.pass(5_000)
      t.match(loop.controller.ready(), { ready: false, message: /does not answer/ })
      t.match(loop.told('demo'), /Unknown NotObserved: .*does not answer/)
      t.same(loop.calls(), [])
      loop.away.clear()
      await loop.pass(60_000)
      t.same(loop.controller.ready(), { ready: true, message: '' })
      t.equal(loop.told('demo'), 'Ready')

      loop.away.add(kind)
      loop.files.apply(demo({ replicas: 2 }))
      await loop.pass(120_000)
      t.match(loop.controller.ready(), { ready: false, message: /does not answer/ })
      t.match(loop.told('demo'), /Unknown NotObserved: .*does not answer/)
      t.equal(loop.running().length, 3, 'what runs is left as it is')
      loop.away.clear()
      await loop.pass(60_000)
      t.equal(loop.told('demo'), 'Ready')
      t.equal(loop.running().length, 6)
    })
  }
})

void t.test('two edits in one moment: the last word wins, and nothing is done twice', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.calls()
  loop.files.apply(demo({ replicas: 3 }))
  await new Promise((resolve) => setImmediate(resolve)) // in the middle of the turn
  loop.files.apply(demo({ replicas: 2 }))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.equal(loop.running().length, 6)
  const calls = loop.calls().filter((call) => call.startsWith('containers.create '))
  t.same(calls, [...new Set(calls)], 'each was made once')
})

void t.test('an edit at any moment of a turn is not lost', async (t) => {
  for (let moment = 0; moment < 60; moment += 4) {
    const loop = await startLoop(t, { state: t.testdir({}) })
    await loop.files.onboard(chain)
    loop.files.apply(demo())
    for (let n = 0; n < moment; n += 1) await Promise.resolve()
    loop.files.apply(demo({ functions: [{ vnfId: 'f1', env: { MODE: String(moment) } }] }))
    await loop.settled()
    t.equal(loop.board.status(loop.files.name('demo'))?.observedGeneration, 2, `after ${moment} steps`)
    await loop.stop()
  }
})

void t.test('deleted and made again at once', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.files.delete('ServiceInstance/demo')
  await new Promise((resolve) => setImmediate(resolve))
  loop.files.apply(demo())
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.same(loop.running(), [f(1), f(2), f(3)])
  t.equal(loop.store.get('tombstones', 'ServiceInstance/demo'), undefined)
})

void t.test('deleted: nothing is left of it, on engines or in memory', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.hands.kill(f(1), 1)
  await loop.settled()
  t.equal(loop.store.list('histories').size, 3)
  loop.files.delete('ServiceInstance/demo')
  await loop.settled()
  t.equal(loop.world.containers.size, 0)
  t.equal(loop.world.bridges.size, 0, 'the switch that stood for it alone goes too')
  t.equal(loop.context.book.view().allocations.size, 0)
  t.equal(loop.context.wishes.size, 0)
  for (const kind of ['histories', 'statuses', 'tombstones'] as const) t.equal(loop.store.list(kind).size, 0, kind)
  t.equal(loop.told('demo'), 'undefined undefined: undefined')
})

void t.test('deleted while no daemon ran, with nothing on the engines: the tombstone goes', async (t) => {
  const loop = await startLoop(t, {
    prepare: ({ files, store }) => {
      files.watcher(store)
      files.delete('ServiceInstance/demo')
    },
  })
  t.equal(loop.store.list('tombstones').size, 0)
})

void t.test('suspended: nothing is touched, and what it holds stays its own', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo({ replicas: 2 }))
  await loop.settled()
  const held = loop.context.book.of(loop.files.name('demo'))
  loop.calls()
  loop.files.apply(demo({ replicas: 1, suspend: true }))
  loop.hands.kill(f(1))
  await loop.pass(120_000)
  t.same(loop.calls(), [])
  t.equal(loop.condition('demo', 'Stalled')?.reason, 'Suspended')
  t.same(loop.context.book.of(loop.files.name('demo')), held)
  loop.files.apply(demo({ replicas: 1 }))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.equal(loop.running().length, 3)
})

void t.test('driftMode Warn: put in place once, then only reported', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.world.images.unknown.add('img:1')
  loop.world.images.missing.add('img:1')
  loop.files.apply(demo({ driftMode: 'Warn' }))
  await loop.settled()
  t.match(loop.told('demo'), /False ImageUnavailable/)
  loop.world.images.unknown.clear()
  await loop.pass(300_000)
  t.equal(loop.told('demo'), 'Ready', 'until it is in place it is worked on')
  loop.calls()
  loop.hands.kill(f(1))
  await loop.pass(120_000)
  t.same(loop.calls(), [])
  t.equal(loop.condition('demo', 'Drifted')?.status, 'True')
  t.match(loop.told('demo'), /^False/)
  loop.files.apply(demo({ driftMode: 'Enforce' }))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
})

void t.test(
  'driftMode Warn: what was in place once is only reported, whatever it went through meanwhile',
  async (t) => {
    const first = await startLoop(t)
    await first.files.onboard(chain)
    first.files.apply(demo({ driftMode: 'Warn' }))
    await first.settled()
    t.equal(first.told('demo'), 'Ready')

    await t.test('a container that the engine is removing, until it has gone', async (t) => {
      const container = first.world.containers.get(f(1))
      if (container === undefined) throw new Error('there is no such container')
      first.calls()
      container.state = 'removing'
      first.world.tell('containers', { instance: first.files.name('demo'), cause: 'container is going' })
      await first.settled()
      t.match(first.told('demo'), /^False NotRunning: .* it is removing/)
      first.hands.removeContainer(f(1))
      await first.pass(120_000)
      t.same(first.calls(), [], 'nothing was repaired')
      t.equal(first.condition('demo', 'Drifted')?.status, 'True')
    })

    await t.test('an engine that was away', async (t) => {
      first.away.add('containers')
      await first.pass(120_000)
      t.match(first.told('demo'), /^Unknown/)
      first.away.clear()
      await first.pass(120_000)
      t.same(first.calls(), [])
      t.equal(first.condition('demo', 'Drifted')?.status, 'True')
    })

    await t.test('a new generation is put in place', async (t) => {
      first.files.apply(demo({ driftMode: 'Warn', replicas: 2 }))
      await first.settled()
      t.equal(first.told('demo'), 'Ready')
    })

    await t.test('an engine that is away when the daemon starts', async (t) => {
      await first.stop()
      const state = t.testdir({})
      const loop = await startLoop(t, { state, before: first })
      await loop.settled()
      t.equal(loop.told('demo'), 'Ready')
      await loop.stop()
      loop.hands.kill(f(2))
      const next = await startLoop(t, { state, before: loop, prepare: ({ away }) => void away.add('containers') })
      await next.pass(120_000)
      next.calls()
      next.away.clear()
      await next.pass(120_000)
      t.same(next.calls(), [])
      t.equal(next.condition('demo', 'Drifted')?.status, 'True')
      await next.stop() // before its directory, which was made first, is removed
    })
  },
)

void t.test('driftMode Warn: one that comes back while it is taken away is put in place again', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo({ driftMode: 'Warn' }))
  await loop.settled()
  loop.failing.add('switches.removePorts').add('containers.remove')
  loop.files.delete('ServiceInstance/demo')
  await loop.settled()
  t.ok(loop.calls().length > 0, 'some of it has gone')
  loop.failing.clear()
  loop.files.apply(demo({ driftMode: 'Warn' }))
  await loop.pass(300_000)
  t.equal(loop.told('demo'), 'Ready')
  t.same(loop.running(), [f(1), f(2), f(3)])
})

void t.test('Stopped and Running again', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.files.apply(demo({ state: 'Stopped' }))
  await loop.settled()
  t.match(loop.told('demo'), /False Stopped/)
  t.equal(loop.world.containers.size, 0)
  t.equal(loop.world.bridges.size, 0)
  t.equal(loop.context.book.view().allocations.size, 0)
  loop.files.apply(demo())
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
})

void t.test('an image that cannot be had affects its function alone, waits, and recovers by itself', async (t) => {
  const loop = await startLoop(t)
  const [f1, f2, f3, f4] = chainSketch('chain', 4, 'img:1').functions
  if (f1 === undefined || f2 === undefined || f3 === undefined || f4 === undefined) throw new Error('four')
  await loop.files.onboard({ ...chainSketch('chain', 4, 'img:1'), functions: [f1, f2, f3, { ...f4, image: 'far:1' }] })
  loop.world.images.missing.add('far:1')
  loop.world.images.unknown.add('far:1')
  loop.files.apply(demo())
  await loop.settled()
  t.same(loop.running(), [f(1), f(2), f(3)])
  const { functions, links } = loop.board.status(loop.files.name('demo')) ?? { functions: [], links: [] }
  t.same(
    links.map(({ chained }) => chained),
    [true, true, false],
  )
  t.match(functions.find(({ vnfId }) => vnfId === 'f4')?.problem, /next try at 2026-01-01T00:00:02/)
  loop.calls()
  await loop.pass(10_000)
  const tries = loop.calls()
  t.same(new Set(tries), new Set(['containers.pullImage far:1']), 'nothing else is touched')
  t.ok(tries.length <= 3, 'and it is not hammered')
  loop.world.images.unknown.clear()
  await loop.pass(30_000)
  t.equal(loop.told('demo'), 'Ready')
  t.equal(loop.context.failures.all().size, 0)
})

void t.test('a step that fails for good is tried less and less, whatever hints it causes', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.failing.add('switches.setPort')
  loop.files.apply(demo())
  await loop.pass(60_000)
  const tries = loop.log.lines.filter(
    ({ message, fields }) => message === 'step failed' && fields['step'] !== undefined,
  )
  t.ok(tries.length > 6 && tries.length < 120, `${tries.length} tries`)
  for (let n = 0; n < 50; n += 1) {
    loop.controller.poke(loop.files.name('demo'))
    await loop.settled()
  }
  const more = loop.log.lines.filter(({ message }) => message === 'step failed').length
  t.equal(more, tries.length, 'hints do not make it tried again')
  loop.failing.clear()
  await loop.pass(60_000)
  t.equal(loop.told('demo'), 'Ready')
})

void t.test(
  'while a step waits for its next try, the status says why it failed and when that is, whoever looks',
  async (t) => {
    const loop = await startLoop(t)
    await loop.files.onboard(chain)
    const limited = (size: number) =>
      demo({ functions: [{ vnfId: 'f2', resources: { memory: { size, unit: 'MB' } } }] })
    loop.files.apply(limited(64))
    await loop.settled()
    loop.failing.add('containers.updateLimits')
    loop.files.apply(limited(128))
    const says = /the engine refused .*; next try at (2026-01-01T00:0\d:\d\d\.\d{3}Z)/
    const next = (): string => {
      const stalled = loop.condition('demo', 'Stalled')
      t.match(stalled, { status: 'True', reason: 'Blocked', message: says })
      t.match(loop.condition('demo', 'Reconciling'), { status: 'False', reason: 'Blocked' })
      const problem = loop.board.status(loop.files.name('demo'))?.functions.find(({ vnfId }) => vnfId === 'f2')?.problem
      t.match(problem, says)
      return says.exec(stalled?.message ?? '')?.[1] ?? ''
    }
    await loop.pass(10_000)
    const first = next()
    t.ok(Date.parse(first) > loop.clock.now(), first)
    const tries = (): number => loop.log.lines.filter(({ message }) => message === 'step failed').length
    const before = tries()
    loop.controller.poke(loop.files.name('demo'))
    await loop.settled()
    t.equal(tries(), before, 'a look does not try')
    t.equal(next(), first)
    loop.clock.step(Date.parse(first) - loop.clock.now() + 1)
    await loop.settled()
    t.equal(tries(), before + 1, 'it is tried when it was said to be')
    t.ok(next() > first)
    loop.failing.clear()
    await loop.pass(60_000)
    t.equal(loop.told('demo'), 'Ready')
    t.equal(loop.condition('demo', 'Stalled')?.status, 'False')
    t.equal(loop.context.stuck.size, 0)
  },
)

for (const declared of [true, false])
  void t.test(
    `${declared ? 'data centers' : 'the implicit data center'}: a switch that cannot be looked at is told; without containers all is as it was`,
    async (t) => {
      const loop = await startLoop(t)
      await loop.files.onboard(chain)
      loop.files.apply(demo())
      if (declared)
        loop.files.apply('apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\nspec: {}\n')
      const ready = (of = loop): string => {
        const found = of.board.topology('DataCenter/dc1')?.conditions.find(({ type }) => type === 'Ready')
        return `${found?.status} ${found?.reason}: ${found?.message}`
      }
      await loop.settled()
      t.equal(ready(), 'True SwitchUp: switch sond-dc1')
      loop.away.add('containers')
      await loop.pass(120_000)
      t.equal(ready(), 'True SwitchUp: switch sond-dc1')
      loop.away.add('switches')
      await loop.pass(120_000)
      t.match(ready(), /^Unknown NotObserved: the engine does not answer/)
      loop.away.clear()
      await loop.pass(60_000)
      t.equal(ready(), 'True SwitchUp: switch sond-dc1')
    },
  )

void t.test('a turn that throws harms no other, and is told', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.board.onStatus(() => {
    throw new Error('a listener with a bug')
  })
  loop.files.apply(demo())
  loop.files.apply(buildManifest('other', 'chain'))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.equal(loop.told('other'), 'Ready')
  t.ok(loop.log.lines.some(({ message }) => message === 'a listener of the status board failed'))
  loop.world.failNext({ call: 'containers.observe', subject: 'demo' })
  loop.controller.poke(loop.files.name('demo'))
  await loop.settled()
  t.match(loop.events('instance/demo').at(-1), /^ReconcileFailed: /)
  t.equal(loop.told('demo'), 'Ready', 'one that fails once says nothing of the service')
  await loop.pass(2_000)
  t.equal(loop.controller.ready().ready, true)
})

void t.test('a crash loop waits; an edit is tried at once', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  for (let n = 0; n < 2; n += 1) {
    loop.hands.kill(f(2), 1)
    await loop.settled()
  }
  t.match(loop.told('demo'), /HeldBack/)
  loop.files.apply(demo({ functions: [{ vnfId: 'f2', env: { FIXED: 'yes' } }] }))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
})

void t.test('a restart changes nothing that is right', async (t) => {
  const first = await startLoop(t)
  await first.files.onboard(chain)
  first.files.apply(demo({ replicas: 2 }))
  first.files.apply(buildManifest('other', 'chain'))
  await first.settled()
  const book = [...first.context.book.view().allocations].sort()
  await first.stop()
  first.calls()
  await t.test('also without its state', async (t) => {
    const loop = await startLoop(t, { before: first })
    t.same(first.calls(), [])
    t.equal(loop.told('demo'), 'Ready')
    t.equal(parse(JSON.stringify(loop.context.book.view().allocations.size)), 2)
    t.equal(
      JSON.stringify([...loop.context.book.view().allocations].map(([name, { cookie }]) => [name, cookie]).sort()),
      JSON.stringify(book.map(([name, { cookie }]) => [name, cookie]).sort()),
    )
  })
})

void t.test('ends everything when asked to, with the switches', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  loop.files.apply('apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc7}\nspec: {}\n')
  await loop.settled()
  t.ok(loop.world.bridges.size > 0)
  await loop.controller.terminate()
  t.equal(loop.world.containers.size, 0)
  t.equal(loop.world.bridges.size, 0)
})

void t.test('an end of everything waits for no engine for ever', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(demo())
  await loop.settled()
  loop.away.add('containers')
  const over = loop.controller.terminate()
  await loop.pass(61_000)
  await over
  t.ok(loop.log.lines.some(({ message }) => message === 'not every service could be ended'))
})
