import t from 'tap'
import { gateCommand, isGateCommand, isRuntimeCommand } from '../../../src/engine/docker/gate-script.ts'

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

t.test('environment that a shell would lose is given again, quoted; what the image has is not unset', async (t) => {
  const [, , , script = ''] = gateCommand({ entrypoint: [], cmd: ['x'] }, ["a.b=it's", 'PWD=/opt', 'OK=1']).Entrypoint
  t.match(script, String.raw`busybox env 'a.b=it'\''s' "$_sond_program"`)
  t.match(script, /^unset OLDPWD SHLVL$/m)
})
