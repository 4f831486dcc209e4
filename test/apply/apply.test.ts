import t from 'tap'
import { apply, type ApplyOptions } from '../../src/apply/apply.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createWorld, type World } from '../../src/engine/memory/world.ts'
import type { ContainerEngine, Engines } from '../../src/engine/ports.ts'
import type { DesiredState } from '../../src/model/desired.ts'
import type { Plan, StepOutcome } from '../../src/model/plan.ts'
import { observe } from '../../src/observe/observe.ts'
import { plan } from '../../src/plan/plan.ts'
import { builder, name } from '../support/build.ts'
import { calm, converge } from '../support/converge.ts'

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })
const dc1 = build.bridge('sond-dc1')

/** So many functions, each chained to the next. */
const service = (count: number): DesiredState => {
  const containers = Array.from({ length: count }, (_, n) => build.container(`vnf${n}`))
  return build.state({
    bridges: [dc1],
    containers,
    interfaces: containers.map((one, n) => build.wire(one, 'port', `sv${n}`, dc1.name)),
    flows: containers.slice(1).map((_, n) => build.flow(`sv${n}`, `sv${n + 1}`, dc1.name, `link${n}`)),
  })
}

const setUp = (): { world: World; engines: Engines } => {
  const world = createWorld({ datapath: 'netdev' })
  return { world, engines: createMemoryEngines({ owner: 'sond', world }) }
}

const run = async (
  planned: Plan,
  engines: Engines,
  more: Partial<ApplyOptions> = {},
): Promise<ReadonlyMap<string, StepOutcome>> => {
  const told: StepOutcome[] = []
  const outcomes = await apply(planned, engines, {
    signal: new AbortController().signal,
    onOutcome: (outcome) => told.push(outcome),
    buildContext: async () => new Uint8Array(),
    ...more,
  })
  t.same(new Set(told), new Set(outcomes), 'every outcome is told')
  t.same(
    outcomes.map(({ step }) => step.id),
    planned.steps.map(({ id }) => id),
    'one outcome per step, in the order of the plan',
  )
  return new Map(outcomes.map((outcome) => [outcome.step.id, outcome]))
}

const planFor = async (desired: DesiredState, engines: Engines): Promise<Plan> =>
  plan(desired, await observe(desired, engines, 7), calm)

const withContainers = (engines: Engines, more: Partial<ContainerEngine>): Engines => ({
  ...engines,
  containers: { ...engines.containers, ...more },
})

t.test('a failure takes only what depends on it along', async (t) => {
  const { world, engines } = setUp()
  world.failNext({ call: 'containers.start', subject: 'sond.demo.0.vnf0.0' })
  const outcomes = await run(await planFor(service(3), engines), engines)
  t.match(outcomes.get('start:sond.demo.0.vnf0.0'), { result: 'failed', error: { code: 'REFUSED' } })
  t.match(outcomes.get('wire:sv0'), { result: 'skipped', because: 'start:sond.demo.0.vnf0.0' })
  t.match(outcomes.get('port:sv0'), { result: 'skipped', because: 'wire:sv0' })
  t.match(outcomes.get('gate:sond.demo.0.vnf1.0'), { result: 'done' })
  t.match(outcomes.get('flows:sond-dc1'), { result: 'done' })
  const { flows } = await engines.switches.observe({}, [])
  t.match(flows, [{ match: 'in_port=sv1' }], 'the flow that needs the lost port is left out of the bundle')
})

t.test('a bundle of which nothing is left is skipped', async (t) => {
  const { world, engines } = setUp()
  world.failNext({ call: 'links.createWire', subject: 'sv0' })
  const outcomes = await run(await planFor(service(2), engines), engines)
  t.match(outcomes.get('flows:sond-dc1'), { result: 'skipped', because: 'port:sv0' })
})

t.test('removal goes on after a stop script that fails', async (t) => {
  const { world, engines } = setUp()
  const desired = service(1)
  const env = { SON_EMU_CMD_STOP: 'echo bye' }
  await converge({ ...desired, containers: [build.container('vnf0', { env })] }, engines, { cookie: 7 })
  world.failNext({ call: 'containers.runScript' })
  const outcomes = await run(await planFor(build.state(), engines), engines)
  t.equal(outcomes.get('stop-scripts')?.result, 'failed')
  t.equal(outcomes.get('remove:sond.demo.0.vnf0.0')?.result, 'done')
  t.equal(world.containers.size, 0)
})

t.test('at most 8 containers are made or started at a time', async (t) => {
  const { engines } = setUp()
  let [now, most] = [0, 0]
  const slowly =
    <A extends readonly unknown[]>(call: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      now += 1
      most = Math.max(most, now)
      await new Promise((resolve) => setImmediate(resolve))
      await call(...args)
      now -= 1
    }
  const slow = withContainers(engines, {
    create: slowly((container) => engines.containers.create(container)),
    start: slowly((of) => engines.containers.start(of)),
  })
  const outcomes = await run(await planFor(service(20), engines), slow)
  t.ok([...outcomes.values()].every(({ result }) => result === 'done'))
  t.equal(most, 8)
})

t.test('asks once for the process of a container', async (t) => {
  const { engines } = setUp()
  let asked = 0
  const counting = withContainers(engines, {
    pidOf: (of) => {
      asked += 1
      return engines.containers.pidOf(of)
    },
  })
  const desired = service(1)
  const [only] = desired.containers
  if (only === undefined) throw new Error('a container')
  const interfaces = [...desired.interfaces, build.wire(only, 'second', 'svx', dc1.name)]
  await run(await planFor({ ...desired, interfaces }, engines), counting)
  t.equal(asked, 1)
})

t.test('once aborted, what has not begun is cancelled', async (t) => {
  const { world, engines } = setUp()
  const abort = new AbortController()
  const planned = await planFor(service(1), engines)
  const outcomes = await apply(planned, engines, {
    signal: abort.signal,
    buildContext: async () => new Uint8Array(),
    onOutcome: ({ step }) => {
      if (step.kind === 'createContainer') abort.abort()
    },
  })
  const byId = new Map(outcomes.map((outcome) => [outcome.step.id, outcome]))
  t.match(byId.get('start:sond.demo.0.vnf0.0'), { result: 'failed', error: { code: 'CANCELLED' } })
  t.match(byId.get('wire:sv0'), { result: 'skipped' })
  t.equal(world.containers.get('sond.demo.0.vnf0.0')?.state, 'created')
  await converge(service(1), engines, { cookie: 7 })
})

t.test('images are pulled, or built of a folder of a package', async (t) => {
  const { world, engines } = setUp()
  world.images.missing.add('built:1').add('pulled:1')
  const source = { kind: 'build', package: 'sha256:abc', folder: 'docker/fw' } as const
  const containers = [
    build.container('built', { image: name.image('built:1'), imageSource: source }),
    build.container('pulled', { image: name.image('pulled:1') }),
  ]
  const lines: string[] = []
  const asked: string[] = []
  const planned = await planFor(build.state({ containers }), engines)
  const outcomes = await run(planned, engines, {
    buildContext: async (digest, folder) => {
      asked.push(`${digest} ${folder}`)
      return new Uint8Array()
    },
    onProgress: (image, line) => lines.push(`${image}: ${line}`),
  })
  t.ok([...outcomes.values()].every(({ result }) => result === 'done'))
  t.same(asked, ['sha256:abc docker/fw'])
  t.same(lines.sort(), ['built:1: built built:1', 'pulled:1: pulled pulled:1'])
})

t.test('what is thrown and is no error becomes one', async (t) => {
  const { engines } = setUp()
  const rude = withContainers(engines, {
    create: async () => {
      const thrown: unknown = 'no'
      throw thrown // some libraries throw plain text
    },
  })
  const outcomes = await run(await planFor(service(1), engines), rude)
  const outcome = outcomes.get('create:sond.demo.0.vnf0.0')
  t.ok(outcome?.result === 'failed' && outcome.error instanceof Error && outcome.error.message === 'no')
})

t.test('tells how long a step took', async (t) => {
  const { engines } = setUp()
  let time = 0
  const outcomes = await run(await planFor(build.state({ bridges: [dc1] }), engines), engines, {
    monotonic: () => (time += 5),
  })
  t.match(outcomes.get('bridge:sond-dc1'), { result: 'done', ms: 5 })
})
