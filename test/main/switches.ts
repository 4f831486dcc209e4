// Settings of the daemon itself: what each does to one that runs, with engines in memory.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ApiObjects, ObjectKind } from '../../src/api/backend.ts'
import { kindNames } from '../../src/api/kinds.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { ask } from '../support/http.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import type { Fields, Switch } from '../support/switches.ts'
import { buildDataCenter } from '../support/topology.ts'
import { until } from '../support/until.ts'

/** A daemon that runs. `$DIR` in settings is its directory. */
export interface Running {
  readonly directory: string
}

/** A setting, and what else the configuration says meanwhile. */
export interface DaemonSwitch extends Switch<Running> {
  readonly given?: Fields
}

const socketOf = ({ directory }: Running): { readonly socketPath: string } => ({
  socketPath: join(directory, 'api.sock'),
})

const list = async <K extends ObjectKind>(running: Running, kind: K): Promise<readonly ApiObjects[K][]> => {
  const { json } = await ask(socketOf(running), `${apiRoot}/${kindNames[kind].plural}`)
  return (json() as { items: readonly ApiObjects[K][] }).items // the contract of the API
}

const namesOf = async (running: Running, kind: ObjectKind): Promise<readonly string[]> =>
  (await list(running, kind)).map(({ metadata }) => metadata.name)

/** Renamed into place, so that it is read at once. */
const drop = async ({ directory }: Running, file: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(join(directory, file, '..'), { recursive: true })
  await writeFile(join(directory, 'dropped.tmp'), content)
  await rename(join(directory, 'dropped.tmp'), join(directory, file))
}

/** True when it comes true soon. */
const soon = (probe: () => Promise<boolean>): Promise<boolean> =>
  until('it to be so', probe, { timeout: 2_500, every: 20 }).catch(() => false)

const upload = async (running: Running, name: string): Promise<void> => {
  const body = Buffer.from(await buildPackage(chainSketch(name, 2, 'any/image:1')))
  const { status, text } = await ask(socketOf(running), '/packages', { method: 'POST', body })
  if (status !== 201) throw new Error(text)
}

/** Names of the packages that run. */
const servicesOf = async (running: Running): Promise<readonly (string | undefined)[]> =>
  (await list(running, 'ServiceInstance')).map(({ status }) => status.package?.name).sort()

export const daemonSwitches: readonly DaemonSwitch[] = [
  {
    setting: 'owner',
    values: ['sond', 'mine'],
    look: async (running) => {
      await drop(running, 'manifests/chain.son', await buildPackage(chainSketch('chain', 2, 'any/image:1')))
      await drop(running, 'manifests/demo.yaml', buildManifest('demo', 'chain'))
      const [first] = await until('a container', async () => {
        const [instance] = await list(running, 'ServiceInstance')
        const containers = (instance?.status.functions ?? []).flatMap(({ container }) => container ?? [])
        return containers.length > 0 && containers
      })
      return first?.name
    },
    expect: ['sond.demo.0.f1.0', 'mine.demo.0.f1.0'],
    overridden: false,
  },
  {
    setting: 'manifests.directory',
    values: ['$DIR/manifests', '$DIR/elsewhere'],
    look: async (running) => {
      await drop(running, 'manifests/here.yaml', buildDataCenter('here'))
      await drop(running, 'elsewhere/there.yaml', buildDataCenter('there'))
      return until('one of them', async () => {
        const names = await namesOf(running, 'DataCenter')
        return names.some((name) => name !== 'dc1') && names // the implicit one is there until another is
      })
    },
    expect: [['here'], ['there']],
    overridden: false,
  },
  {
    setting: 'manifests.settle',
    values: ['50ms', '1h'],
    // Written in place: it could be half of a file.
    look: async (running) => {
      await writeFile(join(running.directory, 'manifests', 'slow.yaml'), buildDataCenter('slow'))
      await drop(running, 'manifests/quick.yaml', buildDataCenter('quick'))
      await until('what came after it', async () => (await namesOf(running, 'DataCenter')).includes('quick'))
      return soon(async () => (await namesOf(running, 'DataCenter')).includes('slow'))
    },
    expect: [true, false],
    overridden: false,
  },
  {
    setting: 'manifests.maxPrunePercent',
    values: [50, 90],
    look: async (running) => {
      const names = ['a', 'b', 'c', 'd']
      for (const name of names) await drop(running, `manifests/${name}.yaml`, buildDataCenter(name))
      await until('all four', async () => (await namesOf(running, 'DataCenter')).length === 4)
      await Promise.all(names.slice(1).map((name) => rm(join(running.directory, 'manifests', `${name}.yaml`))))
      return until('the guard to have its say', async () => {
        const { json } = await ask(socketOf(running), `${apiRoot}/prune`)
        const held = (json() as { items: readonly unknown[] }).items.length // the contract of the API
        const left = (await namesOf(running, 'DataCenter')).length
        return (held > 0 || left < 4) && { held, left }
      })
    },
    expect: [
      { held: 3, left: 4 },
      { held: 0, left: 1 },
    ],
    overridden: false,
  },
  {
    setting: 'listen',
    values: [['unix:$DIR/api.sock'], ['unix:$DIR/api.sock', 'unix:$DIR/second.sock']],
    look: ({ directory }) =>
      ask({ socketPath: join(directory, 'second.sock') }, '/healthz').then(
        ({ status }) => status,
        (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
      ),
    expect: ['ENOENT', 200],
    overridden: false,
  },
  {
    setting: 'api.tokenFile',
    values: [null, '$DIR/token'],
    look: ({ directory }) =>
      stat(join(directory, 'token')).then(
        ({ mode }) => (mode & 0o777).toString(8),
        () => 'none',
      ),
    expect: ['none', '600'],
    overridden: false,
  },
  {
    setting: 'api.group',
    values: ['root', 'daemon'],
    look: async (running) => (await stat(socketOf(running).socketPath)).gid,
    expect: [0, 1], // as every Debian numbers them
    overridden: false,
  },
  {
    setting: 'resync',
    values: ['1h', '100ms'],
    look: async (running) => {
      const looks = async (): Promise<number> => {
        const { text } = await ask(socketOf(running), '/metrics')
        return Number(
          /^sond_reconcile_duration_seconds_count\{kind="resync",result="done"\} (\d+)$/m.exec(text)?.[1] ?? 0,
        )
      }
      // The few that a start causes tell nothing.
      await until('the first look', async () => (await looks()) > 0)
      const before = await looks()
      return soon(async () => (await looks()) >= before + 8)
    },
    expect: [false, true],
    overridden: false,
  },
  {
    setting: 'autoDeploy',
    values: [false, true],
    look: async (running) => {
      await upload(running, 'up')
      return servicesOf(running)
    },
    expect: [[], ['up']],
    overridden: false,
  },
  {
    setting: 'autoDelete',
    values: [false, true],
    look: async (running) => {
      for (const name of ['one', 'two']) await upload(running, name)
      return servicesOf(running)
    },
    expect: [['one', 'two'], ['two']],
    overridden: false,
    given: { autoDeploy: true },
  },
]
