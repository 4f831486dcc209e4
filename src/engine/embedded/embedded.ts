import { mkdir, realpath, rm } from 'node:fs/promises'
import type { Log } from '../../model/log.ts'
import {
  containerdProgram,
  dockerPaths,
  dockerSockets,
  dockerdProgram,
  runningContainers,
  writeDockerSettings,
} from './dockerd.ts'
import { checkHost, checkSocketPaths } from './host.ts'
import { anyShim, endOrphanedShims, endShims, removeControlGroups, unmountBelow, unmountHalfMade } from './leftovers.ts'
import { ensureNamespace, isInside, namespaceOf, removeNamespace } from './namespace.ts'
import {
  databaseProgram,
  initialiseDatabase,
  loadKernelDatapath,
  prepareDatabase,
  switchPaths,
  switchProgram,
  switchSockets,
} from './openvswitch.ts'
import { startUplink, uplinkEnvironment } from './uplink.ts'
import type { Uplink } from './uplink.ts'
import { endStray, keepRunning, strayPid } from './supervisor.ts'
import type { Program, Supervised } from './supervisor.ts'

export interface EmbeddedOptions {
  /** Images, containers, switch database and logs are kept in `engines` below it. */
  readonly stateDir: string
  /** Sockets and pid files are in `engines` below it. */
  readonly runDir: string
  /** `stop` leaves engines and containers running, for the next daemon to take over. */
  readonly keep: boolean
  readonly log: Log
  /** `netdev` = do not even try the kernel's. */
  readonly datapath?: 'auto' | 'system' | 'netdev'
  /** Docker's own bridge, inside the namespace, for management interfaces. */
  readonly bridge?: boolean
  /** dockerd can fetch images, through this process; by default. */
  readonly uplink?: boolean
  /** All four by default. */
  readonly parts?: { readonly docker: boolean; readonly switches: boolean }
  /** Aborted when they are not wanted any more before they run: then what was started is ended, and starting fails. */
  readonly signal?: AbortSignal
}

export interface EmbeddedEngines {
  readonly dockerUrl: string
  readonly ovsdbUrl: string
  /** Where the switch's control sockets are (`OVS_RUNDIR`). */
  readonly ovsRunDir: string
  /** Network namespace of the switches. */
  readonly netns: { readonly name: string; readonly path: string }
  /** By program name; 0 while one is being started again. */
  pids(): Readonly<Record<string, number>>
  /** True when engines of an earlier daemon were taken over. */
  readonly adopted: boolean
  stop(): Promise<void>
}

/** For a program that clears away after a start that failed, or is not wanted any more. Milliseconds. */
const impatientMs = 5_000

/**
 * Starts private engines, or takes over those that an earlier daemon with the same directories left running.
 * @throws HostNotReadyError when this host cannot, with what to do about it
 */
export const startEmbeddedEngines = async (options: EmbeddedOptions): Promise<EmbeddedEngines> => {
  const { log, signal, parts = { docker: true, switches: true } } = options
  const programs = await checkHost()
  await mkdir(`${options.stateDir}/engines/log`, { recursive: true, mode: 0o750 })
  await mkdir(`${options.runDir}/engines`, { recursive: true, mode: 0o755 })
  const stateDir = await realpath(`${options.stateDir}/engines`)
  const runDir = await realpath(`${options.runDir}/engines`)
  const logDir = `${stateDir}/log`

  const namespace = namespaceOf(stateDir)
  const through = [programs.nsenter, `--net=${namespace.path}`]
  const docker = dockerPaths(stateDir, runDir, namespace.name)
  const switches = switchPaths(stateDir, runDir)
  checkSocketPaths([...dockerSockets(docker), ...switchSockets(switches)])

  const uplinked = parts.docker && (options.uplink ?? true)
  const settings = { bridge: options.bridge ?? false, env: uplinked ? uplinkEnvironment : {} }
  const startedAgain = async (pid: number): Promise<void> => {
    const ended = await endOrphanedShims(docker, pid, () => runningContainers(docker.socket))
    if (ended.length > 0) log.warn('ended what was left of containers that were just being started', { ids: ended })
  }
  const containerd = { ...containerdProgram(docker, programs, through, logDir), startedAgain }
  const dockerd = {
    ...dockerdProgram(docker, programs, through, logDir, settings),
    beforeStart: () => unmountHalfMade(docker.dataRoot, programs, signal),
    startedAgain,
  }
  const database = databaseProgram(switches, programs, through, logDir)
  const vswitchd = switchProgram(switches, programs, through, logDir)
  /** The order to stop in; they start in the opposite one. */
  const stopOrder = [dockerd, containerd, vswitchd, database]

  const running = new Map<string, Supervised>()
  const keep = async (program: Program): Promise<Supervised> => {
    const supervised = await keepRunning(program, log, signal)
    running.set(program.name, supervised)
    return supervised
  }

  /** A step that fails keeps no other from being taken. */
  const cleanUp = async (programMs?: number): Promise<void> => {
    const steps = [
      () => endShims(docker.containerdSocket),
      () => unmountBelow(runDir, programs, programMs),
      () => unmountBelow(stateDir, programs, programMs),
      () => removeNamespace(namespace, programs, programMs),
      () => removeControlGroups(docker.cgroup),
      () => rm(runDir, { recursive: true, force: true }),
    ]
    const failures: unknown[] = []
    for (const step of steps) await step().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  let uplink: Uplink | undefined
  const stopAll = async (programMs?: number): Promise<void> => {
    await uplink?.stop()
    for (const program of stopOrder) {
      await running.get(program.name)?.stop()
      running.delete(program.name)
      await endStray(program) // an earlier daemon's that was not taken over yet
    }
    await cleanUp(programMs)
  }

  const release = async (): Promise<void> => {
    await uplink?.stop()
    for (const supervised of running.values()) supervised.release()
    running.clear()
  }
  const anyAdopted = (): boolean => [...running.values()].some(({ adopted }) => adopted)

  const startDocker = async (): Promise<void> => {
    await writeDockerSettings(docker)
    await keep(containerd)
    await keep(dockerd)
  }
  const startSwitches = async (): Promise<void> => {
    if (options.datapath !== 'netdev') await loadKernelDatapath(signal)
    if ((await strayPid(database)) === 0) await prepareDatabase(switches, programs, signal)
    await keep(database)
    await initialiseDatabase(switches, programs, signal)
    await keep(vswitchd)
  }

  /** Left running by an earlier daemon, by process id. */
  const found = new Map<Program, number>()
  for (const program of stopOrder) {
    const pid = await strayPid(program)
    if (pid === 0) continue
    if (await isInside(namespace, pid)) found.set(program, pid)
    else {
      log.warn('engine found running outside its namespace, ending it', { engine: program.name, pid })
      await endStray(program)
    }
  }
  /** Containers that outlived their engine. */
  const survivors = await anyShim(docker.containerdSocket)
  const stillRuns = async ([program, pid]: readonly [Program, number]): Promise<boolean> =>
    (await strayPid(program)) === pid

  const startAll = async (): Promise<void> => {
    await ensureNamespace(namespace, programs, signal)
    const started = await Promise.allSettled([
      parts.docker ? startDocker() : undefined,
      parts.switches ? startSwitches() : undefined,
      uplinked ? startUplink(through, log, signal).then((up) => (uplink = up)) : undefined,
    ])
    for (const part of started) if (part.status === 'rejected') throw part.reason
  }
  try {
    await startAll()
  } catch (error) {
    // What an earlier daemon left running holds services: it is not taken down for a failure of another part. Who is asked to end, ends all.
    const holdsServices = survivors || (await Promise.all([...found].map(stillRuns))).includes(true)
    if (signal?.aborted === true ? options.keep : holdsServices) await release()
    else
      await stopAll(impatientMs).catch((left: unknown) => {
        log.warn('engines that could not be started are not cleared away in full', { error: String(left) })
      })
    throw error
  }

  return {
    dockerUrl: `unix://${docker.socket}`,
    ovsdbUrl: `unix:${switches.socket}`,
    ovsRunDir: switches.runDir,
    netns: namespace,
    adopted: anyAdopted(),
    pids: () => Object.fromEntries([...running].map(([name, supervised]) => [name, supervised.pid()])),
    stop: async () => {
      if (options.keep) await release()
      else await stopAll()
    },
  }
}
