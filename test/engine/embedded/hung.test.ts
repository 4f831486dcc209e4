import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startEmbeddedEngines } from '../../../src/engine/embedded/embedded.ts'
import { namespaceOf } from '../../../src/engine/embedded/namespace.ts'
import { allProcesses, run } from '../../../src/engine/embedded/processes.ts'
import { engineDirectory, findLeaks } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'

/** Long before the time-out of any program. Milliseconds. */
const enough = 8_000

void t.test('not wanted any more while a program of their start hangs: it ends, and nothing is left', async (t) => {
  const path = process.env['PATH']
  t.teardown(() => {
    process.env['PATH'] = path
  })
  for (const program of ['ip', 'modprobe', 'ovsdb-tool', 'ovs-vsctl', 'nsenter', 'dockerd', 'ip with a namespace']) {
    await t.test(program, async (t) => {
      const dir = await engineDirectory(t)
      const { name: namespace } = namespaceOf(join(dir, 'state', 'engines'))
      const isThere = program.endsWith('with a namespace')
      if (isThere) {
        const ip = (...args: string[]) => run(['ip', 'netns', ...args, namespace])
        await ip('add')
        t.teardown(() => {
          process.env['PATH'] = path
          return ip('del')
        })
      }
      const marker = `1000.${process.pid}`
      await mkdir(join(dir, 'bin'))
      await writeFile(join(dir, 'bin', program.split(' ', 1)[0] ?? ''), `#!/bin/sh\nexec sleep ${marker}\n`, {
        mode: 0o755,
      })
      process.env['PATH'] = `${join(dir, 'bin')}:${path ?? ''}`
      const hangs = async (): Promise<boolean> => (await allProcesses()).some(({ command }) => command.includes(marker))
      const stop = new AbortController()
      const starting = startEmbeddedEngines({
        ...{ stateDir: join(dir, 'state'), runDir: join(dir, 'run'), keep: false, log: memoryLog() },
        signal: stop.signal,
      })
      starting.catch(() => undefined) // looked at below
      await until('it to hang', hangs)
      const began = performance.now()
      stop.abort()
      await t.rejects(starting)
      t.ok(performance.now() - began < enough, `${Math.round(performance.now() - began)} ms`)
      t.notOk(await hangs())
      // What hangs cannot take it away either.
      if (!isThere) t.same(await findLeaks(dir, namespace), [])
    })
  }
})
