import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { childrenOf } from '../../src/engine/embedded/processes.ts'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { open } from '../support/http.ts'
import { makeProcessGroup } from '../support/process-group.ts'
import { pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { messages } from '../support/sse.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const execute = promisify(execFile)

/** On real engines: a container is killed while the daemon cannot do what mends it. */
void t.test(
  'the daemon has too little of something: it says of what, and mends what it can once it has more',
  async (t) => {
    const engines = await startTestEngines(t)
    const { docker } = engines
    await importBusyboxImage(docker, image)
    const sond = await startSond(t, engines)
    const pid = sond.pid()
    await sond.drop('chain.son', await buildPackage(chainSketch('chain', 2, image)))
    await sond.drop('older.yaml', buildManifest('older', 'chain'))
    await sond.ready('older')
    await sond.drop('demo.yaml', buildManifest('demo', 'chain'))
    await sond.ready('demo')
    const before = await docker.getContainer('sond.older.0.f1.0').inspect()
    const addressOf = async (instance: string): Promise<string> => {
      const { status } = await sond.get(instance)
      return status.functions.find(({ vnfId }) => vnfId === 'f2')?.interfaces[0]?.address?.split('/')[0] ?? ''
    }
    const addresses = { older: await addressOf('older'), demo: await addressOf('demo') }
    const works = (instance: 'older' | 'demo'): Promise<boolean> =>
      pings(engines, `sond.${instance}.0.f1.0`, addresses[instance])
    const mended = async (t: Test): Promise<void> => {
      await until('it to be mended', () => works('demo').catch(() => false), { timeout: 40_000, every: 100 })
      await sond.ready('demo', 40_000)
      const after = await docker.getContainer('sond.older.0.f1.0').inspect()
      t.equal(after.State.StartedAt, before.State.StartedAt, 'the other was not touched')
    }

    await t.test('file handles', async (t) => {
      const limit = (count: number) => execute('prlimit', ['--pid', String(pid), `--nofile=${count}:1024`])
      // Nobody can connect meanwhile: who is connected hears of it.
      const stream = await open({ socketPath: sond.socket }, `${apiRoot}/events?watch=1&only=objects`)
      t.teardown(() => stream.destroy())
      await limit(10)
      await docker.getContainer('sond.demo.0.f1.0').kill()
      const heard = async (): Promise<string> => {
        for await (const { data } of messages(stream)) {
          const text = JSON.stringify(data)
          if (/"name":"demo".*no file handle is left/.test(text)) return text
        }
        return ''
      }
      t.match(await heard(), /no file handle is left [^"]*sond has as many open as it may \(ulimit -n/)
      t.ok(await works('older'), 'what runs, runs on')
      await limit(1024)
      await mended(t)
    })

    await t.test('processes', async (t) => {
      const group = await makeProcessGroup(t)
      for (const one of [pid, ...(await childrenOf(pid))]) await group.take(one)
      await group.leaveRoom(0)
      await docker.getContainer('sond.demo.0.f1.0').kill()
      const said = await until(
        'it to say so',
        async () => {
          const { status } = await sond.get('demo')
          return status.conditions
            .map(({ message }) => message)
            .find((text) => text.includes('no process can be started'))
        },
        { timeout: 20_000 },
      )
      t.match(said, /TasksMax of the unit/)
      t.ok(await works('older'), 'what runs, runs on')
      await group.open()
      await mended(t)
    })
  },
)
