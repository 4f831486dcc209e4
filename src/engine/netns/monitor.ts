import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { followProgram, type FollowedProgram } from '../process.ts'
import type { IpTool } from './ip.ts'

/** A change of a device or of an address, in the switches' namespace (`nsid` undefined) or in a container's. */
export interface DeviceChange {
  readonly nsid: number | undefined
  readonly what: 'link' | 'address'
  readonly deleted: boolean
  readonly ifindex: number
  /** Of an address in another namespace it is not the device's: `ip` takes the name from its own namespace. */
  readonly name: string
  readonly features: boolean
  /** Of a device: whether it is up, and its MAC. */
  readonly up?: boolean
  readonly mac?: string
  /** Of an IPv4 address, with prefix length. */
  readonly address?: string
}

// IPv6 addresses come and go by themselves, for seconds after a device is up, and are no part of what is observed.
const ipv6 = /\binet6\b/

const linePattern = /^\[nsid (current|\d+)\]\[(LINK|ADDR)\](Deleted )?(\d+): ([^@:\s]+)/

/** A line of `ip -o monitor label link address all-nsid`. */
export const parseChange = (line: string): DeviceChange | undefined => {
  const [, where, what, deleted, ifindex, name] = linePattern.exec(line) ?? []
  if (where === undefined || name === undefined || (what === 'ADDR' && ipv6.test(line))) return undefined
  const flags = /<([A-Z0-9_,-]*)>/.exec(line)?.[1]
  const mac = /\blink\/ether ([0-9a-f:]{17})/.exec(line)?.[1]
  const address = /\binet (\S+)/.exec(line)?.[1]
  return {
    nsid: where === 'current' ? undefined : Number(where),
    what: what === 'LINK' ? 'link' : 'address',
    deleted: deleted !== undefined,
    ifindex: Number(ifindex),
    name,
    features: line.includes(' event FEATURE CHANGE '),
    ...(flags === undefined ? {} : { up: flags.split(',').includes('UP') }),
    ...(mac === undefined ? {} : { mac }),
    ...(address === undefined ? {} : { address }),
  }
}

export interface DeviceMonitor {
  /** Resolves when changes from now on will be told. */
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Changes are told from now on. `ip` binds a socket to the groups, then lists all devices over that same one and passes over whatever
 * comes in between; only then does it open its second socket.
 */
const isListening = async (pid: number): Promise<boolean> => {
  const table = await readFile(`/proc/${pid}/net/netlink`, 'utf8').catch(() => '')
  const isBound = table.split('\n').some((line) => {
    const [, protocol, port, groups] = line.trim().split(/\s+/)
    return protocol === '0' && port === String(pid) && Number.parseInt(groups ?? '0', 16) !== 0
  })
  return isBound && (await countSockets(pid)) > 1
}

const countSockets = async (pid: number): Promise<number> => {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const files = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  return files.filter((file) => file.startsWith('socket:')).length
}

/**
 * One process that tells of changes in the switches' namespace and in every namespace that has a device paired with one
 * there (netlink's all-nsid). Started again when it ends.
 */
export const createDeviceMonitor = (
  ip: IpTool,
  options: {
    readonly retryMs: number
    /** For the process to listen. */
    readonly startMs: number
    onChange(change: DeviceChange): void
    /** Changes may have gone untold. */
    onGap(cause: string): void
  },
): DeviceMonitor => {
  let program: FollowedProgram | undefined
  let timer: NodeJS.Timeout | undefined
  let wanted = false
  const isWanted = (): boolean => wanted

  const launch = (): void => {
    clearTimeout(timer)
    const [file, args] = ip.command('ip', ['-o', 'monitor', 'label', 'link', 'address', 'all-nsid'])
    program = followProgram(file, args, {
      onLine(line) {
        const change = parseChange(line)
        if (change !== undefined) options.onChange(change)
      },
      onError: () => options.onGap('changes of devices came faster than they were read'), // netlink's ENOBUFS
      onEnd() {
        program = undefined
        options.onGap('the monitor of devices ended')
        if (!wanted) return
        // It ends when a named namespace vanishes while it looks at all of them.
        timer = setTimeout(() => {
          if (!wanted || program !== undefined) return
          launch()
          void listening().then(() => options.onGap('the monitor of devices is back'))
        }, options.retryMs)
      },
    })
  }

  const listening = async (): Promise<void> => {
    const end = performance.now() + options.startMs
    while (program !== undefined && performance.now() < end && !(await isListening(program.pid))) await delay(2)
  }

  return {
    async start() {
      wanted = true
      const end = performance.now() + options.startMs
      do {
        if (program === undefined) launch()
        await listening()
      } while (isWanted() && program === undefined && performance.now() < end)
    },
    async stop() {
      wanted = false
      clearTimeout(timer)
      const ending = program
      program = undefined
      await ending?.stop()
    },
  }
}
