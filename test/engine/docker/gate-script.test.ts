import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { gateCommand, isGateCommand, isRuntimeCommand } from '../../../src/engine/docker/gate-script.ts'

const execute = promisify(execFile)

t.test('a process that still waits is told from the program', async (t) => {
  const { Entrypoint, Cmd } = gateCommand({ entrypoint: ['nginx'], cmd: ['-g', 'daemon off;'] }, ['PATH=/bin'])
  t.ok(isGateCommand([...Entrypoint, ...Cmd]))
  t.same(Cmd, ['nginx', '-g', 'daemon off;'])
  t.notOk(isGateCommand(['/usr/sbin/nginx', '-g', 'daemon off;']))
  t.notOk(isGateCommand(['/.sond/busybox', 'sleep', '2147483647']), 'what keeps an image up that has no program')
  t.notOk(isGateCommand(['/bin/sh', '-c', 'x', '', 'sond']))
})

t.test('a runtime that has not come to the gate yet is not the program', async (t) => {
  t.ok(isRuntimeCommand(['runc', 'init']))
  t.ok(isRuntimeCommand(['/usr/bin/crun', '--root', '/x', 'create', 'id']))
  t.notOk(isRuntimeCommand(['/sbin/init']))
  t.notOk(isRuntimeCommand(['/usr/bin/runcible', 'start']))
})

/** Runs the script as the container's first process would be run, its gate open. */
const runGate = async (dir: string, environment: readonly string[], cmd: readonly string[]): Promise<string> => {
  const gate = join(dir, 'gate')
  await execute('mkfifo', [gate])
  const [, ...args] = gateCommand({ entrypoint: [], cmd }, environment).Entrypoint
  const here = [...args, ...cmd].map((word) =>
    word.replaceAll('/.sond/busybox', '/bin/busybox').replaceAll('/.sond', dir),
  )
  const [{ stdout }] = await Promise.all([
    execute('env', ['-i', ...environment, '/bin/busybox', ...here]),
    writeFile(gate, 'open\n'),
  ])
  return stdout
}

const environment = ["a.b=it's", 'c-d=two\nlines', 'e f=', 'PWD=/opt', 'OK=1', 'PATH=/bin:/usr/bin']

t.test('environment that a shell would lose is there, values as they are; nothing is added to it', async (t) => {
  const shown = await runGate(t.testdir(), environment, ['env', '-0'])
  t.same(shown.split('\0').filter(Boolean).sort(), [...environment].sort())
})

t.test('no value of the environment is an argument while the gate holds', async (t) => {
  const { Entrypoint, Cmd } = gateCommand({ entrypoint: [], cmd: ['x'] }, ['db.password=hunter2', 'OK=hunter2'])
  t.notMatch([...Entrypoint, ...Cmd].join(' '), /hunter2/)
})
