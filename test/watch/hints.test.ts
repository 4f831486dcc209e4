import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

/** In a user namespace of its own, whose limits are nobody else's. */
const inNamespace = ['--user', '--map-root-user']
const refusal = spawnSync('unshare', [...inNamespace, 'sh', '-c', 'echo 9 > /proc/sys/user/max_inotify_watches'])

const script = (limit: string): string => `
  import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
  import { createArrivals } from ${JSON.stringify(join(import.meta.dirname, '../../src/watch/arrivals.ts'))}
  import { createHints } from ${JSON.stringify(join(import.meta.dirname, '../../src/watch/hints.ts'))}
  const allow = (count) => writeFileSync('/proc/sys/user/${limit}', String(count))
  const folder = mkdtempSync('/tmp/sond-hints-')
  const said = []
  let heard = () => undefined
  let ms = 0
  const next = () => new Promise((resolve) => (heard = resolve))
  const say = (message, fields) => { said.push(message + ' ' + (fields?.limit ?? '')); heard() }
  const log = { debug: say, info: say, warn: say, error: say }
  const clock = { now: () => 0, monotonic: () => ms }
  const hints = createHints(log, createArrivals(), clock, () => heard())
  const listen = () => hints.listen(new Map([[folder, { identity: '1', names: undefined }]]))
  allow(0)
  const failed = next()
  await listen()
  await failed
  await listen()
  const told = [hints.problem()]
  allow(100)
  ms = 5000
  const again = next()
  await listen()
  await again
  told.push(hints.problem())
  const changed = next()
  writeFileSync(folder + '/a.yaml', '')
  await changed
  await hints.close()
  rmSync(folder, { recursive: true })
  console.log(JSON.stringify({ said, told }))
`

for (const limit of ['max_inotify_watches', 'max_inotify_instances']) {
  void t.test(
    `no listener left of ${limit}: it names the limit, no disk and no file, and listens once it can`,
    { skip: refusal.status === 0 ? false : 'this machine gives no user namespace with limits of its own' },
    (t) => {
      const { stdout, stderr } = spawnSync(
        'unshare',
        [...inNamespace, process.execPath, '--input-type=module', '-e', script(limit)],
        { encoding: 'utf8', timeout: 20_000 },
      )
      t.equal(stderr, '')
      const setting = `fs.inotify.${limit.replace('inotify', 'user')}`
      t.match(JSON.parse(stdout), {
        told: [new RegExp(`every few seconds, not heard of: ${setting}`), null],
        said: [
          `cannot listen for changes, looking periodically until it can ${setting}`,
          'listening for changes again ',
        ],
      })
      t.end()
    },
  )
}
