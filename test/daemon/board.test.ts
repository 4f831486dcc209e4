import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createBoard, type Board } from '../../src/daemon/board.ts'
import type { Condition, ConditionType, InstanceStatus } from '../../src/model/status.ts'
import { createStore } from '../../src/store/store.ts'
import { name } from '../support/build.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { memoryLog } from '../support/log.ts'

const demo = name.object('demo')
const status = (ready: 'True' | 'False', message = ''): InstanceStatus => ({
  observedGeneration: 1,
  conditions: [
    {
      type: 'Ready',
      status: ready,
      reason: ready === 'True' ? 'Ready' : 'NotRunning',
      message,
      observedGeneration: 1,
      lastTransitionTime: '',
    },
    { type: 'Reconciling', status: 'True', reason: 'Applying', message, observedGeneration: 1, lastTransitionTime: '' },
  ],
  package: null,
  ...{ functions: [], links: [], saps: [] },
})

const start = async (t: Test) => {
  const log = memoryLog()
  // Registered before the test's directory is made: node-tap then runs it before it removes that directory.
  let close = async (): Promise<void> => undefined
  t.teardown(() => close())
  const store = await createStore({ directory: join(t.testdir({}), 'state'), log })
  close = () => store.close()
  const board = createBoard({ store, clock: createHandClock(), log })
  return { board, log, store }
}
const told = (board: Board): readonly string[] =>
  board.events().map(({ type, reason, message, count }) => `${type} ${reason} ${message} x${count}`)

void t.test('a condition that flips is an event, one that stays is none', async (t) => {
  const { board } = await start(t)
  board.setStatus(demo, status('False', 'not yet'))
  board.setStatus(demo, status('False', 'still not'))
  board.setStatus(demo, status('True'))
  board.setStatus(demo, status('True'))
  t.same(told(board), ['Warning NotRunning not yet x1', 'Normal Ready Ready is True x1'])
  t.equal(board.readyCount(), 1)
  board.drop(demo)
  t.equal(board.readyCount(), 0)
  t.equal(board.status(demo), undefined)
  t.equal(told(board).at(-1), 'Normal Terminated nothing of it is left x1')
})

void t.test(
  'what begins unknown is no news, what becomes unknown is, and what is asked for is no warning',
  async (t) => {
    const { board } = await start(t)
    const conditions = (...of: readonly (readonly [ConditionType, Condition['status'], string])[]): InstanceStatus => ({
      ...status('True'),
      conditions: of.map(([type, status, reason]) => ({
        ...{ type, status, reason },
        ...{ message: '', observedGeneration: 1, lastTransitionTime: '' },
      })),
    })
    board.setStatus(demo, conditions(['Ready', 'Unknown', 'NotObserved'], ['Drifted', 'Unknown', 'NotObserved']))
    t.same(told(board), [])
    board.setStatus(demo, conditions(['Ready', 'True', 'Ready'], ['Drifted', 'False', 'InSync']))
    board.setStatus(demo, conditions(['Ready', 'Unknown', 'NotObserved'], ['Drifted', 'Unknown', 'NotObserved']))
    board.setStatus(demo, conditions(['Ready', 'False', 'Stopped'], ['Drifted', 'True', 'Reported']))
    t.same(told(board), [
      'Normal Ready Ready is True x1',
      'Normal InSync Drifted is False x1',
      'Warning NotObserved Ready is Unknown x1',
      'Warning NotObserved Drifted is Unknown x1',
      'Normal Stopped Ready is False x1',
      'Warning Reported Drifted is True x1',
    ])
  },
)

void t.test('a failure that comes again is one event, whenever it is tried next', async (t) => {
  const { board } = await start(t)
  for (const time of ['10:00:02', '10:00:06', '10:00:14']) {
    board.setStatus(demo, status('False', `f1: no; next try at 2026-01-01T${time}.000Z; f2: none`))
    board.setStatus(demo, status('True'))
  }
  t.same(told(board), ['Warning NotRunning f1: no; f2: none x3', 'Normal Ready Ready is True x3'])
})

void t.test('what is said over and over is said once until its text changes', async (t) => {
  const { board } = await start(t)
  board.say('instance/demo', 'Warning', 'ReconcileFailed', 'a')
  board.say('instance/demo', 'Warning', 'ReconcileFailed', 'a')
  board.say('instance/demo', 'Warning', 'ReconcileFailed', 'b')
  board.say('instance/demo', 'Warning', 'ReconcileFailed', 'a')
  t.same(told(board), ['Warning ReconcileFailed b x1', 'Warning ReconcileFailed a x2'])
})

void t.test('of a list what is new is said; what left it may be said again', async (t) => {
  const { board } = await start(t)
  const note = (message: string) => ({ type: 'Normal', reason: 'LINK_SKIPPED', message }) as const
  board.sayAll('instance/demo', [note('a'), note('b')])
  board.sayAll('instance/demo', [note('a'), note('b')])
  board.sayAll('instance/demo', [note('b'), note('c')])
  t.same(told(board).length, 3)
  board.sayAll('instance/demo', [])
  board.sayAll('instance/demo', [note('a')])
  t.equal(told(board).at(-1), 'Normal LINK_SKIPPED a x2')
})

void t.test('a listener that throws harms neither the others nor who writes', async (t) => {
  const { board, log } = await start(t)
  const heard: string[] = []
  board.onStatus(() => {
    throw new Error('a bug')
  })
  board.onStatus((instance) => heard.push(instance))
  const stop = board.onEvent(({ reason }) => heard.push(reason))
  board.onGone((instance) => heard.push(`${instance} gone`))
  board.setStatus(demo, status('False'))
  stop()
  board.drop(demo)
  t.same(heard, ['NotRunning', 'demo', 'demo gone'])
  t.equal(log.lines.length, 1)
})

void t.test('which generation was in place is kept, and known of records that did not tell it', async (t) => {
  const { board, store } = await start(t)
  t.equal(board.inPlace(demo), 0)
  board.setStatus(demo, status('False'))
  t.equal(board.inPlace(demo), 0)
  board.setStatus(demo, status('True'))
  board.setStatus(demo, status('False'))
  t.equal(board.inPlace(demo), 1)
  board.leave(demo)
  t.equal(board.inPlace(demo), 0)
  store.set('statuses', demo, { status: status('True'), diagnostics: [] })
  t.equal(board.inPlace(demo), 1, 'as an earlier version left it')
  board.setStatus(demo, status('False'))
  t.equal(board.inPlace(demo), 1)
  store.set('statuses', demo, { status: status('False'), diagnostics: [] })
  t.equal(board.inPlace(demo), 0)
})
