import { readdir, readFile } from 'node:fs/promises'

/** Kinds of things a lab makes on the machine, each with those that are there. */
export type Traces = Readonly<Record<'processes' | 'mounts' | 'network namespaces' | 'control groups', string[]>>

const list = (directory: string): Promise<string[]> => readdir(directory).catch(() => [])

/**
 * Everything on this machine that tells of the lab in `dir`, whose network namespace is `netns`. A namespace takes its
 * devices, bridges and ports along.
 */
export const findTraces = async (dir: string, netns: string): Promise<Traces> => {
  const processes: string[] = []
  for (const pid of await list('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.includes(`${dir}/`)) processes.push(`${pid} ${command.replaceAll('\0', ' ').trim()}`)
  }
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(` ${dir}/`))
  const groups: string[] = []
  for (const hierarchy of ['.', ...(await list('/sys/fs/cgroup'))]) {
    const ours = (await list(`/sys/fs/cgroup/${hierarchy}`)).filter((name) => name.startsWith(netns))
    groups.push(...ours.map((name) => `/sys/fs/cgroup/${hierarchy}/${name}`))
  }
  return {
    processes,
    mounts,
    'network namespaces': (await list('/run/netns')).filter((name) => name === netns),
    'control groups': groups,
  }
}
