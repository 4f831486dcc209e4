import t, { type Test } from 'tap'
import { createConsole } from '../../src/daemon/console.ts'
import { createMemoryContainers, endContainer } from '../../src/engine/memory/containers.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import type { ContainerEngine } from '../../src/engine/ports.ts'
import { EngineError } from '../../src/model/errors.ts'
import { builder } from '../support/build.ts'

const start = async (t: Test, change: Partial<ContainerEngine> = {}) => {
  const world = createWorld({})
  const containers = { ...createMemoryContainers(world, 'sond'), ...change }
  t.teardown(() => containers.close())
  const build = builder({ owner: 'sond', instance: 'demo', cookie: 1 })
  const make = async (vnf: string, env: Readonly<Record<string, string>> = {}) => {
    const desired = build.container(vnf, { env })
    await containers.create(desired)
    return desired
  }
  const { logs, exec } = createConsole(containers, { list: () => new Map() }, { get: () => undefined })
  return {
    ...{ world, containers, make },
    exec: (vnf: string) => exec({ instance: 'demo', vnf }, ['echo', 'hi'], AbortSignal.timeout(5000)),
    lines: async (vnf: string, script?: 'start' | 'stop') => {
      const target = { instance: 'demo', vnf, ...(script === undefined ? {} : { script }) }
      const seen: string[] = []
      for await (const { line } of await logs(target, { follow: false, signal: AbortSignal.timeout(5000) }))
        seen.push(line)
      return seen
    },
  }
}

void t.test('a command in a container that does not run is told in which state that is', async (t) => {
  const { world, containers, make, exec } = await start(t)
  const { name } = await make('fw')
  const next = /sonctl describe instance demo.*sonctl logs demo fw.*sonctl wait instance\/demo/
  await t.rejects(exec('fw'), { code: 'CONFLICT', message: `${name} does not run: it has not been started yet`, next })
  await containers.start(name)
  t.match(await exec('fw'), { container: name, exitCode: 0, output: 'hi\n' })
  const container = world.containers.get(name)
  if (container === undefined) throw new Error('it is there')
  container.state = 'paused'
  await t.rejects(exec('fw'), { code: 'CONFLICT', message: `${name} does not run: it is paused`, next })
  container.state = 'running'
  endContainer(world, container, 137)
  await t.rejects(exec('fw'), { code: 'CONFLICT', message: `${name} does not run: it has ended, with code 137`, next })
})

void t.test('what the engine cannot do is not told as a failure of the daemon', async (t) => {
  for (const [code, told] of [
    ['NOT_FOUND', { code: 'CONFLICT', message: 'fw went meanwhile' }],
    ['UNAVAILABLE', { code: 'UNAVAILABLE', next: /sonctl status/ }],
    ['TIMEOUT', { code: 'TIMEOUT', message: /did not answer in time/ }],
    ['REFUSED', { name: 'EngineError', code: 'REFUSED' }],
  ] as const) {
    const failing = () => Promise.reject(new EngineError(code, { container: 'fw' }))
    const { containers, make, exec } = await start(t, { exec: failing })
    const { name } = await make('fw')
    await containers.start(name)
    await t.rejects(exec('fw'), told, code)
  }
  const away = await start(t, { observe: () => Promise.reject(new EngineError('UNAVAILABLE', {})) })
  await t.rejects(away.exec('fw'), { code: 'UNAVAILABLE' })
  await t.rejects(away.lines('fw'), { code: 'UNAVAILABLE' })
})

void t.test('a script that did not run is told apart from one that is not there', async (t) => {
  const { containers, make, lines } = await start(t)
  const { name } = await make('fw', { SON_EMU_CMD: 'echo up' })
  t.same(await lines('fw'), [], 'never started: nothing was said')
  t.same(await lines('fw', 'start'), ['(has not run yet)'])
  await t.rejects(lines('fw', 'stop'), {
    code: 'NOT_FOUND',
    message: 'fw of demo has no stop script',
    next: /SON_EMU_CMD_STOP/,
  })
  await containers.start(name)
  await containers.runScript(name, 'start', undefined)
  t.same(await lines('fw', 'start'), ['up', '(ended with code 0)'])
  await t.rejects(lines('nat'), { code: 'NOT_FOUND', next: 'there are: fw' })
})
