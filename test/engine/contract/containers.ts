import type { Test } from 'tap'
import type { ContainerEngine } from '../../../src/engine/ports.ts'
import type { ObservedContainer } from '../../../src/model/actual.ts'
import type { DesiredContainer, Limits } from '../../../src/model/desired.ts'
import { EngineError } from '../../../src/model/errors.ts'
import type { ContainerName, ImageRef } from '../../../src/model/names.ts'
import type { Owned } from '../../../src/model/ownership.ts'
import { builder, name } from '../../support/build.ts'
import { until } from '../../support/until.ts'
import { hintAfter } from './hints.ts'

export interface ContainerSubject {
  readonly engine: ContainerEngine
  readonly owner: string
  /** DNS label; part of every name the suite makes. */
  readonly instance: string
  /** On the host; has a shell with echo, cat, sleep and exit; its own program runs until killed. */
  readonly image: ImageRef
  /** Nowhere to be had. */
  readonly missingImage: ImageRef
  /** As `image`, with a check of its own. */
  readonly checkedImage: ImageRef
  /** What a user does by hand. */
  readonly hands: {
    kill(name: ContainerName): Promise<void>
    restart(name: ContainerName): Promise<void>
    pause(name: ContainerName): Promise<void>
    remove(name: ContainerName): Promise<void>
    updateLimits(name: ContainerName, limits: Limits): Promise<void>
    /** Has the check of a container of `checkedImage` pass or fail from now on. */
    setHealth(name: ContainerName, health: 'healthy' | 'unhealthy'): Promise<void>
    /** Makes a container without our marks, not running. */
    createForeign(name: ContainerName): Promise<void>
    exists(name: ContainerName): Promise<boolean>
  }
  /** Removes all that the suite made, and closes the engine. */
  close(): Promise<void>
}

const code = (error: unknown): unknown => (error instanceof EngineError ? error.code : error)

/** The contract of `ContainerEngine`. */
export const containerContract = (t: Test, makeSubject: () => Promise<ContainerSubject>): void => {
  const withSubject = (
    title: string,
    body: (
      t: Test,
      subject: ContainerSubject,
      tools: {
        make: (vnf: string, more?: Partial<DesiredContainer>) => DesiredContainer
        see: (name: ContainerName) => Promise<Owned<ObservedContainer> | undefined>
        /** Creates and starts. */
        run: (container: DesiredContainer) => Promise<Owned<ObservedContainer>>
      },
    ) => Promise<void>,
  ): void => {
    t.test(title, async (t) => {
      const subject = await makeSubject()
      t.teardown(() => subject.close())
      const { engine } = subject
      const build = builder({ owner: subject.owner, instance: subject.instance, cookie: 1 })
      const make = (vnf: string, more: Partial<DesiredContainer> = {}) =>
        build.container(vnf, { image: subject.image, ...more })
      const see = async (of: ContainerName) =>
        (await engine.observe(name.object(subject.instance))).find((one) => one.name === of)
      const run = async (container: DesiredContainer) => {
        await engine.create(container)
        await engine.start(container.name)
        return until(`${container.name} to be seen`, () => see(container.name))
      }
      await body(t, subject, { make, see, run })
    })
  }

  withSubject('answers a ping', async (t, { engine }) => {
    await t.resolves(engine.ping())
  })

  withSubject('creates with a closed gate, starts, opens, removes', async (t, { engine, hands }, { make, see }) => {
    const desired = make('fw', {
      limits: { cpuset: '0', cpuPeriod: 1_000_000, cpuQuota: 500_000, memoryBytes: 64 << 20 },
    })
    await engine.create(desired)
    t.match(await see(desired.name), {
      name: desired.name,
      instance: desired.instance,
      copy: 0,
      vnf: 'fw',
      vdu: '',
      replica: 0,
      role: 'vnf',
      dataCenter: 'dc1',
      specHash: desired.specHash,
      image: desired.image,
      state: 'created',
      pid: 0,
      network: 'none',
      limits: desired.limits,
    })
    await engine.start(desired.name)
    const started = await see(desired.name)
    t.match(started, { state: 'running', gate: 'closed' })
    t.ok(started !== undefined && started.pid > 0)
    t.equal(await engine.pidOf(desired.name), started?.pid)
    await engine.openGate(desired.name)
    t.match(await see(desired.name), { state: 'running', gate: 'open', pid: started?.pid })
    await engine.openGate(desired.name)
    if (started === undefined) return
    await engine.remove(started)
    t.equal(await see(desired.name), undefined)
    t.notOk(await hands.exists(desired.name))
  })

  withSubject('making what is there and removing what is gone succeed', async (t, { engine }, { make, see, run }) => {
    const desired = make('fw')
    const first = await run(desired)
    await engine.create(desired)
    await engine.start(desired.name)
    const again = await see(desired.name)
    t.equal(again?.id, first.id)
    t.equal(again?.pid, first.pid)
    await engine.remove(first)
    await engine.remove(first)
    t.equal(await see(desired.name), undefined)
  })

  withSubject(
    'removing one container leaves a later one of the same name',
    async (t, { engine }, { make, see, run }) => {
      const desired = make('fw')
      const first = await run(desired)
      await engine.remove(first)
      const second = await run(desired)
      t.not(second.id, first.id)
      await engine.remove(first)
      t.equal((await see(desired.name))?.id, second.id)
    },
  )

  withSubject('observes one instance, or all', async (t, { engine, instance }, { make, run }) => {
    const mine = make('fw')
    const other = {
      ...builder({ owner: mine.labels['sond.dev/owner'] ?? '', instance: `${instance}-b`, cookie: 2 }).container('fw'),
      image: mine.image,
    }
    await run(mine)
    await engine.create(other)
    await engine.start(other.name)
    const names = (list: readonly ObservedContainer[]) => list.map((one) => one.name).sort()
    t.same(names(await engine.observe(name.object(instance))), [mine.name])
    t.same(names(await engine.observe()), [mine.name, other.name].sort())
  })

  withSubject('tells a container that ended, and its exit code', async (t, { engine, hands }, { make, see, run }) => {
    const first = await run(make('fw'))
    const hint = await hintAfter(engine, first.instance, () => hands.kill(first.name))
    t.ok(hint.cause.length > 0)
    const dead = await until('the end', async () => {
      const seen = await see(first.name)
      return seen?.state === 'exited' ? seen : undefined
    })
    t.match(dead, { exitCode: 137, pid: 0, id: first.id })
    await t.rejects(engine.pidOf(first.name))
    await engine.start(first.name)
    const again = await see(first.name)
    t.match(again, { state: 'running', gate: 'closed' })
    t.not(again?.startedAt, first.startedAt)
  })

  withSubject('tells what the check of an image says', async (t, { engine, hands, image, checkedImage }, tools) => {
    const { make, see, run } = tools
    t.notOk('health' in (await run(make('plain', { image }))), 'it has none')
    const first = await run(make('fw', { image: checkedImage }))
    const health = async () => (await see(first.name))?.health
    t.match(first.health, /starting|unhealthy/, 'nothing has passed yet')
    for (const state of ['healthy', 'unhealthy', 'healthy'] as const) {
      await hintAfter(engine, first.instance, () => hands.setHealth(first.name, state))
      await until(`it to be ${state}`, async () => (await health()) === state)
    }
    await hands.kill(first.name)
    await until('the end', async () => (await see(first.name))?.state === 'exited')
    await engine.start(first.name)
    t.match(await health(), /starting|unhealthy/, 'what was said of an earlier run counts no longer')
  })

  withSubject('closes the gate again on a restart by hand', async (t, { engine, hands }, { make, see, run }) => {
    const first = await run(make('fw'))
    await engine.openGate(first.name)
    await hintAfter(engine, first.instance, () => hands.restart(first.name))
    const again = await until('the new run', async () => {
      const seen = await see(first.name)
      return seen?.state === 'running' && seen.startedAt !== first.startedAt ? seen : undefined
    })
    t.equal(again.gate, 'closed')
    await engine.openGate(first.name)
    t.match(await see(first.name), { gate: 'open' })
  })

  withSubject('tells a paused container and unpauses it', async (t, { engine, hands }, { make, see, run }) => {
    const first = await run(make('fw'))
    await hintAfter(engine, first.instance, () => hands.pause(first.name))
    t.match(await see(first.name), { state: 'paused', pid: first.pid })
    await engine.unpause(first.name)
    await engine.unpause(first.name)
    t.match(await see(first.name), { state: 'running', pid: first.pid, startedAt: first.startedAt })
  })

  withSubject('tells a container removed by hand', async (t, { engine, hands }, { make, see, run }) => {
    const first = await run(make('fw'))
    await hintAfter(engine, first.instance, () => hands.remove(first.name))
    await until('its absence', async () => (await see(first.name)) === undefined)
    await t.rejects(engine.start(first.name))
  })

  withSubject('changes limits in place and sees others do so', async (t, { engine, hands }, { make, see, run }) => {
    const first = await run(make('fw'))
    const wide: Limits = { cpuset: '0', cpuPeriod: 1_000_000, cpuQuota: 250_000, memoryBytes: 128 << 20 }
    await engine.updateLimits(first.name, wide)
    t.match(await see(first.name), { id: first.id, startedAt: first.startedAt, limits: wide })
    const narrow: Limits = { ...wide, memoryBytes: 32 << 20, cpuQuota: 100_000 }
    await hintAfter(engine, first.instance, () => hands.updateLimits(first.name, narrow))
    t.same((await see(first.name))?.limits, narrow)
    const none: Limits = { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 0 }
    await engine.updateLimits(first.name, none)
    t.same((await see(first.name))?.limits, none)
  })

  withSubject('refuses limits the host does not have', async (t, { engine }, { make, see, run }) => {
    const first = await run(make('fw'))
    const error = await engine
      .updateLimits(first.name, { cpuset: '4000', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 0 })
      .catch(code)
    t.equal(error, 'LIMITS_REFUSED')
    t.equal((await see(first.name))?.state, 'running')
  })

  withSubject('knows which images are there', async (t, { engine, image, missingImage }, { make }) => {
    t.same([...(await engine.presentImages([image, missingImage]))], [image])
    t.equal(await engine.pullImage(missingImage, () => undefined).catch(code), 'IMAGE_NOT_FOUND')
    t.equal(await engine.create(make('fw', { image: missingImage })).catch(code), 'IMAGE_NOT_FOUND')
  })

  withSubject('leaves foreign containers alone', async (t, { engine, hands }, { make, see }) => {
    const desired = make('fw')
    await hands.createForeign(desired.name)
    t.equal(await see(desired.name), undefined)
    t.match(await engine.conflicts([desired.name, make('other').name]), [{ kind: 'container', name: desired.name }])
    t.equal(await engine.create(desired).catch(code), 'CONFLICT')
    t.ok(await hands.exists(desired.name))
    t.same(await engine.conflicts([make('other').name]), [])
  })

  withSubject('runs a start script once a run, with its end', async (t, { engine }, { make, see, run }) => {
    const desired = make('fw', { env: { SON_EMU_CMD: 'echo a=b; exit 3' } })
    const first = await run(desired)
    t.match(first.scripts, { start: { run: 'pending' } })
    t.equal(first.scripts.stop, undefined)
    t.equal(await engine.scriptOutput(desired.name, 'start'), undefined)
    await engine.openGate(desired.name)
    await engine.runScript(desired.name, 'start', undefined)
    await until('the end of the script', async () => (await see(desired.name))?.scripts.start?.run === 'done')
    t.match((await see(desired.name))?.scripts, { start: { run: 'done', exitCode: 3 } })
    t.same(await engine.scriptOutput(desired.name, 'start'), { exitCode: 3, output: 'a=b\n' })
  })

  withSubject(
    'runs no script again that ended well, and one that failed',
    async (t, { engine }, { make, see, run }) => {
      for (const [vnf, code, times] of [
        ['well', 0, '1'],
        ['ill', 3, '2'],
      ] as const) {
        const desired = make(vnf, { env: { SON_EMU_CMD: `echo x >> /tmp/runs; exit ${code}` } })
        await run(desired)
        await engine.openGate(desired.name)
        for (let n = 0; n < 2; n += 1) {
          await engine.runScript(desired.name, 'start', undefined)
          await until('its end', async () => (await see(desired.name))?.scripts.start?.run === 'done')
        }
        t.match((await see(desired.name))?.scripts, { start: { run: 'done', exitCode: code } })
        const { output } = await engine.exec(desired.name, ['grep', '-c', 'x', '/tmp/runs'])
        t.ok(output === '' || output.trim() === times, `ran ${output} times`) // in memory nothing is counted
      }
    },
  )

  withSubject('a new run has its scripts before it again', async (t, { engine, hands }, { make, see, run }) => {
    const desired = make('fw', { env: { SON_EMU_CMD: 'echo up' } })
    await run(desired)
    await engine.runScript(desired.name, 'start', { ms: 5000 })
    t.match((await see(desired.name))?.scripts, { start: { run: 'done', exitCode: 0 } })
    await hands.kill(desired.name)
    await until('the end', async () => (await see(desired.name))?.state === 'exited')
    await engine.start(desired.name)
    t.match((await see(desired.name))?.scripts, { start: { run: 'pending' } })
  })

  withSubject('waits for a stop script, but not for ever', async (t, { engine }, { make, see, run }) => {
    const quick = make('quick', { env: { SON_EMU_CMD_STOP: 'echo bye' } })
    const slow = make('slow', { env: { SON_EMU_CMD_STOP: 'sleep 1000' } })
    t.match((await run(quick)).scripts, { stop: { run: 'pending' } })
    await run(slow)
    await engine.runScript(quick.name, 'stop', { ms: 10_000 })
    t.match((await see(quick.name))?.scripts, { stop: { run: 'done', exitCode: 0 } })
    t.same(await engine.scriptOutput(quick.name, 'stop'), { exitCode: 0, output: 'bye\n' })
    await engine.runScript(slow.name, 'stop', { ms: 50 })
    t.match((await see(slow.name))?.scripts, { stop: { run: 'running' } })
  })

  withSubject('executes commands', async (t, { engine }, { make, run }) => {
    const first = await run(make('fw'))
    await engine.openGate(first.name)
    t.same(await engine.exec(first.name, ['sh', '-c', 'echo hi']), { exitCode: 0, output: 'hi\n' })
    t.match(await engine.exec(first.name, ['sh', '-c', 'exit 4']), { exitCode: 4 })
    t.same(await engine.exec(first.name, ['cat'], new TextEncoder().encode('in')), { exitCode: 0, output: 'in' })
  })

  withSubject('executes nothing where nothing runs', async (t, { engine, hands }, { make, see, run }) => {
    const desired = make('fw')
    const attempt = () => engine.exec(desired.name, ['sh', '-c', 'echo hi']).catch(code)
    t.equal(await attempt(), 'NOT_FOUND', 'there is no such container')
    await engine.create(desired)
    t.equal(await attempt(), 'NOT_FOUND', 'it was never started')
    await run(desired)
    await hands.pause(desired.name)
    t.equal(await attempt(), 'NOT_FOUND', 'it is paused')
    await engine.unpause(desired.name)
    t.match(await attempt(), { output: 'hi\n' })
    await hands.kill(desired.name)
    await until('the end', async () => (await see(desired.name))?.state === 'exited')
    t.equal(await attempt(), 'NOT_FOUND', 'it has ended')
  })

  withSubject('a container that never ran has said nothing', async (t, { engine }, { make }) => {
    const desired = make('fw', { env: { SON_EMU_CMD: 'echo up' } })
    const lines = async () => {
      const seen: string[] = []
      for await (const line of engine.logs(desired.name, {})) seen.push(line)
      return seen
    }
    t.equal(await lines().catch(code), 'NOT_FOUND')
    t.equal(await engine.scriptOutput(desired.name, 'start').catch(code), 'NOT_FOUND')
    await engine.create(desired)
    t.same(await lines(), [])
    t.equal(await engine.scriptOutput(desired.name, 'start'), undefined)
  })
}
