import t from 'tap'
import { buildManifest, chainSketch } from '../support/service.ts'
import { startLoop } from './world.ts'

const demo = (env: Readonly<Record<string, string>>): string =>
  buildManifest('demo', 'chain', { functions: [{ vnfId: 'f2', env }] })

void t.test('a start script that fails is tried again, less and less often, and stops nothing', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chainSketch('chain', 3, 'img:1'))
  loop.files.apply(demo({ SON_EMU_CMD: 'echo no neighbour; exit 3' }))
  await loop.settled()
  t.equal(loop.told('demo'), 'Ready')
  const problem = (): string | undefined =>
    loop.board.status(loop.files.name('demo'))?.functions.find(({ vnfId }) => vnfId === 'f2')?.problem
  t.match(problem(), /its start script \(SON_EMU_CMD\) ended with code 3; next try at 2026-01-01T00:00:10/)
  t.match(loop.condition('demo', 'Stalled'), { status: 'True', message: /sond\.demo\.0\.f2\.0: .*next try at/ })
  const runs = (): number => loop.calls().filter((call) => call.startsWith('containers.runScript')).length
  t.equal(runs(), 1)
  loop.controller.poke(loop.files.name('demo'))
  await loop.pass(9_000)
  t.equal(runs(), 0, 'its time has not come')
  await loop.pass(2_000)
  t.equal(runs(), 1)
  t.match(problem(), /code 3, 2 times in a row; next try at 2026-01-01T00:00:30/)
  await loop.pass(900_000)
  t.ok(runs() <= 6, 'not hammered')
  const script = loop.world.containers.get('sond.demo.0.f2.0')?.scripts.start
  Object.assign(script ?? {}, { command: 'echo now' }) // its cause is gone
  await loop.pass(300_000)
  t.equal(problem(), undefined)
  t.equal(loop.condition('demo', 'Stalled')?.status, 'False')
  t.match(loop.events('instance/demo').join(), /StartScriptFailed: .*code 3.*StartScriptDone: .*code 0/s)
  loop.calls()
  await loop.pass(900_000)
  t.equal(runs(), 0, 'what ended well is not run again')
})

void t.test('an edit is tried at once', async (t) => {
  const loop = await startLoop(t)
  await loop.files.onboard(chainSketch('chain', 3, 'img:1'))
  loop.files.apply(demo({ SON_EMU_CMD: 'exit 3' }))
  await loop.settled()
  loop.files.apply(demo({ SON_EMU_CMD: 'exit 0' }))
  await loop.settled()
  t.equal(loop.condition('demo', 'Stalled')?.status, 'False')
})
