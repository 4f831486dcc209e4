import { chmodSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { keepWatchdog, notifySystemd } from '../../src/main/notify.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { until } from '../support/until.ts'

void t.test('without systemd nothing is told', async (t) => {
  await notifySystemd('READY=1', {})
  const clock = createHandClock()
  keepWatchdog(clock, {})()
  keepWatchdog(clock, { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' })()
  t.equal(clock.timers(), 0)
})

void t.test('with it, readiness and a sign of life at half of its time', async (t) => {
  const directory = t.testdir({ said: '' })
  const program = join(directory, 'systemd-notify')
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${join(directory, 'said')}\n`)
  chmodSync(program, 0o755)
  const path = process.env['PATH'] ?? ''
  process.env['PATH'] = `${directory}:${path}`
  t.teardown(() => (process.env['PATH'] = path))
  const said = (): Promise<string> => readFile(join(directory, 'said'), 'utf8')
  const env = { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '30000000' }
  await notifySystemd('READY=1', env)
  t.equal(await said(), `--pid=${process.pid} READY=1\n`)
  const clock = createHandClock()
  const stop = keepWatchdog(clock, env)
  await until('the first sign', async () => (await said()).split('WATCHDOG=1').length === 2)
  t.equal(clock.step(15_000), true)
  await until('the second sign', async () => (await said()).split('WATCHDOG=1').length === 3)
  stop()
  t.equal(clock.timers(), 0)
})
