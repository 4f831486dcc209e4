import { readFile, readdir, readlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EngineError } from '../../model/errors.ts'

/**
 * Too few processes, or threads, to start a container with. The kernel tells that to whoever wanted one more; what Docker tells of it is how runc
 * or its shim ended, and that may have other reasons. So the limits themselves are looked at.
 */

/** A start needs so many processes and threads beside those that last; with less room than that it may have failed for them. Tried: 20 are enough on 2 CPUs. */
const needed = 32

/** What runc and its shim end with when they cannot start a thread or a process; not only then. */
const unclear =
  /can't get final child's PID from pipe|runc did not terminate successfully: exit status (?:2|134)\b|ttrpc: closed/

const numberIn = async (file: string): Promise<number> => Number(await readFile(file, 'utf8').catch(() => 'max'))

const hasRoom = (count: number, limit: number): boolean => !(limit - count < needed) // a limit of `max` is none

/** Directories of the control group that counts a process's processes, and of those above it; by the text of /proc/PID/cgroup (cgroups(7)). */
export const groupsOf = (text: string): readonly string[] => {
  const lines = text.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [])
  const [, controllers, path] =
    lines.find(([, names = '']) => names.split(',').includes('pids')) ?? lines.find(([, names]) => names === '') ?? []
  if (path === undefined) return []
  const root = `/sys/fs/cgroup${controllers === '' ? '' : '/pids'}`
  const groups: string[] = []
  for (let at = path; at !== '/'; at = dirname(at)) groups.push(`${root}${at}`)
  return groups
}

/** Docker's programs that start containers, by what the kernel calls them. */
const engines: ReadonlySet<string> = new Set(['dockerd', 'containerd'])

const crowdedGroup = async (pid: string): Promise<string | undefined> => {
  for (const group of groupsOf(await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''))) {
    const [count, limit] = await Promise.all([numberIn(`${group}/pids.current`), numberIn(`${group}/pids.max`)])
    if (!hasRoom(count, limit))
      return `${count} of at most ${limit} in control group ${group} (pids.max; TasksMax where systemd made it)`
  }
  return undefined
}

/** Those in a container, Docker's own or a test's, are not the ones that are asked. */
const isNeighbour = async (pid: string): Promise<boolean> => {
  const [its, ours] = await Promise.all([pid, 'self'].map((one) => readlink(`/proc/${one}/ns/pid`).catch(() => one)))
  return its === ours
}

const crowdedEngine = async (): Promise<string | undefined> => {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const program = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
    const isAsked = engines.has(program) && (await isNeighbour(pid))
    const crowded = isAsked ? await crowdedGroup(pid) : undefined
    if (crowded !== undefined) return `${crowded}, that of ${program}, process ${pid}`
  }
  return undefined
}

const crowdedHost = async (): Promise<string | undefined> => {
  // "0.20 0.18 0.12 1/80 11206": what runs, and all there are (proc(5)).
  const count = Number(/\/(\d+) /.exec(await readFile('/proc/loadavg', 'utf8'))?.[1])
  for (const name of ['pid_max', 'threads-max']) {
    const limit = await numberIn(`/proc/sys/kernel/${name}`)
    if (!hasRoom(count, limit)) return `${count} of at most ${limit} on this host (kernel.${name})`
  }
  return undefined
}

/** None is known where too little is left to look. */
const reachedLimit = async (): Promise<string | undefined> => {
  try {
    return (await crowdedHost()) ?? (await crowdedEngine())
  } catch {
    return undefined
  }
}

/**
 * The same error with the limit that is reached, where one is: then it is `NO_PROCESSES`. Where none is found and it may have been one, it says
 * what to look at.
 *
 * @param isLocal - the engine is on this host
 */
export const tellCrowd = async (error: EngineError, isLocal: boolean): Promise<EngineError> => {
  const isUnclear = error.code === 'START_FAILED' && unclear.test(error.details['reason'] ?? '')
  if (error.code !== 'NO_PROCESSES' && !isUnclear) return error
  const limit = isLocal ? await reachedLimit() : undefined
  const options = { cause: error }
  if (limit !== undefined) return new EngineError('NO_PROCESSES', { ...error.details, limit }, options)
  const places = 'pids.max of the control groups of dockerd and containerd, kernel.pid_max and kernel.threads-max'
  const hint = isUnclear ? `no process or thread may have been left to start; see ${places}` : `see ${places}`
  return new EngineError(error.code, { ...error.details, hint }, options)
}
