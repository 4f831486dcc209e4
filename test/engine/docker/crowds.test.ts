import t from 'tap'
import { groupsOf, tellCrowd } from '../../../src/engine/docker/crowds.ts'
import { EngineError } from '../../../src/model/errors.ts'
import { builder } from '../../support/build.ts'
import { importBusyboxImage, startTestEngines } from '../../support/engines.ts'
import { makeProcessGroup } from '../../support/process-group.ts'
import { until } from '../../support/until.ts'
import { imageRef, makeEngine, ownerName } from './subject.ts'

t.test('control groups of a process, of both versions, and those above', async (t) => {
  const version1 = '8:pids:/system.slice/docker.service\n7:cpu,cpuacct:/other\n0::/ignored\n'
  t.same(groupsOf(version1), ['/sys/fs/cgroup/pids/system.slice/docker.service', '/sys/fs/cgroup/pids/system.slice'])
  t.same(groupsOf('0::/a/b:c\n'), ['/sys/fs/cgroup/a/b:c', '/sys/fs/cgroup/a'])
  t.same(groupsOf('3:cpu,pids:/a\n'), ['/sys/fs/cgroup/pids/a'])
  t.same(groupsOf('8:pids:/\n'), [])
  t.same(groupsOf(''), [])
})

t.test('where no limit is reached it says what may be looked at, and of other failures nothing', async (t) => {
  const told = async (code: 'START_FAILED' | 'NO_PROCESSES', reason: string, isLocal = true): Promise<string> => {
    const error = await tellCrowd(new EngineError(code, { reason }), isLocal)
    return `${error.code} ${error.details['hint'] ?? '-'}`
  }
  t.match(
    await told('START_FAILED', "can't get final child's PID from pipe: EOF"),
    /^START_FAILED .* may have been .*pids.max/,
  )
  t.match(await told('NO_PROCESSES', 'resource temporarily unavailable'), /^NO_PROCESSES see pids.max .*kernel.pid_max/)
  t.match(await told('NO_PROCESSES', 'resource temporarily unavailable', false), /^NO_PROCESSES see/, 'on another host')
  t.equal(await told('START_FAILED', 'exec: "x": executable file not found in $PATH'), 'START_FAILED -')
})

t.test(
  'an engine whose control group is full: it says which and how, what runs goes on, and so does the start',
  async (t) => {
    const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
    const image = imageRef('local/crowd:1')
    await importBusyboxImage(engines.docker, image)
    const owner = ownerName('crowd')
    const engine = makeEngine(engines, owner)
    t.teardown(() => engine.close())
    const build = builder({ owner, instance: 'demo', cookie: 1 })
    const [older, late] = [build.container('older', { image }), build.container('late', { image })]
    await engine.create(older)
    await engine.start(older.name)
    const pid = await engine.pidOf(older.name)
    await engine.create(late)

    const group = await makeProcessGroup(t)
    await group.take(engines.pids()['containerd'] ?? 0)
    // With little room it fails as what it starts gets on: of no process, of no thread, of runc, of the shim.
    for (const room of [2, 12]) {
      await group.leaveRoom(room)
      const failure = await engine.start(late.name).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (!(failure instanceof EngineError)) throw new Error(`with room for ${room}: ${String(failure)}`)
      t.equal(failure.code, 'NO_PROCESSES', failure.message)
      t.match(failure.details['limit'], new RegExp(`^\\d+ of at most \\d+ in control group ${group.path} .*containerd`))
      await group.open()
    }
    t.equal(await engine.pidOf(older.name), pid)
    await until('it to start', () =>
      engine.start(late.name).then(
        () => true,
        () => false,
      ),
    )
  },
)
