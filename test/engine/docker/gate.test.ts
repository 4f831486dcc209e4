import { readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ContainerEngine } from '../../../src/engine/ports.ts'
import type { DesiredContainer } from '../../../src/model/desired.ts'
import { EngineError } from '../../../src/model/errors.ts'
import { builder, name } from '../../support/build.ts'
import { importBusyboxImage, startTestEngines } from '../../support/engines.ts'
import type { BusyboxImage } from '../../support/engines.ts'
import { until } from '../../support/until.ts'
import { imageRef, makeEngine, ownerName } from './subject.ts'

const linesOf = async (engine: ContainerEngine, container: DesiredContainer): Promise<readonly string[]> => {
  const lines: string[] = []
  for await (const line of engine.logs(container.name, {})) lines.push(line)
  return lines
}

t.test('the gate', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
  const { docker } = engines
  const owner = ownerName('gate')
  const engine = makeEngine(engines, owner)
  t.teardown(() => engine.close())
  const build = builder({ owner, instance: 'demo', cookie: 1 })
  let count = 0

  /** A started container of an image made for it, its gate still closed. */
  const started = async (image: BusyboxImage, more: Partial<DesiredContainer> = {}): Promise<DesiredContainer> => {
    count += 1
    const ref = imageRef(`local/gate${count}:1`)
    await importBusyboxImage(docker, ref, image)
    const container = build.container(`c${count}`, { image: ref, ...more })
    await engine.create(container)
    await engine.start(container.name)
    return container
  }
  const see = async (container: DesiredContainer) =>
    (await engine.observe(name.object('demo'))).find((one) => one.name === container.name)
  const ended = (container: DesiredContainer) =>
    until('its end', async () => {
      const seen = await see(container)
      return seen?.state === 'exited' ? seen : undefined
    })
  const commandOf = async (container: DesiredContainer): Promise<readonly string[]> => {
    const text = await readFile(`/proc/${await engine.pidOf(container.name)}/cmdline`, 'utf8')
    return text.split('\0').slice(0, -1)
  }

  t.test('runs ENTRYPOINT and CMD of the image as process 1, by its path and not as an applet', async (t) => {
    const container = await started({ entrypoint: ['sleep'], cmd: ['12345'] })
    t.equal((await see(container))?.gate, 'closed')
    const pid = await engine.pidOf(container.name)
    await engine.openGate(container.name)
    t.same(await commandOf(container), ['/bin/sleep', '12345'])
    t.equal(await engine.pidOf(container.name), pid)
    const link = await engine.exec(container.name, ['readlink', '/proc/1/exe'])
    t.equal(link.output, '/bin/busybox\n', "the image's own file, not the gate's")
  })

  t.test('works for an image without a shell, and one that runs as a user', async (t) => {
    const bare = await started({ shell: false, entrypoint: ['sleep'], cmd: ['777'] })
    await engine.openGate(bare.name)
    t.same(await commandOf(bare), ['/bin/sleep', '777'])
    const user = await started({ cmd: ['sh', '-c', 'id -u; exec sleep 1000'], user: '1000' })
    await engine.openGate(user.name)
    await until('its output', async () => (await linesOf(engine, user)).includes('1000'))
  })

  t.test('takes a program relative to the working directory', async () => {
    const container = await started({
      files: { '/opt/vnf/run.sh': '#!/bin/sh\necho "$@"\nexec sleep 1000\n' },
      workdir: '/opt/vnf',
      entrypoint: ['./run.sh', 'a b'],
      cmd: ['$HOME', '*'],
    })
    await engine.openGate(container.name)
    await until('its output', async () => (await linesOf(engine, container)).includes('a b $HOME *'))
  })

  t.test('leaves environment and signals as Docker alone would', async (t) => {
    const image = {
      cmd: [
        'sh',
        '-c',
        "cat /proc/self/status | grep -E '^Sig(Ign|Blk)'; tr '\\0' '\\n' < /proc/$$/environ; echo the end",
      ],
      env: { 'discovery.type': "it's single", dir: '/data', IFS_LIKE: 'a:b' },
    }
    const container = await started(image, { env: { VNF_NAME: 'fw', 'odd.name': 'x=y' }, hostname: 'same' })
    await engine.openGate(container.name)
    const bare = await docker.createContainer({
      Image: container.image,
      Hostname: 'same',
      Env: ['VNF_NAME=fw', 'odd.name=x=y'],
      OpenStdin: true,
      HostConfig: { NetworkMode: 'none' },
    })
    await bare.start()
    const bareLines = async (): Promise<readonly string[]> => {
      const log = await bare.logs({ stdout: true, stderr: true })
      const lines: string[] = []
      // Frames of Docker's log stream: 8 bytes of header each.
      for (let at = 0; at < log.length; at += 8 + log.readUInt32BE(at + 4)) {
        const text = log.subarray(at + 8, at + 8 + log.readUInt32BE(at + 4)).toString()
        lines.push(...text.trimEnd().split('\n'))
      }
      return lines
    }
    /** Docker may hand out the last lines some time after the end. */
    const whole = (read: () => Promise<readonly string[]>) =>
      until('the whole log', async () => {
        const lines = await read()
        return lines.includes('the end') ? lines : undefined
      })
    const expected = await whole(bareLines)
    t.ok(expected.includes('odd.name=x=y'))
    t.same((await whole(() => linesOf(engine, container))).toSorted(), expected.toSorted())
  })

  t.test('says what is missing when the program is not in the image', async (t) => {
    const container = await started({ cmd: ['no-such-program', 'x'] })
    await engine.openGate(container.name)
    t.equal((await ended(container)).exitCode, 127)
    t.same(await linesOf(engine, container), ["sond: the image's program no-such-program is not in the image"])
  })

  t.test('keeps an image up that has no program', async (t) => {
    count += 1
    const ref = imageRef(`local/gate${count}:1`)
    await importBusyboxImage(docker, ref, { cmd: [] })
    const container = build.container(`c${count}`, { image: ref })
    await engine.create(container)
    await engine.start(container.name)
    await engine.openGate(container.name)
    t.match(await see(container), { state: 'running', gate: 'open' })
  })

  t.test('keeps a shell up whose input nobody writes', async (t) => {
    const container = await started({ cmd: ['/bin/sh'] })
    await engine.openGate(container.name)
    t.match(await see(container), { state: 'running', gate: 'open' })
    t.same(await commandOf(container), ['/bin/sh'])
  })

  t.test('ends at once when stopped while it waits', async (t) => {
    const container = await started({})
    const before = performance.now()
    await docker.getContainer(container.name).stop({ t: 30 })
    t.ok(performance.now() - before < 5_000)
    t.equal((await see(container))?.exitCode, 143)
    t.same(await linesOf(engine, container), [])
  })

  t.test('is closed again after a restart by hand, also when it was moved aside', async (t) => {
    const container = await started({})
    await engine.openGate(container.name)
    await docker.getContainer(container.name).restart({ t: 0 })
    t.equal((await see(container))?.gate, 'closed')
    await docker.getContainer(container.name).stop({ t: 0 })
    await rm(join(engines.dir, 'sond', owner, 'gates', container.name), { recursive: true })
    await engine.start(container.name)
    t.equal((await see(container))?.gate, 'closed')
    await engine.openGate(container.name)
    t.equal((await see(container))?.gate, 'open')
  })

  t.test('a gate that was lost while a program waits ends the container, so that it starts anew', async (t) => {
    const container = await started({})
    const { pid } = (await see(container)) ?? {}
    // Only what waits at the gate can lose it: a shell that has not come there yet ends by itself.
    await until('the shell to wait', async () => /^State:\tS/m.test(await readFile(`/proc/${pid ?? 0}/status`, 'utf8')))
    await rm(join(engines.dir, 'sond', owner, 'gates', container.name), { recursive: true })
    const quick = makeEngine(engines, owner, { timeouts: { gate: 300 } })
    t.teardown(() => quick.close())
    const error = await quick.openGate(container.name).catch((error: unknown) => error)
    t.ok(error instanceof EngineError && error.code === 'GATE_FAILED')
    await ended(container)
    await engine.start(container.name)
    await engine.openGate(container.name)
    t.match(await see(container), { state: 'running', gate: 'open' })
  })

  t.test('a busybox that was cut off in the state directory is made whole for the next start', async (t) => {
    // With a copy of its own: one that is being run cannot be cut off.
    const own = makeEngine(engines, ownerName('cut'))
    t.teardown(() => own.close())
    const image = imageRef('local/cut:1')
    await importBusyboxImage(docker, image, { cmd: ['sleep', '1000'] })
    const runs = async (vnf: string): Promise<void> => {
      const container = builder({ owner: ownerName('cut'), instance: 'demo', cookie: 1 }).container(vnf, { image })
      await own.create(container)
      await own.start(container.name)
      await own.openGate(container.name)
      const gate = join(engines.dir, 'sond', 'cut', 'gates', container.name, 'busybox')
      await truncate(gate, 1000)
      await docker.getContainer(container.name).kill()
      await own.start(container.name)
      await own.openGate(container.name)
      t.match(await readFile(`/proc/${await own.pidOf(container.name)}/cmdline`, 'utf8'), /^\/bin\/sleep/)
    }
    await runs('one')
    await runs('other')
  })

  t.test('what was kept for a container goes with it', async (t) => {
    const mine = await started({})
    const removedByHand = await started({})
    const [owned] = (await engine.observe()).filter((one) => one.name === mine.name)
    if (owned === undefined) throw new Error('not observed')
    await engine.remove(owned)
    await docker.getContainer(removedByHand.name).remove({ force: true })
    await engine.observe()
    const left = (path: string) => t.rejects(readFile(join(engines.dir, 'sond', owner, 'gates', path, 'busybox')))
    await left(mine.name)
    await left(removedByHand.name)
  })
})
