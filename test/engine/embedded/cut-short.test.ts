import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { namespaceOf } from '../../../src/engine/embedded/namespace.ts'
import { engineDirectory, findLeaks } from '../../support/engines.ts'
import { until } from '../../support/until.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

/** Asked to end when so much of its log is there. */
void t.test('asked to end in the middle of the start of its engines: it ends soon, and nothing is left', async (t) => {
  for (const [moment, said] of [
    ['before any engine answers', /^/],
    ['when the first of them answers', /engine started/],
  ] as const) {
    await t.test(moment, async (t) => {
      const dir = await engineDirectory(t)
      const netns = namespaceOf(join(dir, 'state', 'engines')).name
      await mkdir(join(dir, 'manifests'))
      const sond = spawn(
        process.execPath,
        [
          ...[main, 'run', '--engines', 'embedded', '--log-format', 'pretty', '--listen', `unix:${dir}/api.sock`],
          ...['--manifests', join(dir, 'manifests'), '--state-dir', join(dir, 'state'), '--run-dir', join(dir, 'run')],
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      )
      t.teardown(() => void sond.kill('SIGKILL'))
      let log = ''
      sond.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
      const over = once(sond, 'exit').then(() => sond.exitCode)
      const engineRuns = async (): Promise<boolean> =>
        (await findLeaks(dir, netns)).some((leak) => /^process .*(?:containerd|ovsdb-server)/.test(leak))
      await until('an engine to be on its way', async () => (await engineRuns()) && said.test(log), { timeout: 30_000 })
      const began = performance.now()
      sond.kill('SIGTERM')
      t.equal(await over, 0, log)
      t.ok(performance.now() - began < 15_000, `${Math.round(performance.now() - began)} ms`)
      t.notMatch(log, /nobody (?:waited|caught)|listening/)
      t.same(await findLeaks(dir, netns), [])
    })
  }
})
