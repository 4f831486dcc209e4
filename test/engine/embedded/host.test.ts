import t from 'tap'
import { HostNotReadyError, checkHost, checkSocketPaths } from '../../../src/engine/embedded/host.ts'

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof HostNotReadyError ? error.message : 'another error'),
  )

t.test('without root: says so, and what works without', async (t) => {
  t.match(await messageOf(checkHost('/usr/bin', 1000)), /need root.*--engines memory/)
})

t.test('finds programs also when PATH lacks sbin', async (t) => {
  const programs = await checkHost('/usr/bin:/bin', 0)
  t.match(programs.dockerd, /^\/.*\/dockerd$/)
})

t.test('names the packages that are missing', async (t) => {
  const message = await messageOf(checkHost('/nowhere', 0, []))
  t.match(message, /dockerd, containerd, .*apt-get install docker\.io containerd openvswitch-switch/)
})

t.test('a run directory too deep for sockets is refused with the bytes it is over', async (t) => {
  checkSocketPaths([`/${'a'.repeat(106)}`])
  t.throws(() => checkSocketPaths([`/${'a'.repeat(109)}`]), /3 bytes too long.*--run-dir/)
})
