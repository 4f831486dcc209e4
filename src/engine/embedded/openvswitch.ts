import { access, mkdir, rm } from 'node:fs/promises'
import { answers } from './dockerd.ts'
import type { Programs } from './host.ts'
import { run } from './processes.ts'
import type { Program } from './supervisor.ts'

export interface SwitchPaths {
  /** Sockets of the database, of the switch and of its bridges. */
  readonly runDir: string
  readonly database: string
  readonly socket: string
}

export const switchPaths = (stateDir: string, runDir: string): SwitchPaths => ({
  runDir: `${runDir}/ovs`,
  database: `${stateDir}/ovs/conf.db`,
  socket: `${runDir}/ovs/db.sock`,
})

/** Bridge names have at most 15 characters. */
export const switchSockets = (paths: SwitchPaths): readonly string[] => [`${paths.runDir}/123456789012345.snoop`]

const schema = '/usr/share/openvswitch/vswitch.ovsschema'

const environment = (paths: SwitchPaths): Record<string, string> => ({
  OVS_RUNDIR: paths.runDir,
  OVS_LOGDIR: paths.runDir,
  OVS_DBDIR: paths.runDir,
  OVS_SYSCONFDIR: paths.runDir,
})

const logging = ['-vconsole:warn', '-vsyslog:off', '-vfile:off']

const endGently =
  (programs: Programs, control: string, words: readonly string[]) =>
  async (_pid: number): Promise<void> => {
    await run([programs['ovs-appctl'], '--timeout=8', '-t', control, 'exit', ...words])
  }

export const databaseProgram = (
  paths: SwitchPaths,
  programs: Programs,
  through: readonly string[],
  logDir: string,
): Program => ({
  name: 'ovsdb-server',
  command: [
    programs['ovsdb-server'],
    paths.database,
    `--remote=punix:${paths.socket}`,
    `--pidfile=${paths.runDir}/ovsdb-server.pid`,
    `--unixctl=${paths.runDir}/ovsdb-server.ctl`,
    '--no-chdir',
    ...logging,
  ],
  through,
  env: environment(paths),
  pidFile: `${paths.runDir}/ovsdb-server.pid`,
  logFile: `${logDir}/ovsdb-server.log`,
  ready: () => answers(paths.socket),
  end: endGently(programs, `${paths.runDir}/ovsdb-server.ctl`, []),
})

export const switchProgram = (
  paths: SwitchPaths,
  programs: Programs,
  through: readonly string[],
  logDir: string,
): Program => ({
  name: 'ovs-vswitchd',
  command: [
    programs['ovs-vswitchd'],
    `unix:${paths.socket}`,
    `--pidfile=${paths.runDir}/ovs-vswitchd.pid`,
    `--unixctl=${paths.runDir}/ovs-vswitchd.ctl`,
    '--no-chdir',
    ...logging,
  ],
  through,
  env: environment(paths),
  pidFile: `${paths.runDir}/ovs-vswitchd.pid`,
  logFile: `${logDir}/ovs-vswitchd.log`,
  ready: () => answers(`${paths.runDir}/ovs-vswitchd.ctl`),
  // Clean-up takes its datapath out of the kernel.
  end: endGently(programs, `${paths.runDir}/ovs-vswitchd.ctl`, ['--cleanup']),
})

/** Makes the database, or brings an older one to this version's schema. Not while its server runs. */
export const prepareDatabase = async (paths: SwitchPaths, programs: Programs, signal?: AbortSignal): Promise<void> => {
  const tool = programs['ovsdb-tool']
  await mkdir(paths.runDir, { recursive: true, mode: 0o755 })
  await mkdir(paths.database.replace(/\/[^/]*$/, ''), { recursive: true, mode: 0o750 })
  const there = await access(paths.database).then(
    () => true,
    () => false,
  )
  if (!there) {
    await run([tool, 'create', paths.database, schema], signal)
    return
  }
  // A lock file whose holder was killed is no lock, but the tools look at it.
  await rm(paths.database.replace(/conf\.db$/, '.conf.db.~lock~'), { force: true })
  const answer = await run([tool, 'needs-conversion', paths.database, schema], signal)
  if (answer.trim() === 'yes') await run([tool, 'convert', paths.database, schema], signal)
}

/** Makes the one row that stands for the switch. */
export const initialiseDatabase = async (
  paths: SwitchPaths,
  programs: Programs,
  signal?: AbortSignal,
): Promise<void> => {
  await run([programs['ovs-vsctl'], `--db=unix:${paths.socket}`, '--timeout=10', '--no-wait', 'init'], signal)
}

/** Loads the kernel's datapath where the kernel has one; without it Open vSwitch has one of its own. */
export const loadKernelDatapath = async (signal?: AbortSignal): Promise<void> => {
  await run(['modprobe', '-q', 'openvswitch'], signal).catch(() => undefined)
}
