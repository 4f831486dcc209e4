import t from 'tap'
import { EngineError } from '../../src/model/errors.ts'
import type { Step, StepOutcome } from '../../src/model/plan.ts'
import { asOwned } from '../../src/model/ownership.ts'
import type {
  ObservedBridge,
  ObservedContainer,
  ObservedNatRule,
  ObservedPort,
  ObservedWire,
} from '../../src/model/actual.ts'
import { stepEvents } from '../../src/status/step-events.ts'
import { builder, name } from '../support/build.ts'

const build = builder({ owner: 'sond', instance: 'demo', cookie: 1 })
const [a, b] = [build.container('a'), build.container('b')]
const wireOf = (container: typeof a, port: string) => build.wire(container, 'input', port, 'sond-dc1')
const base = { after: [], afterEnd: [], serves: { containers: [], links: [] } }

const step = (one: Partial<Step> & Pick<Step, 'kind'>, cause = 'why'): Step =>
  ({ ...base, id: `${one.kind}:x`, cause, ...one }) as Step // each test gives the payload of its kind
const done = (one: Partial<Step> & Pick<Step, 'kind'>, cause?: string): StepOutcome => ({
  step: step(one, cause),
  result: 'done',
  ms: 1,
})
const told = (...outcomes: readonly StepOutcome[]): readonly string[] =>
  stepEvents(outcomes).map(({ type, reason, message }) => `${type} ${reason} ${message}`)

const bridge = build.bridge('sond-dc1')

const [seenBridge, seenPort] = [asOwned({} as ObservedBridge), asOwned({} as ObservedPort)] // of what tells nothing a type is enough
const [seenWire, seenRule] = [asOwned({} as ObservedWire), asOwned({} as ObservedNatRule)] // as above
const trunk = { link: 'x', ends: [], shaping: {} } as never // as above

void t.test('each deed in the words of a user', (t) => {
  const cases: readonly (readonly [StepOutcome, string])[] = [
    [done({ kind: 'startContainer', name: a.name }), 'ContainerStarted sond.demo.0.a.0: why'],
    [done({ kind: 'unpauseContainer', name: a.name }), 'ContainerResumed sond.demo.0.a.0: why'],
    [done({ kind: 'updateLimits', name: a.name, limits: a.limits }), 'LimitsChanged sond.demo.0.a.0: why'],
    [
      done({ kind: 'removeContainer', container: asOwned({ name: a.name } as ObservedContainer) }), // its name is all that is told
      'ContainerRemoved sond.demo.0.a.0: why',
    ],
    [done({ kind: 'createWire', interface: wireOf(a, 'p1') }), 'InterfaceRepaired input of sond.demo.0.a.0: why'],
    [
      done({ kind: 'configureWire', interface: wireOf(a, 'p1'), stale: [] }),
      'InterfaceRepaired input of sond.demo.0.a.0: why',
    ],
    [done({ kind: 'changeFlows', bridge: bridge.name, changes: [] }), 'FlowsChanged sond-dc1: why'],
    [done({ kind: 'runScript', name: a.name, script: 'start' }), 'ScriptStarted sond.demo.0.a.0: why'],
    [done({ kind: 'createBridge', bridge }), 'SwitchCreated sond-dc1: why'],
    [
      done({ kind: 'removeBridge', bridge: asOwned({ ...seenBridge, name: bridge.name }) }),
      'SwitchRemoved sond-dc1: why',
    ],
  ]
  for (const [outcome, text] of cases) t.same(told(outcome), [`Normal ${text}`])
  t.end()
})

void t.test('parts of a deed, and what is told elsewhere, are no events', (t) => {
  const parts: readonly StepOutcome[] = [
    done({ kind: 'pullImage', image: a.image, force: false }),
    done({ kind: 'buildImage', image: a.image, package: '', folder: '' }),
    done({ kind: 'runStopScripts', names: [a.name], waitMs: 1 }),
    done({ kind: 'updateBridge', bridge }),
    done({ kind: 'createContainer', container: a }),
    done({ kind: 'removeWire', wire: seenWire }),
    done({ kind: 'renameManagement', name: a.name, interface: 'mgmt' }),
    done({ kind: 'createTrunk', trunk }),
    done({ kind: 'shapeTrunk', trunk }),
    done({ kind: 'setPort', port: { port: name.port('p1'), bridge: bridge.name, externalIds: {} } }),
    done({ kind: 'removePort', port: seenPort }),
    done({ kind: 'openGate', name: a.name }),
    done({ kind: 'addNat', bridge: bridge.name, subnet: '' }),
    done({ kind: 'removeNat', rule: seenRule }),
  ]
  t.same(told(...parts), [])
  t.end()
})

void t.test('one event for all of one sort and cause, in which many are counted', (t) => {
  const starts = ['a', 'b', 'c', 'd', 'e'].map((vnf) =>
    done({ kind: 'startContainer', name: build.container(vnf).name }),
  )
  t.same(told(...starts), ['Normal ContainerStarted sond.demo.0.a.0, sond.demo.0.b.0, sond.demo.0.c.0 and 2 more: why'])
  t.same(
    told(
      done({ kind: 'startContainer', name: a.name }, 'gone'),
      done({ kind: 'startContainer', name: b.name }, 'ended'),
    ),
    ['Normal ContainerStarted sond.demo.0.a.0: gone', 'Normal ContainerStarted sond.demo.0.b.0: ended'],
  )
  t.end()
})

void t.test('interfaces of a run that begins are part of its start', (t) => {
  const wires = [
    done({ kind: 'createWire', interface: wireOf(a, 'p1') }),
    done({ kind: 'createWire', interface: wireOf(b, 'p2') }),
  ]
  t.same(told(...wires, done({ kind: 'startContainer', name: a.name })), [
    'Normal InterfaceRepaired input of sond.demo.0.b.0: why',
    'Normal ContainerStarted sond.demo.0.a.0: why',
  ])
  t.end()
})

void t.test('failures are told, but not of fetches, which tell themselves, nor of a turn that was cut off', (t) => {
  const failed = (error: Error, one: Partial<Step> & Pick<Step, 'kind'>): StepOutcome => ({
    step: step(one),
    result: 'failed',
    ms: 1,
    error,
  })
  const start = { kind: 'startContainer', name: a.name } as const
  t.same(told(failed(new Error('no'), start)), ['Warning StepFailed startContainer:x: no'])
  t.same(told(failed(new EngineError('REFUSED', {}), start)), [
    'Warning StepFailed startContainer:x: the engine refused',
  ])
  t.same(told(failed(new EngineError('CANCELLED', {}), start)), [])
  t.same(told(failed(new Error('no'), { kind: 'pullImage', image: a.image, force: false })), [])
  t.same(told(failed(new Error('no'), { kind: 'buildImage', image: a.image, package: '', folder: '' })), [])
  t.same(told({ step: step(start), result: 'skipped', because: 'x' }), [])
  t.end()
})
