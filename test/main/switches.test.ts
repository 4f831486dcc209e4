import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { runDaemon } from '../../src/main/daemon.ts'
import { mergeOptions, runCommand } from '../../src/main/options.ts'
import { ask } from '../support/http.ts'
import { memoryLog } from '../support/log.ts'
import { checkSwitch, merged, nested } from '../support/switches.ts'
import { until } from '../support/until.ts'
import { daemonSwitches, type DaemonSwitch } from './switches.ts'

process.setMaxListeners(100) // every daemon of this file listens to the signals of its process

/** What a daemon does that has the setting so, told by its configuration file alone. */
const tryOut = async (t: Test, one: DaemonSwitch, which: 0 | 1): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-switch-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  for (const name of ['manifests', 'elsewhere']) await mkdir(join(directory, name))
  const base = {
    engines: { mode: 'memory' },
    manifests: { directory: '$DIR/manifests' },
    listen: ['unix:$DIR/api.sock'],
    results: { directory: '$DIR/results' },
  }
  const spec = merged(merged(base, one.given), nested(one.setting, one.values[which]))
  const text = stringify({ apiVersion: 'sond.dev/v1alpha1', kind: 'SondConfiguration', spec })
  const config = join(directory, 'sond.yaml')
  await writeFile(config, text.replaceAll('$DIR', directory))
  const command = runCommand()
  command.parse(['--config', config, '--state-dir', join(directory, 'state'), '--run-dir', join(directory, 'run')], {
    from: 'user',
  })
  const log = memoryLog()
  const over = runDaemon(await mergeOptions(command.opts()), '0', log)
  const where = { socketPath: join(directory, 'api.sock') }
  try {
    await until('it to be ready', () =>
      ask(where, '/readyz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await checkSwitch(t, one, which, { directory })
  } finally {
    await ask(where, '/emulator/exit', { method: 'PUT' })
    await over
  }
}

const limit = pLimit(4)

for (const one of daemonSwitches) {
  const [first, second] = one.values.map((value) => JSON.stringify(value))
  void t.test(`keep: ${one.setting}: ${first} or ${second}`, (t) =>
    Promise.all([0 as const, 1 as const].map((which) => limit(() => tryOut(t, one, which)))),
  )
}
