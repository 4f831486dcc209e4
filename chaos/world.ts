import type { ContainerInspectInfo } from 'dockerode'
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { forEach } from '../deploy/lab/run.ts'
import type { Arena } from './arena.ts'
import { readFlows, readSwitches, type Bridge, type Flow, type Port } from './ovs.ts'

export interface Process {
  readonly pid: number
  readonly parent: number
  readonly command: readonly string[]
}

/** All that an owner's services are made of, as it is. */
export interface World {
  readonly containers: ReadonlyMap<string, ContainerInspectInfo>
  readonly bridges: readonly Bridge[]
  readonly ports: readonly Port[]
  readonly flows: readonly Flow[]
  /** Outer ends with our alias. */
  readonly veths: readonly string[]
  /** Lines of our table of nftables, and of our rules of iptables. */
  readonly nat: readonly string[]
  readonly forward: readonly string[]
  readonly bridgeAddresses: readonly string[]
  /** Ids of containers that have one. */
  readonly groups: readonly string[]
  /** Below the directories of state, sockets and manifests, the engines' apart. */
  readonly files: readonly string[]
  /** Where containers' file systems are mounted. */
  readonly mounts: readonly string[]
  readonly processes: readonly Process[]
}

const list = (directory: string): Promise<string[]> => readdir(directory).catch(() => [])

const filesBelow = async (directory: string): Promise<string[]> => {
  const found: string[] = []
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name)
    if (!entry.isDirectory()) found.push(path)
    else if (entry.name !== 'engines') found.push(...(await filesBelow(path)))
  }
  return found
}

interface Device {
  readonly ifname: string
  readonly ifalias?: string
  readonly linkinfo?: { readonly info_kind?: string }
  readonly addr_info?: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[]
}

export const readContainers = async ({ lab }: Arena): Promise<ReadonlyMap<string, ContainerInspectInfo>> => {
  const listed = await lab.docker.listContainers({ all: true, filters: { label: ['sond.dev/owner=sond'] } })
  const containers = new Map<string, ContainerInspectInfo>()
  await forEach(listed, 8, async ({ Id }) => {
    const found = await lab.docker.getContainer(Id).inspect()
    containers.set(found.Name.slice(1), found)
  })
  return containers
}

export const readDevices = async ({ lab, inside }: Arena): Promise<readonly Device[]> =>
  JSON.parse(await inside('ip', '-n', lab.netns, '-d', '-j', 'address', 'show')) as Device[] // ip-address(8)

/** Lines of our table. */
const readNat = async ({ inside }: Arena): Promise<readonly string[]> => {
  const tables = await inside('nft', 'list', 'tables')
  if (!tables.includes('table ip sond_sond')) return []
  const text = await inside('nft', 'list', 'table', 'ip', 'sond_sond')
  return text.split('\n').flatMap((line) => (line.includes('masquerade') ? [line.trim()] : []))
}

export const readForward = async ({ inside }: Arena): Promise<readonly string[]> =>
  (await inside('iptables', '-S', 'FORWARD')).split('\n').filter((line) => line.includes('sond:'))

const readProcesses = async ({ lab }: Arena): Promise<readonly Process[]> => {
  const { ino } = await stat(`/run/netns/${lab.netns}`)
  const found = await Promise.all(
    (await list('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (name): Promise<Process | undefined> => {
        try {
          const command = (await readFile(`/proc/${name}/cmdline`, 'utf8')).split('\0').slice(0, -1)
          const inNamespace = (await readlink(`/proc/${name}/ns/net`)) === `net:[${ino}]`
          if (!inNamespace && !command.some((word) => word.includes(`${lab.dir}/`))) return undefined
          const about = await readFile(`/proc/${name}/stat`, 'utf8')
          const parent = Number(about.slice(about.lastIndexOf(')') + 2).split(' ')[1])
          return { pid: Number(name), parent, command }
        } catch {
          return undefined // it has ended
        }
      }),
  )
  return found.filter((one) => one !== undefined)
}

const readGroups = async ({ lab }: Arena): Promise<readonly string[]> => {
  const found = new Set<string>()
  for (const hierarchy of ['.', ...(await list('/sys/fs/cgroup'))]) {
    for (const name of await list(`/sys/fs/cgroup/${hierarchy}/${lab.netns}`)) {
      if (/^[0-9a-f]{64}$/.test(name)) found.add(name)
    }
  }
  return [...found]
}

export const readWorld = async (arena: Arena): Promise<World> => {
  const { lab } = arena
  const [containers, { bridges, ports }, devices, nat, forward, groups, files, processes] = await Promise.all([
    readContainers(arena),
    readSwitches(lab),
    readDevices(arena),
    readNat(arena),
    readForward(arena),
    readGroups(arena),
    Promise.all([lab.stateDir, lab.runDir, lab.manifests].map(filesBelow)),
    readProcesses(arena),
  ])
  const mountTable = await readFile('/proc/self/mountinfo', 'utf8')
  return {
    containers,
    bridges,
    ports,
    flows: await readFlows(lab, bridges),
    veths: devices.flatMap(({ ifname, ifalias }) => (ifalias?.startsWith('sond:') === true ? [ifname] : [])),
    nat,
    forward,
    bridgeAddresses: devices.flatMap(({ ifname, addr_info: addresses = [] }) =>
      bridges.some(({ name }) => name === ifname)
        ? addresses.flatMap(({ family, local, prefixlen }) =>
            family === 'inet' ? [`${ifname} ${local}/${prefixlen}`] : [],
          )
        : [],
    ),
    groups,
    files: files.flat(),
    mounts: mountTable.split('\n').flatMap((line) => {
      const path = line.split(' ')[4] ?? ''
      return path.startsWith(`${lab.dir}/`) && path.endsWith('/merged') ? [path] : []
    }),
    processes,
  }
}
