import t from 'tap'
import { toEngineError, type Purpose } from '../../../src/engine/docker/errors.ts'

/** As dockerode raises it. */
const refused = (statusCode: number, message: string): Error => Object.assign(new Error(message), { statusCode })

const codeOf = (statusCode: number, message: string, purpose?: Purpose): string =>
  toEngineError(refused(statusCode, message), {}, purpose).code

t.test('what the host has too little of is told by the sentence', async (t) => {
  t.equal(codeOf(500, 'write /x: no space left on device', 'pull'), 'NO_SPACE')
  t.equal(codeOf(500, 'runc create failed: fork/exec /proc/self/exe: cannot allocate memory', 'start'), 'NO_MEMORY')
  t.equal(codeOf(500, 'open /dev/null: too many open files in system', 'start'), 'NO_HANDLES')
  t.equal(codeOf(500, 'accept4: EMFILE', 'start'), 'NO_HANDLES')
  t.equal(codeOf(500, 'fork/exec: resource temporarily unavailable', 'start'), 'NO_PROCESSES')
  t.equal(codeOf(500, 'runtime: failed to create new OS thread (have 5 already; errno=11)', 'start'), 'NO_PROCESSES')
  t.equal(codeOf(500, 'runc: container init was OOM-killed (memory limit too low?)', 'start'), 'LIMITS_REFUSED')
})

t.test('names that users chose say nothing of that', async (t) => {
  t.equal(codeOf(404, 'No such image: example/tokenfile:1'), 'IMAGE_NOT_FOUND')
  t.equal(codeOf(404, 'No such image: example/out of memory'), 'IMAGE_NOT_FOUND')
  t.equal(codeOf(409, 'Conflict. The container name "/sond.openfile.0.fw.0" is already in use'), 'CONFLICT')
  t.equal(codeOf(404, 'No such container: sond.systemfile.0.fw.0'), 'NOT_FOUND')
  t.equal(codeOf(500, 'exec /bin/openfile: no such file or directory', 'start'), 'START_FAILED')
})

t.test('of a long sentence the cause is told, which stands at its end', async (t) => {
  const long = refused(500, `error mounting "/${'long/'.repeat(300)}" to rootfs: write /x: no space left on device`)
  const { code, details } = toEngineError(long, {}, 'start')
  t.equal(code, 'NO_SPACE')
  t.match(details['reason'], /^error mounting .{500,600}no space left on device$/)
})

t.test('whose file handles have run out', async (t) => {
  const pulled = new Error('write /var/lib/docker/tmp/x: too many open files') // a line of a pull's progress
  t.match(toEngineError(pulled, {}, 'pull'), { code: 'NO_HANDLES', details: { limit: /^dockerd or containerd has/ } })
  const own = Object.assign(new Error('connect EMFILE /run/docker.sock'), { code: 'EMFILE' })
  t.match(toEngineError(own, {}), { code: 'NO_HANDLES', details: { limit: /^sond has .*ulimit -n/ } })
  const theirs = refused(500, 'open /x: too many open files')
  t.match(toEngineError(theirs, {}), { code: 'NO_HANDLES', details: { limit: /^dockerd or containerd has/ } })
})

t.test('of the dump of a program that crashed the first line is told', async (t) => {
  const dump = `shim: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n${'0x00 '.repeat(1000)}`
  const { code, details } = toEngineError(refused(500, dump), {}, 'start')
  t.equal(code, 'NO_PROCESSES')
  t.equal(details['reason'], 'shim: pthread_create failed: Resource temporarily unavailable')
  t.equal(toEngineError(refused(500, 'two\nlines'), {}).details['reason'], 'two\nlines')
})
