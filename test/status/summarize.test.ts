import fc from 'fast-check'
import t from 'tap'
import type { ActualState, ObservedContainer } from '../../src/model/actual.ts'
import { EngineError } from '../../src/model/errors.ts'
import type { Plan, Step } from '../../src/model/plan.ts'
import { asOwned } from '../../src/model/ownership.ts'
import { conditionTypes, type ConditionType, type InstanceStatus } from '../../src/model/status.ts'
import { stampConditions, type Verdict } from '../../src/status/conditions.ts'
import type { PassResult } from '../../src/status/input.ts'
import { initialStatus } from '../../src/status/summarize.ts'
import { name } from '../support/build.ts'
import { chainSketch, type ServiceSketch } from '../support/service.ts'
import { createDemo, earlier, later, told, type Demo } from './pass.ts'

const chain = (): Promise<Demo> => createDemo({ service: chainSketch('svc', 3, 'img:1') })

/** The pass of a converged demo, with what was observed changed. */
const seen = async (demo: Demo, change: (actual: ActualState) => Partial<ActualState>): Promise<PassResult> => {
  await demo.converge()
  const { actual } = await demo.look()
  return demo.look({ actual: { ...actual, ...change(actual) } })
}

const withContainer = (actual: ActualState, vnf: string, change: Partial<ObservedContainer>): Partial<ActualState> => ({
  containers: actual.containers.map((one) => (one.vnf === vnf ? { ...one, ...change } : one)),
})

const failed = (step: Step, message: string): PassResult['outcomes'][number] => ({
  step,
  result: 'failed',
  ms: 1,
  error: new EngineError('REFUSED', { why: message }),
})

const stepOf = (plan: Plan, kind: Step['kind']): Step => {
  const found = plan.steps.find((step) => step.kind === kind)
  if (found === undefined) throw new Error(`the plan has no ${kind}`)
  return found
}

t.test('before the first turn nothing is known, and no generation is observed', async (t) => {
  const { entry } = await chain()
  const status = initialStatus(entry, earlier)
  t.equal(status.observedGeneration, 0)
  t.match(told(status, 'Ready'), /^Unknown NotObserved/)
  t.match(told(status, 'Accepted'), /^True Valid/)
  t.strictSame(
    status.conditions.map(({ type }) => type),
    conditionTypes,
  )
})

t.test('a roll-out: not ready, reconciling, told what is missing', async (t) => {
  const demo = await chain()
  const status = demo.status(await demo.look())
  t.match(told(status, 'Ready'), /^False (NotPresent|Fetching|NotRunning)/)
  t.match(told(status, 'ContainersReady'), /^False NotRunning: 0 of 3 run; sond\.demo\.0\.f1\.0: it is not there yet;/)
  t.match(told(status, 'LinksReady'), /^False NotChained: 0 of 2 chained; l1: interface f1:output is not there/)
  t.match(told(status, 'Reconciling'), /^True Applying: \d+ steps left: /)
  t.match(told(status, 'Drifted'), /^False RollingOut/)
  t.match(status.functions, [{ vnfId: 'f1', container: null, problem: 'it is not there yet' }, {}, {}])
})

t.test('all runs: ready, with everything a user asks for', async (t) => {
  const demo = await chain()
  await demo.converge()
  const status = demo.status(await demo.look(), { restarts: () => 2 })
  t.equal(told(status, 'Ready'), 'True Ready: all functions run and all links are chained')
  t.strictSame(
    status.conditions.filter(({ status: value }) => value === 'True').map(({ type }) => type),
    ['Ready', 'Accepted', 'PackageResolved', 'ImagesReady', 'Placed', 'ContainersReady', 'LinksReady', 'SapsReady'],
  )
  t.match(status, {
    observedGeneration: 1,
    package: { vendor: 'test.sond.dev', name: 'svc', version: '0.1', digest: /^sha256:/ },
    functions: [
      {
        vnfId: 'f1',
        copy: 0,
        replica: 0,
        container: { name: 'sond.demo.0.f1.0', image: 'img:1', state: 'running', restarts: 2, id: /./ },
        dataCenter: 'dc1',
        interfaces: [
          { name: 'input', address: null, link: null },
          { name: 'output', address: '10.30.0.1/30', link: 'l1', switchPort: /^sv/ },
        ],
      },
      { vnfId: 'f2' },
      { vnfId: 'f3' },
    ],
    links: [
      {
        id: 'l1',
        type: 'E-Line',
        subnet: '10.30.0.0/30',
        endpoints: ['f1:output', 'f2:input'],
        chained: true,
        reason: '',
      },
      { id: 'l2', chained: true },
    ],
    saps: [],
  })
  t.notOk('vdu' in (status.functions[0] ?? {}))
  t.notOk('problem' in (status.functions[0] ?? {}))
})

t.test('what is wrong with a container', async (t) => {
  const cases: readonly (readonly [Partial<ObservedContainer>, RegExp])[] = [
    [{ state: 'exited', exitCode: 3 }, /f2\.0: its program ended with code 3$/],
    [{ state: 'exited', exitCode: 137, outOfMemory: true }, /code 137 \(out of memory, its limit is 64 MiB\)$/],
    [{ state: 'dead', exitCode: 0 }, /ended with code 0$/],
    [{ state: 'created' }, /it is not started yet$/],
    [{ state: 'paused' }, /it is paused$/],
    [{ state: 'running', gate: 'closed' }, /its program waits for its interfaces$/],
  ]
  for (const [change, expected] of cases) {
    const demo = await chain()
    const status = demo.status(await seen(demo, (actual) => withContainer(actual, 'f2', change)))
    t.match(told(status, 'ContainersReady'), /^False NotRunning: 2 of 3 run;/)
    t.match(told(status, 'ContainersReady'), expected)
    t.match(told(status, 'Ready'), /^False NotRunning/)
    t.match(status.functions[1]?.problem, /./)
  }
})

t.test('why a link is not chained', async (t) => {
  const demo = await chain()
  const port = demo.result.links[0]?.endpoints[0]?.port
  const wireOf = (change: object) => (actual: ActualState) => ({
    wires: actual.wires.map((wire) => (wire.port === port ? { ...wire, ...change } : wire)),
  })
  const portOf = (change: object) => (actual: ActualState) => ({
    ports: actual.ports.map((one) => (one.name === port ? { ...one, ...change } : one)),
  })
  const inner = (change: object) => (actual: ActualState) => ({
    wires: actual.wires.map((wire) =>
      wire.port === port && wire.inner ? { ...wire, inner: { ...wire.inner, ...change } } : wire,
    ),
  })
  const cases: readonly (readonly [(actual: ActualState) => Partial<ActualState>, string])[] = [
    [(actual) => ({ wires: actual.wires.filter((wire) => wire.port !== port) }), 'interface f1:output is not there'],
    [wireOf({ up: false }), 'interface f1:output is down'],
    [inner({ up: false }), 'interface f1:output is down'],
    [inner({ addresses: ['10.9.9.9/30'] }), 'interface f1:output does not have its address 10.30.0.1/30'],
    [
      (actual) => ({ ports: actual.ports.filter((one) => one.name !== port) }),
      'interface f1:output is not on its switch',
    ],
    [portOf({ ofport: undefined, error: 'no device' }), 'the switch has no port number for f1:output: no device'],
    [portOf({ ofport: undefined }), 'the switch has no port number for f1:output: not yet'],
    [
      (actual) => ({ flows: actual.flows.filter(({ match }) => match !== `in_port=${port ?? ''}`) }),
      `1 of 2 flow rules are missing, the first on sond-dc1: in_port=${port ?? ''}`,
    ],
  ]
  for (const [change, reason] of cases) {
    const status = demo.status(await seen(demo, change))
    t.match(status.links, [
      { id: 'l1', chained: false, reason },
      { id: 'l2', chained: true },
    ])
    t.equal(told(status, 'LinksReady'), `False NotChained: 1 of 2 chained; l1: ${reason}`)
  }
})

t.test(
  'links that the package makes impossible are told and hold nothing up; ones that lack something do',
  async (t) => {
    const service: ServiceSketch = {
      ...chainSketch('svc', 2, 'img:1'),
      links: [
        ['l1', 'E-Line', 'f1:output', 'f2:input'],
        ['odd', 'E-Line', 'f1:input', 'nobody:x'],
      ],
    }
    const demo = await createDemo({ service })
    await demo.converge()
    const status = demo.status(await demo.look())
    t.match(told(status, 'LinksReady'), /^True SomeLeftOut: 1 of 1 chained; left out: odd: /)
    t.match(told(status, 'Ready'), /^True/)
    t.match(status.links, [{ chained: true }, { id: 'odd', chained: false, reason: /nobody/ }])

    const small = await createDemo({
      service: chainSketch('svc', 3, 'img:1'),
      settings: {
        pools: { sap: pool('10.10.0.0/16', 2), elan: pool('10.20.0.0/16', 2), eline: pool('10.30.0.0/16', 1) },
      },
    })
    await small.converge()
    const short = small.status(await small.look())
    t.match(told(short, 'LinksReady'), /^False NotChained: 1 of 2 chained; l2: /)
    t.match(
      told(short, 'Stalled'),
      /^True Blocked: pool eline has nothing left for .*; enlarge it or free some of it \(held by /,
    )
    t.match(told(short, 'Ready'), /^False NotChained/)
  },
)

const pool = (prefix: string, count: number) => ({ prefix: name.cidr(prefix), size: 30, count })

t.test('two copies, and a service without links', async (t) => {
  const two = await createDemo({ service: chainSketch('svc', 2, 'img:1'), spec: { replicas: 2 } })
  const port = two.result.links[1]?.endpoints[0]?.port
  const status = two.status(await seen(two, (actual) => ({ ports: actual.ports.filter((one) => one.name !== port) })))
  t.match(
    told(status, 'LinksReady'),
    /^False NotChained: 1 of 2 chained; l1 of copy 1: interface f1:output is not on its switch/,
  )
  const one = await createDemo({ service: chainSketch('svc', 1, 'img:1') })
  await one.converge()
  t.equal(told(one.status(await one.look()), 'LinksReady'), 'True NoLinks')
})

t.test('replicas of a function are told apart', async (t) => {
  const demo = await createDemo({
    service: chainSketch('svc', 3, 'img:1'),
    spec: { functions: [{ vnfId: 'f2', replicas: 2 }] },
  })
  const end = demo.result.links[0]?.endpoints.find(({ replica }) => replica === 1)
  const [container, port] = [end?.container, end?.port]
  const onL1 = 'interface f2:input of replica 1'
  const without = (actual: ActualState) => ({ wires: actual.wires.filter((wire) => wire.port !== port) })
  const elsewhere = (wire: ActualState['wires'][number]): boolean => wire.inner?.container !== container
  const rows: readonly (readonly [(actual: ActualState) => Partial<ActualState>, boolean, string, RegExp])[] = [
    // No connection comes to it this way: the switch skips what is not there. Those that come the other way are lost.
    [without, true, `${onL1} is not there`, /^False NotChained: 1 of 2 chained; l2: 8 of 22 flow rules .*; l1: /],
    [
      (actual) => ({ ports: actual.ports.filter(({ name }) => name !== port) }),
      true,
      `${onL1} is not on its switch`,
      /^False NotChained: 1 of 2 chained; l2: 8 of 22 flow rules .*; l1: /,
    ],
    // None comes to it.
    [
      (actual) => ({
        wires: actual.wires.filter(elsewhere),
        containers: actual.containers.filter(({ name }) => name !== container),
      }),
      true,
      `${onL1} is not there`,
      /^False ReplicaMissing: 2 of 2 chained; l1: .* l2: /,
    ],
    [
      (actual) => ({
        containers: actual.containers.map((one) => (one.name === container ? { ...one, gate: 'closed' } : one)),
      }),
      true,
      `${onL1} has no part: its program does not run`,
      /^False ReplicaMissing: 2 of 2 chained; l1: .* l2: /,
    ],
    // It gets connections, and loses them.
    [
      (actual) => ({
        wires: actual.wires.map((wire) =>
          wire.port === port && wire.inner !== undefined ? { ...wire, inner: { ...wire.inner, addresses: [] } } : wire,
        ),
      }),
      false,
      `${onL1} does not have its address 10.30.0.2/30`,
      /^False NotChained: 1 of 2 chained; l1: /,
    ],
    // None is left.
    [
      (actual) => ({ containers: [], wires: actual.wires.filter(({ inner }) => inner?.name !== 'input') }),
      false,
      'f2:input',
      /^False NotChained: 0 of 2 chained; l1: /,
    ],
  ]
  for (const [change, chained, reason, word] of rows) {
    const status = demo.status(await seen(demo, change))
    t.match(status.links[0], { endpoints: ['f1:output', 'f2:input'], chained, reason })
    t.match(told(status, 'LinksReady'), word)
    t.match(told(status, 'LinksReady'), reason)
  }
})

t.test('images: absent, being fetched, refused', async (t) => {
  const demo = await chain()
  // In memory every image is there.
  const actual = { ...(await demo.look()).actual, images: new Set<never>() }
  const pass = await demo.look({ actual })
  t.match(told(demo.status(pass), 'ImagesReady'), /^False Fetching: waiting for img:1$/)
  const pull = stepOf(pass.plan, 'pullImage')
  const refused = await demo.look({ actual, outcomes: [failed(pull, 'no such image')] })
  t.match(
    told(demo.status(refused), 'ImagesReady'),
    /^False ImageUnavailable: img:1: the engine refused \(why=no such image\)/,
  )
  t.match(told(demo.status(refused), 'Stalled'), /^True Blocked/)
  t.match(told(demo.status(refused), 'Reconciling'), /^False Blocked/)
  const held = new Map(demo.result.desired.containers.map(({ name: container }) => [container, 'not allowed'] as const))
  const policy = { heldBack: held }
  const status = demo.status(await demo.look({ actual, policy }))
  t.match(told(status, 'ImagesReady'), /^False ImageUnavailable: img:1: not allowed/)
  t.match(told(status, 'ContainersReady'), /^False HeldBack: 0 of 3 run; sond\.demo\.0\.f1\.0: not allowed/)
  t.match(told(status, 'Stalled'), /^True Blocked: sond\.demo\.0\.f1\.0: not allowed/)
  const empty: Plan = { scope: pass.plan.scope, steps: [], notices: [] }
  t.match(told(demo.status({ ...pass, plan: empty }), 'ImagesReady'), /^False NotPresent/)
})

t.test('a failure that was mended in a later look is no failure', async (t) => {
  const demo = await chain()
  const { plan } = await demo.look()
  const create = stepOf(plan, 'createContainer')
  await demo.converge()
  const outcomes = [failed(create, 'busy'), { step: create, result: 'done', ms: 1 } as const]
  const status = demo.status(await demo.look({ outcomes }))
  t.match(told(status, 'Ready'), /^True/)
  t.strictSame(
    status.functions.map(({ problem }) => problem),
    [undefined, undefined, undefined],
  )
  const running = demo.status(await demo.look({ outcomes: [failed(create, 'limits')] }))
  t.match(running.functions[0]?.problem, /limits/, 'a running container can have something about it that failed')
  t.match(told(running, 'ContainersReady'), /^True/)
})

t.test('what stands in the way and fails is told as stalled', async (t) => {
  const demo = await chain()
  const pass = await demo.look()
  const wait = { code: 'WAITING', container: name.container('x.y'), reason: 'r' } as const
  const conflict = { code: 'CONFLICT', conflict: { kind: 'container', name: 'c', holder: 'compose' } } as const
  const heldBack = { code: 'HELD_BACK', container: name.container('x.z'), reason: 'crashes' } as const
  const notices = { ...pass, plan: { ...pass.plan, notices: [wait, conflict, heldBack] } }
  t.equal(
    told(demo.status(notices), 'Stalled'),
    'True Blocked: container c is not ours (compose); rename or remove it; x.z: crashes',
  )
  const idle = { ...pass, plan: { ...pass.plan, steps: [], notices: [heldBack] } }
  t.match(told(demo.status(idle), 'Reconciling'), /^False Blocked: x\.z: crashes/)
  t.match(told(demo.status(idle), 'Drifted'), /^False Blocked/)
  t.match(told(demo.status({ ...idle, plan: { ...idle.plan, notices: [wait] } }), 'Drifted'), /^False InSync/)
  const bridge = { ...stepOf(pass.plan, 'createBridge'), serves: { containers: [], links: [] } }
  t.match(
    told(demo.status({ ...pass, outcomes: [failed(bridge, 'no room')] }), 'Stalled'),
    /^True Blocked: bridge:sond-dc1: .*no room/,
  )
  const create = stepOf(pass.plan, 'createContainer')
  t.match(
    told(demo.status({ ...pass, outcomes: [failed(create, 'no')] }), 'Stalled'),
    /^True Blocked: sond\.demo\.0\.f1\.0: .*why=no/,
  )
  const skipped = { step: create, result: 'skipped', because: 'x' } as const
  t.match(told(demo.status({ ...pass, outcomes: [skipped] }), 'Stalled'), /^False Free/)
})

t.test('drift is told once a generation was in place', async (t) => {
  const demo = await chain()
  const drift = await seen(demo, (actual) => ({ flows: [] as const, containers: actual.containers }))
  const ready = demo.status(await demo.look())
  const repairing = demo.status(drift, { previous: ready, settled: true, now: later })
  t.match(told(repairing, 'Drifted'), /^True Repairing: flows:sond-dc1 \(/)
  const warned = demo.status(drift, { previous: repairing, settled: true, acted: false })
  t.match(told(warned, 'Drifted'), /^True Reported/)
  t.match(told(warned, 'Reconciling'), /^False ReportOnly: driftMode is Warn: 1 step are left undone|1 step/)
  t.match(told(warned, 'Ready'), /^False (NotChained|Drifted)/)
  const newer = demo.status(drift, { previous: ready, entry: { ...demo.entry, generation: 2 } })
  t.match(told(newer, 'Drifted'), /^False RollingOut/)
  t.equal(told(demo.status(await demo.look(), { previous: repairing }), 'Drifted'), 'False InSync')
})

t.test('steps that concern no part are left to do all the same', async (t) => {
  const demo = await chain()
  await demo.converge()
  const pass = await demo.look()
  const before = await (await chain()).look()
  const left = { ...pass, plan: { ...pass.plan, steps: [stepOf(before.plan, 'createBridge')] } }
  t.match(told(demo.status(left), 'Ready'), /^False StepsLeft: 1 step left: bridge:sond-dc1 \(/)
  t.match(told(demo.status(left, { acted: false }), 'Ready'), /^False Drifted/)
})

t.test('without its package nothing new is known, and what runs stays told', async (t) => {
  const demo = await chain()
  await demo.converge()
  const ready = demo.status(await demo.look())
  const entry = { ...demo.entry, package: undefined }
  const lost = demo.status(undefined, { previous: ready, entry, result: undefined, now: later })
  t.match(told(lost, 'PackageResolved'), /^False PackageNotFound: no package svc is onboarded; drop its \.son/)
  t.match(told(lost, 'Ready'), /^False PackageNotFound/)
  t.match(told(lost, 'Stalled'), /^True PackageNotFound/)
  t.match(told(lost, 'Reconciling'), /^False Waiting/)
  t.match(told(lost, 'ContainersReady'), /^Unknown NotObserved/)
  t.strictSame([lost.functions, lost.links, lost.saps], [ready.functions, ready.links, ready.saps])
  t.equal(lost.package, null)
  t.strictSame(demo.status(undefined, { entry, result: undefined }).functions, [])
  t.match(told(demo.status(undefined), 'Ready'), /^Unknown NotObserved/)
})

t.test('stopped and suspended', async (t) => {
  const stopped = await createDemo({ service: chainSketch('svc', 1, 'img:1'), spec: { state: 'Stopped' } })
  const none = stopped.status(await stopped.look(), { result: undefined })
  t.equal(told(none, 'Ready'), 'False Stopped: spec.state is Stopped')
  t.match(told(none, 'ContainersReady'), /^False Stopped/)
  t.strictSame(none.functions, [])
  const running = await createDemo({ service: chainSketch('svc', 1, 'img:1') })
  const left = stopped.status(await running.look(), { result: undefined })
  t.match(told(left, 'Ready'), /^False Stopping: \d+ steps left/)
  t.match(told(stopped.status(undefined, { result: undefined }), 'Ready'), /^False Stopped/)

  const suspended = await createDemo({ service: chainSketch('svc', 1, 'img:1'), spec: { suspend: true } })
  const status = suspended.status(await suspended.look(), { acted: false })
  t.match(told(status, 'Reconciling'), /^False Suspended: spec\.suspend is true/)
  t.match(told(status, 'Stalled'), /^False Suspended/)
})

t.test('a file that is wrong or gone does not make a running service unready', async (t) => {
  const demo = await chain()
  await demo.converge()
  const wrong = {
    severity: 'error',
    code: 'UNKNOWN_FIELD',
    message: 'no field x',
    file: 'demo.yaml',
    line: 3,
    column: 5,
    path: 'spec.x',
  } as const
  const note = { ...wrong, severity: 'notice', code: 'LAST_GOOD_KEPT' } as const
  const status = demo.status(await demo.look(), {
    entry: { ...demo.entry, accepted: false, diagnostics: [wrong, note] },
  })
  t.equal(told(status, 'Accepted'), 'False Invalid: demo.yaml:3:5: no field x')
  t.match(told(status, 'Ready'), /^True/)
  const gone = { ...wrong, code: 'FILE_MISSING' } as const
  t.match(
    told(
      demo.status(await demo.look(), { entry: { ...demo.entry, accepted: false, diagnostics: [gone] } }),
      'Accepted',
    ),
    /^False FileMissing/,
  )
})

t.test('SAPs: attached, and what can be wrong with them', async (t) => {
  const service: ServiceSketch = {
    ...chainSketch('svc', 2, 'img:1'),
    points: { 'ns:in': 'internal', 'ns:out': 'external' },
    links: [
      ['l0', 'E-Line', 'ns:in', 'f1:input'],
      ['l1', 'E-Line', 'f1:output', 'f2:input'],
      ['l2', 'E-Line', 'f2:output', 'ns:out'],
    ],
  }
  const demo = await createDemo({ service, spec: { saps: { deploy: true } } })
  t.match(
    told(demo.status(await demo.look()), 'SapsReady'),
    /^False NotAttached: .*it is not there yet.*switch .* is not there/,
  )
  await demo.converge()
  const status = demo.status(await demo.look())
  t.equal(told(status, 'SapsReady'), 'True Attached: 2 of 2')
  t.match(status.saps, [
    { name: 'ns_in', type: 'internal', dataCenter: 'dc1' },
    { name: 'ns_out', type: 'external', address: /^10\.10\.0\.1\/30$/, subnet: '10.10.0.0/30' },
  ])
  t.strictSame(
    status.functions.map(({ vnfId }) => vnfId),
    ['f1', 'f2'],
    'a SAP is no function',
  )
  t.match(told(status, 'Ready'), /^True/)
  const bare = demo.status(
    await seen(demo, (actual) => ({ natRules: [], bridges: actual.bridges.map((one) => ({ ...one, addresses: [] })) })),
  )
  const broken = 'the kernel does not forward'
  const blocked = demo.status(
    await seen(demo, (actual) => ({ natRules: actual.natRules.map((rule) => asOwned({ ...rule, broken })) })),
  )
  t.match(told(blocked, 'SapsReady'), /10\.10\.0\.0\/30 has no way to the outside: the kernel does not forward/)
  t.match(told(bare, 'SapsReady'), /has no address 10\.10\.0\.1\/30; 10\.10\.0\.0\/30 is not translated to the outside/)
})

t.test('places: without a data center nothing can run', async (t) => {
  const demo = await chain()
  const { functions } = demo.result
  const [first, ...rest] = functions
  if (first === undefined) return
  const sap = {
    name: 'ns_in',
    copy: 1,
    type: 'internal',
    dataCenter: undefined,
    address: undefined,
    subnet: undefined,
  } as const
  const homeless = { ...first, dataCenter: undefined }
  const result = { ...demo.result, functions: [homeless, { ...homeless, problem: 'no room' }, ...rest], saps: [sap] }
  const status = demo.status(await demo.look(), { result })
  t.equal(
    told(status, 'Placed'),
    'False Unplaceable: sond.demo.0.f1.0: it has no data center; sond.demo.0.f1.0: no room; SAP ns_in of copy 1: it has no data center',
  )
  t.match(told(status, 'Ready'), /^False Unplaceable/)
  t.match(status.functions, [{ dataCenter: null }, { dataCenter: null, problem: 'no room' }])
  t.match(status.saps, [{ dataCenter: null, address: null, subnet: null }])
  const taken = { ...demo.result, saps: [{ ...sap, problem: 'its name is taken' }] }
  t.match(
    told(demo.status(await demo.look(), { result: taken }), 'SapsReady'),
    /^False NotAttached: ns_in: its name is taken/,
  )
})

t.test('units of one function, names made fit for the kernel, flows carried by other links', async (t) => {
  const service: ServiceSketch = {
    name: 'svc',
    functions: [
      { id: 'f1', image: 'img:1', interfaces: ['data_out'] },
      { id: 'f2', image: 'img:1', interfaces: ['input'] },
    ],
    links: [['l1', 'E-Line', 'f1:data_out', 'f2:input']],
  }
  const demo = await createDemo({ service })
  const functions = demo.result.functions.map((one) => ({ ...one, vdu: 'vdu01' }))
  const links = demo.result.links.map((link) => ({ ...link, carriedBy: [name.link('back')] }))
  await demo.converge()
  const status = demo.status(await demo.look(), { result: { ...demo.result, functions, links } })
  t.match(status.functions[0], { vdu: 'vdu01', interfaces: [{ name: 'data-out', declared: 'data_out' }] })
  t.match(status.links, [{ chained: true }])
})

t.test('many things of one kind are counted, not listed', async (t) => {
  const sketch = chainSketch('svc', 5, 'img:1')
  const service = { ...sketch, functions: sketch.functions.map((one, n) => ({ ...one, image: `img:${n}` })) }
  const demo = await createDemo({ service })
  const actual = { ...(await demo.look()).actual, images: new Set<never>() }
  const pass = await demo.look({ actual })
  const status = demo.status(pass)
  t.equal(told(status, 'ImagesReady'), 'False Fetching: waiting for img:0, img:1, img:2 and 2 more')
  t.match(told(status, 'ContainersReady'), /; and 2 more$/)
  const pull = stepOf(pass.plan, 'pullImage')
  const build = { ...pull, kind: 'buildImage', image: name.image('img:0'), package: 'p', folder: 'f' } as const
  const building = { ...pass, plan: { ...pass.plan, steps: [build] }, outcomes: [failed(build, 'no Dockerfile')] }
  t.match(told(demo.status(building), 'ImagesReady'), /^False ImageUnavailable: img:0: .*no Dockerfile/)
  const started = { ...building, outcomes: [{ step: build, result: 'done', ms: 1 } as const] }
  t.match(told(demo.status(started), 'ImagesReady'), /^False Fetching/)
})

t.test('a pool that is empty is held by nobody', async (t) => {
  const none = await createDemo({
    service: chainSketch('svc', 2, 'img:1'),
    settings: {
      pools: { sap: pool('10.10.0.0/16', 1), elan: pool('10.20.0.0/16', 1), eline: pool('10.30.0.0/16', 0) },
    },
  })
  t.match(told(none.status(await none.look()), 'Stalled'), /\(held by nobody\)/)
})

t.test('a clock that was set back: no condition has begun in the future', (t) => {
  const verdict = { status: 'True', reason: 'A', message: '' } as const
  const stamp = (before: InstanceStatus['conditions'], now: string) =>
    stampConditions(['Ready'], { Ready: verdict }, before, 1, now)
  const first = stamp([], later)
  const second = stamp(first, earlier)
  t.match(second, [{ lastTransitionTime: earlier }])
  t.match(stamp(second, later), [{ lastTransitionTime: earlier }], 'its age goes on from there')
  const unset = stamp(first, '1970-01-01T00:00:09.000Z')
  t.match(unset, [{ lastTransitionTime: later }], 'a clock that is not set yet tells nothing')
  t.end()
})

t.test('the time of a condition moves only when its status flips', (t) => {
  const statuses = ['True', 'False', 'Unknown'] as const
  const verdict: fc.Arbitrary<Verdict> = fc.record({
    status: fc.constantFrom(...statuses),
    reason: fc.constantFrom('A', 'B'),
    message: fc.string({ maxLength: 3 }),
  })
  // fromEntries forgets the keys.
  const arbitraries = Object.fromEntries(conditionTypes.map((type) => [type, verdict])) as Record<
    ConditionType,
    typeof verdict
  >
  const verdicts = fc.record(arbitraries)
  fc.assert(
    fc.property(fc.array(verdicts, { maxLength: 5 }), (passes) => {
      let conditions: InstanceStatus['conditions'] = []
      for (const [index, pass] of passes.entries()) {
        const before = conditions
        conditions = stampConditions(conditionTypes, pass, before, index, `t${index}`)
        for (const condition of conditions) {
          const old = before.find(({ type }) => type === condition.type)
          const moved = condition.lastTransitionTime === `t${index}`
          if (moved !== (old?.status !== condition.status)) return false
          if (!moved && condition.lastTransitionTime !== old?.lastTransitionTime) return false
          if (condition.observedGeneration !== index) return false
        }
      }
      return true
    }),
  )
  t.end()
})
