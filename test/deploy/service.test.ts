// The systemd unit says what the daemon understands, and what keeps services running while it is stopped.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../src/main/options.ts'

const unit = readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'sond.service'), 'utf8')
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''

t.test('its command line is one of the daemon', async (t) => {
  const [program, run, ...flags] = setting('ExecStart').split(' ')
  t.same([program, run], ['/opt/sond/bin/sond.js', 'run'])
  const command = runCommand().exitOverride()
  command.parse(flags, { from: 'user' })
  t.equal(command.opts<{ config: string }>().config, '/etc/sond/sond.yaml')
})

t.test('systemd is told when it is ready and that it lives, and ends the daemon alone', async (t) => {
  t.equal(setting('Type'), 'notify')
  t.equal(setting('NotifyAccess'), 'all', 'the sign comes from a child')
  t.match(setting('WatchdogSec'), /^\d+(?:s|min)$/)
  t.equal(setting('KillMode'), 'process', 'engines and services run on')
  t.equal(setting('Restart'), 'on-failure')
})
