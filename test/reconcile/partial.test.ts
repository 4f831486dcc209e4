// One replica of several fails: the others serve, it is told, and it comes back.
import t, { type Test } from 'tap'
import { EngineError } from '../../src/model/errors.ts'
import { buildManifest } from '../support/service.ts'
import {
  chain,
  comesBack,
  failsAlone,
  idsOf,
  moment,
  neighbours,
  portsOf,
  problems,
  replica,
  scaled,
  servingFrom,
  start,
  statusOf,
} from './scaled.ts'
import { startLoop, type TestLoop } from './world.ts'

/** Names of ports do not change from one world to the next. */
const portNames = async (t: Test): Promise<readonly string[]> => {
  const loop = await start(t)
  const names = portsOf(loop, 1)
  await loop.stop()
  return names
}

const flowsOf = async (loop: TestLoop) => (await loop.engines.switches.observe({}, [])).flows

void t.test('a part of one replica cannot be made: the others serve, at the roll-out and later', async (t) => {
  const ports = await portNames(t)
  const calls = [
    ...['containers.create', 'containers.start', 'containers.openGate'].map((call) => `${call} ${replica(1)}`),
    ...ports.flatMap((port) => ['links.createWire', 'switches.setPort'].map((call) => `${call} ${port}`)),
  ]
  for (const call of calls) {
    await t.test(call, async (t) => {
      const loop = await start(t, ({ failing }) => void failing.add(call))
      await failsAlone(t, loop, /the engine refused/)
      const ids = idsOf(loop, [...neighbours, replica(0), replica(2)])
      const before = await flowsOf(loop)
      const lists: unknown[] = []
      loop.slow('switches.changeFlows', async () => void lists.push(await servingFrom(loop)))
      await loop.pass(120_000)
      await failsAlone(t, loop, /the engine refused/)
      t.same(lists, [], 'rules stand still while it is tried again')
      t.same(await flowsOf(loop), before)
      loop.failing.clear()
      await comesBack(t, loop)

      loop.failing.add(call)
      loop.hands.deletePort('sond-dc1', ports.find((port) => call.endsWith(port)) ?? ports[0] ?? '')
      if (!call.startsWith('switches.')) loop.hands.removeContainer(replica(1))
      await loop.settled()
      await failsAlone(t, loop, /the engine refused/)
      loop.failing.clear()
      await comesBack(t, loop)
      t.same(idsOf(loop, [...neighbours, replica(0), replica(2)]), ids, 'the others were not touched')
    })
  }
})

void t.test('connections of a replica with one side go by the others', async (t) => {
  const loop = await start(t)
  const [input = '', output = ''] = portsOf(loop, 1)
  const over = async (): Promise<number> =>
    (await flowsOf(loop)).filter(
      ({ actions }) => actions.endsWith(`output:${input}`) || actions.includes(`members:${input})`),
    ).length
  t.ok((await over()) > 0)
  loop.failing.add(`switches.setPort ${output}`)
  loop.hands.deletePort('sond-dc1', output)
  await loop.settled()
  t.equal(await over(), 0)
  loop.failing.clear()
  await comesBack(t, loop)
  t.ok((await over()) > 0)
})

void t.test('other rules that are lost while it waits come back at once', async (t) => {
  const loop = await start(t, ({ failing }) => void failing.add(`containers.openGate ${replica(1)}`))
  await loop.pass(200_000)
  const before = await flowsOf(loop)
  for (const { priority, match } of before.filter((flow) => flow.match.startsWith('in_port')))
    loop.hands.deleteFlow('sond-dc1', priority, match)
  await loop.settled()
  const places = (flows: typeof before) =>
    flows.map(({ priority, match, actions }) => `${priority} ${match} ${actions}`)
  t.same(places(await flowsOf(loop)).sort(), places(before).sort())
  await failsAlone(t, loop, /the engine refused/)
})

void t.test('a paused one that cannot be woken', async (t) => {
  const loop = await start(t)
  loop.failing.add(`containers.unpause ${replica(1)}`)
  loop.hands.pause(replica(1))
  await loop.settled()
  await failsAlone(t, loop, /the engine refused/)
  t.match(loop.condition('demo', 'LinksReady'), {
    reason: 'ReplicaMissing',
    message: 'l1: interface f2:input of replica 1 has no part: its program does not run',
  })
  loop.failing.clear()
  await comesBack(t, loop)
})

void t.test('where nothing is repaired, a replica with one side that gets connections is told', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(buildManifest('demo', 'chain', { driftMode: 'Warn', functions: [{ vnfId: 'f2', replicas: 3 }] }))
  await loop.settled()
  loop.hands.deletePort('sond-dc1', portsOf(loop, 1)[1] ?? '')
  await loop.settled()
  t.match(loop.condition('demo', 'LinksReady'), {
    status: 'False',
    reason: 'NotChained',
    message: /^1 of 2 chained; l1: \d+ of \d+ flow rules are missing.* l2: interface f2:output of replica 1 is not on/,
  })
})

void t.test('a bridge that cannot be mended is tried once a turn, whatever rules there are', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.files.apply(buildManifest('demo', 'chain'))
  await loop.settled()
  let tries = 0
  loop.slow('switches.setBridge', async () => {
    tries += 1
    await Promise.resolve()
    throw new EngineError('REFUSED', { reason: 'not today' })
  })
  const bridge = loop.world.bridges.get('sond-dc1')
  const [flow] = await flowsOf(loop)
  if (bridge === undefined || flow === undefined) throw new Error('no bridge, or no flow')
  loop.hands.addFlow('sond-dc1', flow.cookie, 77, 'in_port=LOCAL', 'drop')
  const altered = Object.entries(bridge.externalIds).map(
    ([key, id]) => [key, key.includes('owner') ? id : `${id}x`] as const,
  )
  Object.assign(bridge, { externalIds: Object.fromEntries(altered) })
  loop.controller.poke(loop.files.name('demo'))
  await loop.settled()
  t.equal(tries, 1)
})

void t.test('what fails and why is told with one time for its next try', async (t) => {
  const loop = await start(t, ({ failing }) => void failing.add(`containers.openGate ${replica(1)}`))
  const times = ['ContainersReady', 'Stalled'] as const
  const told = times.map((type) => /next try at (\S+Z)/.exec(loop.condition('demo', type)?.message ?? '')?.[1])
  t.same(told, [told[0], told[0]])
  t.match(problems(loop)['0/f2/1'], told[0])
})

void t.test('one replica crashes again and again', async (t) => {
  for (const [code, times] of [
    [1, 2],
    [137, 7],
  ] as const) {
    await t.test(`with code ${code}`, async (t) => {
      const loop = await start(t)
      for (let n = 0; n < times; n += 1) {
        loop.hands.kill(replica(1), code)
        await loop.settled()
      }
      await failsAlone(
        t,
        loop,
        new RegExp(`f2\\.1: its program ended with code ${code}.* times in a row; next start at`),
      )
      t.match(loop.condition('demo', 'LinksReady'), {
        status: 'False',
        reason: 'ReplicaMissing',
        message: /^2 of 2 chained; l1: interface f2:input of replica 1 is not there/,
      })
      t.match(problems(loop)['0/f2/1'], moment)
      loop.calls()
      await loop.pass(5_000)
      t.same(loop.calls(), [], 'it waits')
      await comesBack(t, loop)
    })
  }
})

void t.test('one that dies while it is wired is told by how it died, and started again at once', async (t) => {
  const loop = await start(t)
  const codes = [137, 1]
  loop.slow('links.createWire', async () => {
    if (loop.world.containers.get(replica(1))?.state === 'running') loop.hands.kill(replica(1), codes.shift())
    if (codes.length === 0) loop.slow('links.createWire', () => Promise.resolve())
    await Promise.resolve()
  })
  loop.hands.kill(replica(1), 1)
  await loop.settled()
  t.match(problems(loop)['0/f2/1'], /^its program ended with code 1 after .* 3 times in a row; next start at/)
  t.equal(loop.world.containers.get(replica(1))?.state, 'exited')
  await comesBack(t, loop)
})

void t.test('a replica that dies once does not unchain its links', async (t) => {
  const loop = await start(t)
  const seen: boolean[] = []
  loop.board.onStatus(() => void seen.push(...statusOf(loop).links.map(({ chained }) => chained)))
  loop.hands.kill(replica(1), 1)
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  t.ok(seen.length > 0)
  t.same(
    seen.filter((chained) => !chained),
    [],
  )
})

void t.test('limits of one replica cannot be changed: it runs on as it was, and is told', async (t) => {
  const loop = await start(t)
  loop.failing.add(`containers.updateLimits ${replica(1)}`)
  loop.files.apply(scaled({ resources: { memory: { size: 128, unit: 'MB' } } }))
  await loop.settled()
  t.same(await servingFrom(loop), ['0,1,2', '0,1,2'])
  t.match(loop.condition('demo', 'Stalled'), { status: 'True', message: /f2\.1: the engine refused.*next try at/ })
  t.match(problems(loop), { '0/f2/1': moment })
  t.equal(Object.keys(problems(loop)).length, 1)
  t.same(
    [0, 1, 2].map((number) => loop.world.containers.get(replica(number))?.limits.memoryBytes),
    [128, 64, 128].map((mebibytes) => mebibytes * 2 ** 20),
  )
  loop.failing.clear()
  await comesBack(t, loop)
})

void t.test('the start script of one replica fails: it runs, and is told', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.failing.add(`containers.runScript ${replica(1)}`)
  loop.files.apply(scaled({ env: { SON_EMU_CMD: 'echo ready' } }))
  await loop.settled()
  const script = loop.world.containers.get(replica(1))?.scripts.start
  Object.assign(script ?? {}, { command: 'exit 3' })
  loop.failing.clear()
  await loop.pass(1_000)
  t.same(await servingFrom(loop), ['0,1,2', '0,1,2'])
  t.equal(loop.told('demo'), 'Ready')
  t.match(loop.condition('demo', 'Stalled')?.message, /f2\.1: its start script .*code 3; next try at/)
  t.match(problems(loop), { '0/f2/1': /its start script .*code 3; next try at/ })
  t.equal(Object.keys(problems(loop)).length, 1)
  Object.assign(script ?? {}, { command: 'exit 0' })
  await comesBack(t, loop)
})

void t.test('every replica fails: the link is not chained, and comes back', async (t) => {
  const loop = await start(t)
  for (let n = 0; n < 2; n += 1) {
    for (const number of [0, 1, 2]) loop.hands.kill(replica(number), 1)
    await loop.settled()
  }
  t.match(loop.condition('demo', 'LinksReady'), { status: 'False', reason: 'NotChained', message: /^0 of 2 chained/ })
  await comesBack(t, loop)
})

void t.test('the function of one copy fails: the other copy is untouched', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  loop.failing.add('containers.start sond.demo.1.f2.0')
  loop.files.apply(buildManifest('demo', 'chain', { replicas: 2 }))
  await loop.settled()
  t.match(problems(loop), { '1/f2/0': /the engine refused.*next try at/ })
  t.same(Object.keys(problems(loop)), ['1/f2/0'])
  t.same(
    statusOf(loop).links.map(({ copy, chained }) => `${copy} ${String(chained)}`),
    ['0 true', '0 true', '1 false', '1 false'],
  )
  t.match(loop.told('demo'), /sond\.demo\.1\.f2\.0: the engine refused.*next try at/)
  const ids = idsOf(loop, loop.running())
  const before = loop.running()
  loop.failing.clear()
  await loop.pass(60_000)
  t.equal(loop.told('demo'), 'Ready')
  t.same(idsOf(loop, before), ids)
})
