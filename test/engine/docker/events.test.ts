import process from 'node:process'
import t from 'tap'
import type { EngineHint } from '../../../src/engine/ports.ts'
import { EngineError } from '../../../src/model/errors.ts'
import { builder, name } from '../../support/build.ts'
import { startTestEngines } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'
import { imageRef, makeEngine, ownerName, prepareImage, testImage } from './subject.ts'

t.test('events and answers', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
  const { docker } = engines
  await prepareImage(docker)
  const owner = ownerName('events')
  const log = memoryLog()
  const engine = makeEngine(engines, owner, {
    log,
    timeouts: { pingEvery: 100, ping: 200 },
  })
  t.teardown(() => engine.close())
  const demo = name.object('demo')
  const build = builder({ owner, instance: 'demo', cookie: 1 })
  const container = build.container('fw', { image: testImage })
  const hints: EngineHint[] = []
  const saw = (cause: string) => until(cause, () => hints.find((hint) => hint.cause === cause))

  await engine.subscribe((hint) => hints.push(hint))
  await engine.create(container)
  await engine.start(container.name)

  t.test('a hint tells the instance; of others there is none', async (t) => {
    t.match(await saw('container start'), { instance: 'demo' })
    hints.length = 0
    const foreign = await docker.createContainer({
      name: 'foreign',
      Image: testImage,
      HostConfig: { NetworkMode: 'none' },
    })
    await foreign.remove({ force: true })
    await docker.getImage(testImage).tag({ repo: 'local/other', tag: '1' })
    t.equal((await saw('image tag')).instance, undefined)
    t.same(
      hints.map(({ cause }) => cause),
      ['image tag'],
    )
  })

  t.test('what was inspected is asked again only after a change', async (t) => {
    await engine.observe(demo)
    const before = performance.now()
    for (let index = 0; index < 20; index += 1) await engine.observe(demo)
    t.ok(performance.now() - before < 2_000)
    await docker.getContainer(container.name).update({ CpusetCpus: '1' })
    await saw('container update')
    t.equal((await engine.observe(demo))[0]?.limits.cpuset, '1')
  })

  t.test('an image that is tagged anew is seen', async (t) => {
    const later = imageRef('local/later:1')
    t.same([...(await engine.presentImages([later]))], [])
    await docker.getImage(testImage).tag({ repo: 'local/later', tag: '1' })
    t.same([...(await engine.presentImages([later]))], [later])
    hints.length = 0
    await docker.getImage(later).remove()
    await until('its absence', async () => (await engine.presentImages([later])).size === 0)
  })

  t.test('a Docker engine that was killed comes back with a hint for everywhere, and the truth', async (t) => {
    const [before] = await engine.observe(demo)
    hints.length = 0
    process.kill(engines.pids()['dockerd'] ?? 0, 'SIGKILL')
    const error = await until('a failed call', async () => {
      const failure: unknown = await engine.ping().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      return failure
    })
    t.ok(error instanceof EngineError && error.code === 'UNAVAILABLE')
    await until('its return', () => hints.find(({ cause }) => cause === 'docker events resumed'), { timeout: 30_000 })
    t.match(await engine.observe(demo), [
      { id: before?.id ?? '', state: 'running', gate: 'closed', pid: before?.pid ?? 0 },
    ])
    await engine.openGate(container.name)
    t.match(await engine.observe(demo), [{ gate: 'open' }])
    hints.length = 0
    await docker.getContainer(container.name).kill()
    t.match(await saw('container die'), { instance: 'demo' })
  })

  t.test('a Docker engine that hangs is a time-out, and a stream that went silent is broken off', async (t) => {
    const pid = engines.pids()['dockerd'] ?? 0
    const losses = () => log.lines.filter(({ message }) => message === 'docker events are lost, asking again').length
    const before = losses()
    const impatient = makeEngine(engines, owner, { timeouts: { call: 200 } })
    t.teardown(() => impatient.close())
    hints.length = 0
    process.kill(pid, 'SIGSTOP')
    try {
      const error: unknown = await impatient.observe(demo).catch((reason: unknown) => reason)
      t.ok(error instanceof EngineError && error.code === 'TIMEOUT')
      await until('the stream to be given up', () => losses() > before, { timeout: 30_000 })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await saw('docker events resumed')
    t.equal((await engine.observe(demo)).length, 1)
  })

  t.test('a closed engine answers nothing more', async (t) => {
    const closed = makeEngine(engines, owner)
    await closed.subscribe(() => t.fail('a hint after the end'))
    await closed.close()
    const error: unknown = await closed.observe().catch((reason: unknown) => reason)
    t.ok(error instanceof EngineError && error.code === 'CANCELLED')
    await docker.getContainer(container.name).restart({ t: 0 })
  })
})
