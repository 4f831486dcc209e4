import { readFile, readdir, rmdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Programs } from './host.ts'
import { allProcesses, childrenOf, run, sendSignal, startOf, waitForEnd } from './processes.ts'

/** Mount points below a directory, the deepest first. */
const mountsBelow = async (directory: string): Promise<readonly string[]> => {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return table
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .filter((point) => point.startsWith(`${directory}/`))
    .sort((one, other) => other.length - one.length)
}

interface Shim {
  readonly pid: number
  /** Id of its container. */
  readonly id: string
}

/** `socket` is that of their containerd: an argument of each. */
const shimsOf = async (socket: string): Promise<readonly Shim[]> =>
  (await allProcesses()).flatMap(({ pid, command }) =>
    command.includes(socket) && command[0]?.includes('containerd-shim') === true
      ? [{ pid, id: command[command.indexOf('-id') + 1] ?? '' }]
      : [],
  )

const endShim = async (pid: number): Promise<void> => {
  const processes = [...(await childrenOf(pid)), pid]
  for (const one of processes) sendSignal(one, 'SIGKILL')
  for (const one of processes) await waitForEnd(one, 2_000)
}

/** Whether containers of an engine that is gone still run. */
export const anyShim = async (socket: string): Promise<boolean> => (await shimsOf(socket)).length > 0

/** Shims whose engine is gone, with the containers they hold. */
export const endShims = async (socket: string): Promise<void> => {
  for (const { pid } of await shimsOf(socket)) await endShim(pid)
}

/** An engine that has just come back may still be told of ends that it missed. Milliseconds. */
const secondLook = 1_500

/**
 * Ends shims that an engine, process `engine`, found when it was started, and whose containers do not run by what the engine itself says:
 * it ended in the middle of starting them, and would neither start nor remove them now. Their control groups, below `cgroup`, go too.
 *
 * @returns ids of their containers
 */
export const endOrphanedShims = async (
  { containerdSocket: socket, cgroup }: { readonly containerdSocket: string; readonly cgroup: string },
  engine: number,
  runningIds: () => Promise<readonly string[]>,
): Promise<readonly string[]> => {
  const since = await startOf(engine)
  if (since === undefined) return []
  const orphans = async (): Promise<readonly Shim[]> => {
    const older: Shim[] = []
    for (const shim of await shimsOf(socket)) if (((await startOf(shim.pid)) ?? since) < since) older.push(shim)
    if (older.length === 0) return []
    const running = new Set(await runningIds())
    return older.filter(({ id }) => !running.has(id))
  }
  if ((await orphans()).length === 0) return []
  await delay(secondLook, undefined, { ref: false })
  const still = await orphans()
  for (const { pid, id } of still) {
    await endShim(pid)
    await removeControlGroups(`${cgroup}/${id}`)
  }
  return still.map(({ id }) => id)
}

export const unmountBelow = async (directory: string, programs: Programs, timeoutMs?: number): Promise<void> => {
  for (const point of await mountsBelow(directory)) {
    await run([programs.umount, '--lazy', point], undefined, timeoutMs).catch(() => undefined) // it may have gone with the one above
  }
}

/**
 * Takes away what a dockerd that ended while it made a container has left mounted. It would not see to it itself; one that runs mounts
 * the like for a moment.
 */
export const unmountHalfMade = async (dataRoot: string, programs: Programs, signal?: AbortSignal): Promise<void> => {
  const points = await mountsBelow(`${dataRoot}/overlay2`)
  for (const point of points.filter((path) => path.endsWith('-init/merged'))) {
    await run([programs.umount, '--lazy', point], signal).catch(() => undefined) // it takes room, and harms nothing
  }
}

/** Removes the empty control groups of a parent group, in every hierarchy. A group with a process in it stays. */
export const removeControlGroups = async (parent: string): Promise<void> => {
  const root = '/sys/fs/cgroup'
  const hierarchies = await readdir(root, { withFileTypes: true }).catch(() => [])
  const removeTree = async (directory: string): Promise<void> => {
    const children = await readdir(directory, { withFileTypes: true }).catch(() => [])
    for (const child of children) if (child.isDirectory()) await removeTree(`${directory}/${child.name}`)
    await rmdir(directory).catch(() => undefined)
  }
  await removeTree(`${root}${parent}`)
  for (const hierarchy of hierarchies) {
    if (hierarchy.isDirectory()) await removeTree(`${root}/${hierarchy.name}${parent}`)
  }
}
