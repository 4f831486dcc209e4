import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DesiredContainer } from '../../../src/model/desired.ts'
import { builder, name } from '../../support/build.ts'
import { importBusyboxImage, startTestEngines } from '../../support/engines.ts'
import { until } from '../../support/until.ts'
import { imageRef, makeEngine, ownerName, prepareImage, testImage } from './subject.ts'

t.test('scripts', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
  await prepareImage(engines.docker)
  const owner = ownerName('scripts')
  const stateDir = join(engines.dir, 'sond', owner)
  const engine = makeEngine(engines, owner)
  t.teardown(() => engine.close())
  const build = builder({ owner, instance: 'demo', cookie: 1 })

  const run = async (vnf: string, more: Partial<DesiredContainer>): Promise<DesiredContainer> => {
    const container = build.container(vnf, { image: testImage, ...more })
    await engine.create(container)
    await engine.start(container.name)
    await engine.openGate(container.name)
    return container
  }
  const see = async (container: DesiredContainer, by = engine) =>
    (await by.observe(name.object('demo'))).find((one) => one.name === container.name)

  t.test('ends with its shell, though what it left in the background holds its output', async (t) => {
    const container = await run('back', { env: { SON_EMU_CMD: 'echo begun; sleep 1000 & echo over' } })
    const before = performance.now()
    await engine.runScript(container.name, 'start', { ms: 20_000 })
    t.ok(performance.now() - before < 6_000)
    t.same(await engine.scriptOutput(container.name, 'start'), { exitCode: 0, output: 'begun\nover\n' })
    t.equal((await engine.exec(container.name, ['pidof', 'sleep'])).output.trim().split(' ').length, 2)
  })

  t.test('keeps the last 64 KiB of the output', async (t) => {
    const container = await run('much', { env: { SON_EMU_CMD: 'echo begin >&2; seq 1 200000; echo end' } })
    await engine.runScript(container.name, 'start', { ms: 20_000 })
    const { output = '' } = (await engine.scriptOutput(container.name, 'start')) ?? {}
    t.equal(output.length, 64 * 1024)
    t.ok(output.endsWith('200000\nend\n'))
  })

  t.test('runs in an image without a shell, by the gate’s', async (t) => {
    const image = imageRef('local/bare:1')
    await importBusyboxImage(engines.docker, image, { shell: false })
    const container = await run('bare', { image, env: { SON_EMU_CMD: 'echo a=$A', A: 'b=c' } })
    await engine.runScript(container.name, 'start', { ms: 20_000 })
    t.same(await engine.scriptOutput(container.name, 'start'), { exitCode: 0, output: 'a=b=c\n' })
  })

  t.test('calls at the same time run it once', async (t) => {
    const container = await run('once', { env: { SON_EMU_CMD: 'echo x >> /tmp/count; cat /tmp/count' } })
    await Promise.all([1, 2, 3].map(() => engine.runScript(container.name, 'start', { ms: 20_000 })))
    t.same(await engine.scriptOutput(container.name, 'start'), { exitCode: 0, output: 'x\n' })
  })

  t.test('nothing runs for a container that has no such script', async (t) => {
    const container = await run('none', {})
    await engine.runScript(container.name, 'start', { ms: 20_000 })
    t.equal(await engine.scriptOutput(container.name, 'start'), undefined)
    t.same((await see(container))?.scripts, {})
  })

  t.test('a later daemon finds what ran, and follows what still runs', async (t) => {
    const done = await run('done', { env: { SON_EMU_CMD: 'echo first; exit 7' } })
    await engine.runScript(done.name, 'start', { ms: 20_000 })
    const command = 'until [ -e /tmp/go ]; do sleep 0.05; done; exit 5'
    const running = await run('running', { env: { SON_EMU_CMD: command, SON_EMU_CMD_STOP: 'echo bye' } })
    await engine.runScript(running.name, 'start', undefined)

    const later = makeEngine(engines, owner, { stateDir })
    t.teardown(() => later.close())
    t.same((await see(done, later))?.scripts, { start: { run: 'done', exitCode: 7 } })
    t.same(await later.scriptOutput(done.name, 'start'), { exitCode: 7, output: 'first\n' })
    await later.runScript(done.name, 'start', { ms: 20_000 })
    t.same(await later.scriptOutput(done.name, 'start'), { exitCode: 7, output: 'first\n' })

    t.same((await see(running, later))?.scripts, { start: { run: 'running' }, stop: { run: 'pending' } })
    const hints: string[] = []
    const subscription = await later.subscribe(({ cause }) => hints.push(cause))
    await engine.exec(running.name, ['touch', '/tmp/go'])
    await until('the end', async () => (await see(running, later))?.scripts.start?.run === 'done')
    t.same((await see(running, later))?.scripts, { start: { run: 'done', exitCode: 5 }, stop: { run: 'pending' } })
    await until('a hint', () => hints.includes('start script ended'))
    await subscription.close()
  })

  t.test('one that was noted but never begun is pending; one the engine forgot is over', async (t) => {
    const container = await run('cut', { env: { SON_EMU_CMD: 'echo ran' } })
    const startedAt = (await see(container))?.startedAt ?? ''
    const exec = await engines.docker.getContainer(container.name).exec({ Cmd: ['true'] })
    const note = (execId: string) =>
      writeFile(
        join(stateDir, 'scripts', `${container.name}.json`),
        JSON.stringify({ startedAt, scripts: { start: { execId, run: 'running' } } }),
      )
    await note(exec.id)
    const second = makeEngine(engines, owner, { stateDir })
    t.teardown(() => second.close())
    t.same((await see(container, second))?.scripts, { start: { run: 'pending' } })
    await second.runScript(container.name, 'start', { ms: 20_000 })
    t.same(await second.scriptOutput(container.name, 'start'), { exitCode: 0, output: 'ran\n' })

    await note('0'.repeat(64))
    const third = makeEngine(engines, owner, { stateDir })
    t.teardown(() => third.close())
    t.same((await see(container, third))?.scripts, { start: { run: 'done', exitCode: -1 } })
  })

  t.test('a damaged record is as none', async (t) => {
    const container = await run('damaged', { env: { SON_EMU_CMD: 'true' } })
    const file = join(stateDir, 'scripts', `${container.name}.json`)
    await writeFile(file, '{"startedAt":')
    t.same((await see(container))?.scripts, { start: { run: 'pending' } })
    await engine.runScript(container.name, 'start', { ms: 20_000 })
    t.match(JSON.parse(await readFile(file, 'utf8')), { scripts: { start: { run: 'done', exitCode: 0 } } })
  })
})
