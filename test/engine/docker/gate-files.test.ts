// The files of a gate, without an engine.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createGates } from '../../../src/engine/docker/gate.ts'

t.test('whoever an image runs as comes through its gate, whatever the umask of the daemon', async (t) => {
  const before = process.umask(0o077)
  t.teardown(() => process.umask(before))
  const { signal } = new AbortController()
  const gates = createGates({ directory: join(t.testdir(), 'gates'), busybox: '/bin/busybox', signal })
  const path = join(t.testdirName, 'gates', 'demo')
  await gates.prepare(path)
  const modeOf = async (name: string): Promise<number> => (await stat(join(path, name))).mode & 0o777
  t.equal(await modeOf('.'), 0o755)
  t.equal(await modeOf('busybox'), 0o555)
  t.equal(await modeOf('gate'), 0o444)
  t.equal(await modeOf('hosts'), 0o644)
  t.equal(await modeOf('resolv.conf'), 0o644)
})
