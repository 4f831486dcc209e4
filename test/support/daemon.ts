import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import type { ApiObjects, ObjectKind } from '../../src/api/backend.ts'
import type { EventRecord } from '../../src/model/status.ts'
import { kindNames } from '../../src/api/kinds.ts'
import { apiRoot } from '../../src/api/paths.ts'
import type { TestEngines } from './engines.ts'
import { ask } from './http.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type Instance = ApiObjects['ServiceInstance']

/** A sond as its user has it: a process, a watched directory, and sonctl. */
export interface TestDaemon {
  readonly manifests: string
  /** Path of its unix socket. */
  readonly socket: string
  readonly pid: () => number
  /** What it logged so far. */
  readonly log: () => string
  /** Resolves when it ends by itself; gives the exit code. */
  ended(): Promise<number>
  /** Ends it as systemd would; services stay. Gives the exit code. */
  stop(): Promise<number>
  /** kill -9. */
  kill(): Promise<void>
  /** Starts it again. */
  start(): Promise<void>
  sonctl(...args: readonly string[]): Promise<CliResult>
  /** Over the API: a process of sonctl for each look would be what takes most of a test's time. */
  object<K extends ObjectKind>(kind: K, name: string): Promise<ApiObjects[K] | undefined>
  get(instance: string): Promise<Instance>
  /** What it has told of an instance. */
  events(instance: string): Promise<readonly EventRecord[]>
  /** Waits until it is Ready in its latest generation, else fails with its conditions. */
  ready(instance: string, timeout?: number): Promise<Instance>
  drop(file: string, content: string | Uint8Array): Promise<void>
}

interface DaemonOptions {
  readonly args?: readonly string[]
  /** Below `spec` of its SondConfiguration. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** `settings` alone tell the watched directory, the engines and where it listens, among that its `api.sock`: no flag says so. */
  readonly flagless?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Default: `manifests` below the engines' directory. */
  readonly name?: string
}

/** Runs sonctl against a socket. */
const runSonctl = (server: string, args: readonly string[]): Promise<CliResult> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'src/cli/main.ts'), '--server', server, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ code, stdout, stderr })
      },
    )
  })

/** Starts a sond in the namespace of private engines; ends it after the test. */
export const startSond = async (t: Test, engines: TestEngines, options: DaemonOptions = {}): Promise<TestDaemon> => {
  const name = options.name ?? 'sond'
  const dir = join(engines.dir, name)
  const manifests = join(dir, 'manifests')
  const socket = join(dir, 'api.sock')
  await mkdir(manifests, { recursive: true })
  const config = join(dir, 'sond.yaml')
  const configuration = { apiVersion: 'sond.dev/v1alpha1', kind: 'SondConfiguration', spec: options.settings ?? {} }
  await writeFile(config, stringify(configuration))
  const flags = [
    ...['--engines', 'host', '--docker-host', engines.dockerUrl, '--ovsdb', engines.ovsdbUrl],
    ...['--manifests', manifests, '--listen', `unix:${socket}`],
  ]
  let child: ChildProcess | undefined
  let log = ''

  const start = async (): Promise<void> => {
    const begun = spawn(
      'nsenter',
      [
        `--net=${engines.netns.path}`,
        process.execPath,
        join(root, 'src/main.ts'),
        'run',
        ...(options.flagless === true ? [] : flags),
        ...['--state-dir', join(dir, 'state'), '--run-dir', join(dir, 'run')],
        ...['--log-level', 'debug', '--log-format', 'pretty'],
        ...(options.settings === undefined ? [] : ['--config', config]),
        ...(options.args ?? []),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, OVS_RUNDIR: engines.ovsRunDir, ...options.env } },
    )
    child = begun
    begun.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-2_000_000)))
    await until(
      'sond to answer',
      async () => {
        if (begun.exitCode !== null) throw new Error(`sond ended with code ${begun.exitCode}: ${log.slice(-2000)}`)
        return (await runSonctl(`unix:${socket}`, ['get', 'instances', '-o', 'json'])).code === 0
      },
      { timeout: 30_000, every: 100 },
    )
  }

  const end = async (signal: NodeJS.Signals): Promise<number> => {
    if (child === undefined) return 0
    const ending = child
    child = undefined
    if (ending.exitCode !== null || ending.signalCode !== null) return ending.exitCode ?? -1
    const over = once(ending, 'exit')
    ending.kill(signal)
    await over
    const code: unknown = ending.exitCode
    return typeof code === 'number' ? code : -1
  }

  const sonctl = (...args: readonly string[]): Promise<CliResult> => runSonctl(`unix:${socket}`, args)
  const object: TestDaemon['object'] = async (kind, name) => {
    const { status, json } = await ask({ socketPath: socket }, `${apiRoot}/${kindNames[kind].plural}/${name}`)
    if (status === 404) return undefined
    if (status !== 200) throw new Error(`the API answers ${status} for ${kind} ${name}`)
    return json() as ApiObjects[typeof kind] // the contract of the API
  }
  const get = async (instance: string): Promise<Instance> => {
    const found = await object('ServiceInstance', instance)
    if (found === undefined) throw new Error(`there is no instance ${instance}`)
    return found
  }

  const events: TestDaemon['events'] = async (instance) => {
    const { json } = await ask({ socketPath: socket }, `${apiRoot}/events?for=instance/${instance}`)
    return (json() as { items: readonly EventRecord[] }).items // the contract of the API
  }

  await start()
  t.teardown(async () => {
    await end('SIGKILL')
    if (t.passing()) return
    const file = join(tmpdir(), `${name}-${process.pid}.log`)
    await writeFile(file, log)
    t.comment(`the log of ${name} is in ${file}; it ends with:\n${log.slice(-4000)}`)
  })
  return {
    manifests,
    socket,
    pid: () => child?.pid ?? 0,
    log: () => log,
    ended: async () => {
      const running = child
      if (running === undefined) return 0
      if (running.exitCode === null) await once(running, 'exit')
      child = undefined
      return running.exitCode ?? -1
    },
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL')
    },
    start,
    sonctl,
    object,
    get,
    events,
    ready: async (instance, timeout = 60_000) => {
      const waited = await sonctl('wait', `instance/${instance}`, '--for=condition=Ready', '--timeout', `${timeout}ms`)
      if (waited.code !== 0) {
        const described = await sonctl('describe', 'instance', instance)
        throw new Error(`${instance} is not Ready: ${waited.stderr}\n${described.stdout}`)
      }
      return get(instance)
    },
    drop: (file, content) => writeFile(join(manifests, file), content),
  }
}
