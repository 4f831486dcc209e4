import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { dockerPaths } from '../../src/engine/embedded/dockerd.ts'
import { type EmbeddedEngines, startEmbeddedEngines } from '../../src/engine/embedded/embedded.ts'
import { namespaceOf } from '../../src/engine/embedded/namespace.ts'
import { switchPaths } from '../../src/engine/embedded/openvswitch.ts'
import { dockerAt } from '../images/build.ts'
import { type Api, createApi } from './api.ts'
import { findTraces } from './leftovers.ts'
import { type Finished, must, run, until } from './run.ts'

const root = join(import.meta.dirname, '..', '..')

/** A sond on private engines, in directories of its own. */
export interface Lab {
  readonly dir: string
  readonly manifests: string
  readonly stateDir: string
  readonly runDir: string
  /** For `sonctl --server`. */
  readonly server: string
  readonly logFile: string
  readonly api: Api
  readonly docker: Docker
  readonly dockerUrl: string
  /** Network namespace of the switches. */
  readonly netns: string
  readonly pid: () => number | undefined
  /** Resolves when it has read files and engines. */
  start(): Promise<void>
  /** kill -9; engines run on. */
  kill(): Promise<void>
  /** Ends daemon and engines, removes the directories. */
  stop(): Promise<void>
  /** Lets it live on after this process. */
  release(): void
  sonctl(...args: string[]): Promise<Finished>
  vsctl(...args: string[]): Promise<string>
  ofctl(...args: string[]): Promise<string>
  /** Names of the veth devices in the switches' namespace. */
  veths(): Promise<string[]>
  /** Writes a file into the watched directory in one step, as an editor or a GitOps agent would. */
  drop(name: string, content: string | Uint8Array): Promise<void>
  withdraw(name: string): Promise<void>
}

/** `embedded`: the daemon's own; `host`: it is given their sockets, as those of a machine, and something else looks after them. */
export type LabEngines = 'embedded' | 'host'

interface LabOptions {
  /** Whose the engines are; default `embedded`. */
  readonly engines?: LabEngines
  readonly listen?: readonly string[]
  /** What stands below `spec` in its SondConfiguration, when its directory is known. */
  readonly settings?: (dir: string) => Readonly<Record<string, unknown>>
  /** Its state directory is a file system of that size, the engines' part of it apart. */
  readonly stateMegabytes?: number
  readonly logLevel?: string
}

/** @param name part of the directory's name, which is short: sockets have paths of at most 107 bytes */
export const createLab = async (name: string, options: LabOptions = {}): Promise<Lab> => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), `sond-${name}-`)))
  const [manifests, stateDir, runDir] = [join(dir, 'manifests.d'), join(dir, 'state'), join(dir, 'run')]
  await mkdir(manifests)
  if (options.stateMegabytes !== undefined) {
    const ofEngines = join(dir, 'engines')
    await mkdir(stateDir)
    await must('mount', ['-t', 'tmpfs', '-o', `size=${options.stateMegabytes}m,mode=0755`, 'tmpfs', stateDir])
    await mkdir(ofEngines)
    await mkdir(join(stateDir, 'engines'))
    await must('mount', ['--bind', ofEngines, join(stateDir, 'engines')])
  }
  const config = join(dir, 'sond.yaml')
  const settings = { apiVersion: 'sond.dev/v1alpha1', kind: 'SondConfiguration', spec: options.settings?.(dir) ?? {} }
  await writeFile(config, JSON.stringify(settings))
  const logFile = join(dir, 'sond.log')
  const socket = join(runDir, 'sond.sock')
  const netns = namespaceOf(join(stateDir, 'engines')).name
  const docker = dockerPaths(join(stateDir, 'engines'), join(runDir, 'engines'), netns)
  const switches = switchPaths(join(stateDir, 'engines'), join(runDir, 'engines'))
  const dockerUrl = `unix://${docker.socket}`
  const api = createApi(socket)
  const ovs = { OVS_RUNDIR: switches.runDir }
  let child: ChildProcess | undefined
  let given: EmbeddedEngines | undefined

  const quiet = (): void => undefined
  const startEngines = (): Promise<EmbeddedEngines> =>
    startEmbeddedEngines({
      ...{ stateDir, runDir, keep: false, bridge: true, uplink: false },
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    })
  /** The command of the daemon: of one that is given its engines, in their namespace. */
  const command = async (): Promise<readonly string[]> => {
    const program = join(root, 'bin', 'sond.js')
    if (options.engines !== 'host') return [program, 'run', '--engines', 'embedded']
    given ??= await startEngines()
    const { dockerUrl, ovsdbUrl } = given
    const sockets = ['--docker-host', dockerUrl, '--ovsdb', ovsdbUrl]
    return ['nsenter', `--net=${given.netns.path}`, program, 'run', '--engines', 'host', ...sockets]
  }

  const lastOfLog = async (): Promise<string> => {
    const text = await readFile(logFile, 'utf8').catch(() => '')
    return text.trimEnd().split('\n').slice(-15).join('\n')
  }
  const start = async (): Promise<void> => {
    const [program = '', ...words] = await command()
    const extra = (options.listen ?? []).flatMap((address) => ['--listen', address])
    const open = openSync(logFile, 'a')
    const args = [
      ...[...words, '--manifests', manifests, '--state-dir', stateDir, '--run-dir', runDir],
      ...['--listen', `unix:${socket}`, ...extra, ...(extra.length > 0 ? ['--insecure-no-auth'] : [])],
      ...['--config', config, '--log-format=pretty', `--log-level=${options.logLevel ?? 'info'}`],
    ]
    // In a process group of its own: Ctrl-C at the terminal is for us, and we end it in order.
    const daemon = spawn(program, args, { stdio: ['ignore', open, open], detached: true })
    closeSync(open)
    child = daemon
    let failed = ''
    daemon.once('error', (error) => (failed = error.message))
    daemon.once('exit', (code, signal) => (failed = `it ended with ${signal ?? `exit code ${String(code)}`}`))
    const ready = async (): Promise<boolean> => {
      if (failed !== '') throw new Error(`sond did not start: ${failed}`)
      return api.ready()
    }
    await until('sond to be ready', ready, 60_000).catch(async (error: unknown) => {
      if (failed !== '') child = undefined
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await lastOfLog()}`, {
        cause: error,
      })
    })
  }
  const kill = async (): Promise<void> => {
    const daemon = child
    child = undefined
    if (daemon?.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return
    const gone = once(daemon, 'exit')
    daemon.kill('SIGKILL')
    await gone
  }
  // A daemon that crashed, or was killed, has not ended its engines.
  const endEngines = async (): Promise<void> => (await startEngines()).stop()
  const endDaemon = async (): Promise<void> => {
    const daemon = child
    child = undefined
    if (daemon?.pid === undefined) return
    if (daemon.exitCode !== null || daemon.signalCode !== null)
      throw new Error(`sond ended by itself\n${await lastOfLog()}`)
    const gone = once(daemon, 'exit')
    daemon.kill('SIGTERM')
    const killer = setTimeout(() => daemon.kill('SIGKILL'), 60_000)
    const [code] = (await gone) as [number | null] // 'exit' tells code and signal
    clearTimeout(killer)
    if (code !== 0) throw new Error(`sond ended with exit code ${String(code)}\n${await lastOfLog()}`)
  }

  return {
    dir,
    manifests,
    stateDir,
    runDir,
    server: `unix:${socket}`,
    logFile,
    api,
    docker: dockerAt(dockerUrl),
    dockerUrl,
    netns,
    pid: () => child?.pid,
    start,
    kill,
    stop: async () => {
      const [end] = await Promise.allSettled([endDaemon().finally(() => given?.stop())])
      const { processes, 'network namespaces': namespaces } = await findTraces(dir, netns)
      if (processes.length + namespaces.length > 0) await endEngines()
      if (options.stateMegabytes !== undefined) {
        await must('umount', [join(stateDir, 'engines')])
        await must('umount', [stateDir])
      }
      await rm(dir, { recursive: true, force: true })
      if (end.status === 'rejected') throw end.reason
    },
    release: () => child?.unref(),
    sonctl: (...args) => run(join(root, 'bin', 'sonctl.js'), ['--server', `unix:${socket}`, ...args]),
    vsctl: (...args) => must('ovs-vsctl', [`--db=unix:${switches.socket}`, '--timeout=10', ...args], ovs),
    ofctl: (...args) => must('ovs-ofctl', ['-O', 'OpenFlow14', '--names', ...args], ovs),
    veths: async () => {
      const text = await must('ip', ['-n', netns, '-j', 'link', 'show', 'type', 'veth'])
      // ip-link(8), JSON output; nothing at all where there is none.
      const links = JSON.parse(text.trim() === '' ? '[]' : text) as { ifname?: string }[]
      return links.flatMap(({ ifname }) => ifname ?? [])
    },
    drop: async (file, content) => {
      // Dotfiles are not read: the name appears when the content is whole.
      const half = join(manifests, `.${file}.new`)
      await writeFile(half, content)
      await rename(half, join(manifests, file))
    },
    withdraw: (file) => rm(join(manifests, file)),
  }
}
