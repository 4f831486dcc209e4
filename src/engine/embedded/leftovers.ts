import { readFile, readdir, rmdir } from 'node:fs/promises'
import type { Programs } from './host.ts'
import { allProcesses, childrenOf, run, sendSignal, waitForEnd } from './processes.ts'

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

/** Shims whose engine is gone, with the containers they hold. `socket` is that of their containerd: an argument of each. */
export const endShims = async (socket: string): Promise<void> => {
  const shims = (await allProcesses()).filter(
    ({ command }) => command.includes(socket) && command[0]?.includes('containerd-shim'),
  )
  for (const { pid } of shims) {
    for (const child of await childrenOf(pid)) sendSignal(child, 'SIGKILL')
    sendSignal(pid, 'SIGKILL')
    await waitForEnd(pid, 2_000)
  }
}

export const unmountBelow = async (directory: string, programs: Programs): Promise<void> => {
  for (const point of await mountsBelow(directory)) {
    await run([programs.umount, '--lazy', point]).catch(() => undefined) // it may have gone with the one above
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
