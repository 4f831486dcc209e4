import t from 'tap'
import type { EventRecord } from '../../src/model/status.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond, type TestDaemon } from '../support/daemon.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import { until } from '../support/until.ts'

const eventsOf = async (sond: TestDaemon, instance: string): Promise<readonly EventRecord[]> => {
  const { stdout } = await sond.sonctl('events', '--for', `instance/${instance}`, '-o', 'json')
  return (JSON.parse(stdout) as { items: readonly EventRecord[] }).items // the contract of `-o json`
}

/** Tells, as a program's first words, which interfaces it finds and whether they have addresses. */
const looksAround = '#!/bin/sh\nip -o -4 addr show dev port | sed "s/ *brd.*//"\nexec sleep 100000\n'

void t.test('scripts, and what starts when', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, 'test/scripted:1', {
    env: {
      SON_EMU_CMD:
        'echo pair=a=b; ip -o -4 addr show dev port | grep -c 10.30; echo neighbour $(ping -c 1 -W 2 10.30.0.2 | grep -c "1 packets received")',
      SON_EMU_CMD_STOP: 'echo stopped by `env | grep ^MODE`',
    },
    cmd: ['/looks-around'],
    files: { '/looks-around': looksAround },
  })
  await importBusyboxImage(docker, 'test/plain:1', {
    entrypoint: ['/looks-around'],
    files: { '/looks-around': looksAround },
  })
  const sond = await startSond(t, engines)
  await sond.drop(
    'pair.son',
    await buildPackage({
      name: 'pair',
      functions: [
        { id: 'scripted', image: 'test/scripted:1', interfaces: ['port'] },
        { id: 'plain', image: 'test/plain:1', interfaces: ['port'] },
      ],
      links: [['line', 'E-Line', 'scripted:port', 'plain:port']],
    }),
  )
  const logs = async (...args: readonly string[]): Promise<string> => (await sond.sonctl('logs', ...args)).stdout

  await t.test('keep: programs begin when their interfaces are there, with a script and without', async (t) => {
    await sond.drop(
      'demo.yaml',
      buildManifest('demo', 'pair', { functions: [{ vnfId: 'scripted', env: { MODE: 'x=y=z' } }] }),
    )
    await sond.ready('demo')
    for (const [vnf, address] of [
      ['scripted', '10.30.0.1/30'],
      ['plain', '10.30.0.2/30'],
    ] as const) {
      const said = await until(
        'its first words',
        async () => (await logs('demo', vnf)).includes('port') && logs('demo', vnf),
      )
      t.match(said, `inet ${address}`, vnf)
    }
  })

  await t.test('mend: a start script runs when everything is chained; its output and exit code are kept', async (t) => {
    const event = await until('its end', async () =>
      (await eventsOf(sond, 'demo')).find(({ reason }) => reason.startsWith('StartScript')),
    )
    t.match(event, {
      type: 'Normal',
      reason: 'StartScriptDone',
      message: /SON_EMU_CMD ended with code 0: neighbour 1$/,
    })
    t.equal(await logs('demo', 'scripted', '--script', 'start'), 'pair=a=b\n1\nneighbour 1\n(ended with code 0)\n')
    t.match(await logs('demo', '--script', 'start'), /^\[sond\.demo\.0\.scripted\.0\] pair=a=b$/m)
    t.equal(await logs('demo', 'plain', '--script', 'start'), '', 'it has none')
  })

  await t.test(
    'keep: the value of a variable may hold equals signs; sonctl exec gives the output and ends with the code of the command',
    async (t) => {
      const ran = await sond.sonctl('exec', 'demo', 'scripted', '--', 'sh', '-c', 'echo "$MODE"; exit 7')
      t.match(ran, { code: 7, stdout: 'x=y=z\n' })
      t.match(await logs('demo', 'scripted', '--script', 'start'), /^pair=a=b$/m, 'that of SON_EMU_CMD itself too')
    },
  )

  await t.test('a script runs once: not again after a restart of sond, but again in a new run', async (t) => {
    const runs = async (): Promise<number> =>
      (await docker.getContainer('sond.demo.0.scripted.0').inspect()).ExecIDs?.length ?? 0
    await sond.stop()
    await sond.start()
    await sond.ready('demo')
    t.equal(await runs(), 0)
    t.same(
      (await eventsOf(sond, 'demo')).filter(({ reason }) => reason.startsWith('StartScript')),
      [],
      'what was told is not told again',
    )
    await docker.getContainer('sond.demo.0.scripted.0').restart({ t: 0 })
    await until('the script to run again', async () =>
      (await eventsOf(sond, 'demo')).some(({ reason }) => reason === 'StartScriptDone'),
    )
    const lines = (await logs('demo', 'scripted')).split('\n').filter((line) => line.includes('10.30.0.1/30'))
    t.equal(lines.length, 2, 'and its program waited for its interfaces again')
  })

  await t.test(
    'mend: stopping runs the stop script, waits no longer than it takes, and keeps what it said',
    async (t) => {
      const began = performance.now()
      await sond.drop(
        'demo.yaml',
        buildManifest('demo', 'pair', {
          state: 'Stopped',
          scripts: { stopWait: '20s' },
          functions: [{ vnfId: 'scripted', env: { MODE: 'x=y=z' } }],
        }),
      )
      await until('it to stop', async () => (await docker.listContainers({ all: true })).length === 0, {
        timeout: 15_000,
      })
      t.ok(performance.now() - began < 12_000, 'not the whole wait')
      t.match(
        (await eventsOf(sond, 'demo')).find(({ reason }) => reason.startsWith('StopScript')),
        { type: 'Normal', message: /SON_EMU_CMD_STOP ended with code 0: stopped by MODE=x=y=z$/ },
      )
      t.match(await logs('demo', '--script', 'stop'), /\] stopped by MODE=x=y=z\n.*\(ended with code 0\)/)
      t.equal((await sond.sonctl('delete', 'instance', 'demo', '--wait')).code, 0)
      t.not((await sond.sonctl('logs', 'demo', '--script', 'stop')).code, 0, 'with its instance it is forgotten')
    },
  )

  await t.test('keep: a stop script that does not end is cut off after the wait of its instance', async (t) => {
    const spec = {
      scripts: { stopWait: '1s' },
      functions: [{ vnfId: 'plain', env: { SON_EMU_CMD_STOP: 'sleep 600' } }],
    }
    await sond.drop('stuck.yaml', buildManifest('stuck', 'pair', spec))
    await sond.ready('stuck')
    const began = performance.now()
    await sond.drop('stuck.yaml', buildManifest('stuck', 'pair', { ...spec, state: 'Stopped' }))
    await until('it to stop', async () => (await docker.listContainers({ all: true })).length === 0, {
      timeout: 15_000,
    })
    const took = performance.now() - began
    t.ok(took > 1_000 && took < 5_000, `${Math.round(took)} ms: the wait of the instance, not that of the daemon`)
    t.match(
      (await eventsOf(sond, 'stuck')).find(({ reason }) => reason === 'StopScriptCutOff'),
      { type: 'Warning', message: /did not end within 1000 ms/ },
    )
    await sond.sonctl('delete', 'instance', 'stuck', '--wait')
  })

  await t.test('a script that fails is told, and the siblings do not mind', async (t) => {
    await sond.drop(
      'failing.yaml',
      buildManifest('failing', 'pair', {
        functions: [{ vnfId: 'plain', env: { SON_EMU_CMD: 'echo no licence >&2; exit 3' } }],
      }),
    )
    const failing = await sond.ready('failing')
    const failed = await until('the failure', async () =>
      (await eventsOf(sond, 'failing')).find(({ reason }) => reason === 'StartScriptFailed'),
    )
    t.match(failed, { type: 'Warning', message: /plain\.0: SON_EMU_CMD ended with code 3: no licence/ })
    const { status } = await until('the status to tell', async () => {
      const now = await sond.get('failing')
      return now.status.functions.some(({ problem }) => problem !== undefined) && now
    })
    t.match(
      status.functions.find(({ vnfId }) => vnfId === 'plain')?.problem,
      /^its start script \(SON_EMU_CMD\) ended with code 3; next try at \d{4}-/,
    )
    t.ok(failing.status.functions.every(({ container }) => container?.state === 'running'))
  })
})
