import { ipv4Of, isUp, parseDevices, type Device } from './devices.ts'
import type { IpTool } from './ip.ts'
import type { DeviceChange } from './monitor.ts'

/** What was read inside one container's namespace. */
export interface Reading {
  readonly devices: readonly Device[]
  /** By device index: transmit checksum offload is on. Only of devices that were asked for. */
  readonly txOffload: ReadonlyMap<number, boolean>
}

export interface Container {
  readonly pid: number
  /** Its network namespace. */
  readonly namespace: string
  /** Number of that namespace in the switches' namespace; undefined while nothing pairs the two. */
  readonly nsid: number | undefined
}

/**
 * Readings are kept while something tells of every change (`setWatched`), so that a look at fifty containers of which one
 * has changed enters one namespace. One that is older than `maxAgeMs` is read again all the same.
 */
export interface Readings {
  /** Readings by process id; a container that has gone meanwhile has none. `offloads`: devices whose offload is asked for. */
  read(
    containers: readonly Container[],
    offloads: (container: Container, devices: readonly Device[]) => readonly Device[],
  ): Promise<ReadonlyMap<number, Reading>>
  /**
   * Something changed in the namespace of that number; false when what is told is what was read. Each telling holds the
   * whole state of what it is about, so a reading that agrees with all of them holds.
   */
  changed(nsid: number, told: DeviceChange): boolean
  /** A reading of a container is about to be taken along with something else; the result takes what was read, if anything. */
  begin(container: Container): (devices: readonly Device[] | undefined) => void
  /** Features of a device changed; false when it is the change that we expected. */
  featureChanged(nsid: number, ifindex: number): boolean
  invalidatePid(pid: number): void
  invalidateAll(): void
  setWatched(watched: boolean): void
  /**
   * Offload is about to be switched off by us: the kernel will tell of that, once for each device. `settle` says
   * whether it was; until then, and when it was not, every change counts as somebody else's.
   */
  switchingOff(container: Container, ifindex: number): { settle(changed: boolean): void }
}

interface Entry {
  readonly namespace: string
  readonly nsid: number | undefined
  devices: readonly Device[]
  /** When `devices` were read, in ms of a steady clock; undefined = read them again. */
  readAt: number | undefined
  readonly offloads: Map<number, { readonly on: boolean; readonly at: number }>
  /** By device: changes of features that were told, less those that are ours. */
  readonly told: Map<number, number>
  /** Grows with each change that makes a reading worthless. */
  changes: number
  /** For each reading that is being taken, what was told since it began. */
  readonly taking: Set<DeviceChange[]>
  usedAt: number
}

const agrees = (devices: readonly Device[], told: DeviceChange): boolean => {
  const device = devices.find(({ ifindex }) => ifindex === told.ifindex)
  if (told.what === 'address') {
    const there = device !== undefined && told.address !== undefined && ipv4Of(device).includes(told.address)
    return there !== told.deleted
  }
  if (told.deleted || device === undefined) return told.deleted && device === undefined
  return device.ifname === told.name && isUp(device) === told.up && (told.mac ?? device.address) === device.address
}

export const createReadings = (ip: IpTool, maxAgeMs: number): Readings => {
  const entries = new Map<number, Entry>()
  let watched = false

  const fresh = (at: number | undefined): boolean => watched && at !== undefined && performance.now() - at < maxAgeMs

  const entryOf = ({ pid, namespace, nsid }: Container): Entry => {
    const old = entries.get(pid)
    if (old?.namespace === namespace && old.nsid === nsid) return old
    // Another namespace; or one that has a number only now, so that changes before were told of nobody we knew.
    const entry: Entry = {
      namespace,
      nsid,
      devices: [],
      readAt: undefined,
      offloads: new Map(),
      told: new Map(),
      changes: 0,
      taking: new Set(),
      usedAt: performance.now(),
    }
    entries.set(pid, entry)
    return entry
  }

  const change = (entry: Entry): void => {
    entry.changes += 1
    entry.readAt = undefined
  }

  const begin: Readings['begin'] = (container) => {
    const entry = entryOf(container)
    const before = entry.changes
    const told: DeviceChange[] = []
    entry.taking.add(told)
    return (devices) => {
      entry.taking.delete(told)
      if (entries.get(container.pid) !== entry) return
      if (devices === undefined) {
        change(entry)
        return
      }
      const holds = entry.changes === before && told.every((one) => agrees(devices, one))
      entry.devices = devices
      entry.readAt = holds ? performance.now() : undefined
    }
  }

  const readDevices = async (containers: readonly Container[]): Promise<void> => {
    const takers = containers.map(begin)
    const calls = containers.map(({ pid }) => ({ pid, command: ['ip', '-j', 'addr'] }))
    const results = await ip.inside(calls)
    for (const [index, container] of containers.entries()) {
      const result = results[index]
      if (result?.code !== 0) {
        entries.delete(container.pid) // and with it what was being taken
        continue
      }
      takers[index]?.(parseDevices(result.stdout))
    }
  }

  const readOffloads = async (wanted: readonly { readonly pid: number; readonly device: Device }[]): Promise<void> => {
    const before = wanted.map(({ pid }) => entries.get(pid)?.changes)
    const calls = wanted.map(({ pid, device }) => ({ pid, command: ['ethtool', '-k', device.ifname] }))
    const results = await ip.inside(calls)
    for (const [index, { pid, device }] of wanted.entries()) {
      const state = /^tx-checksumming: (on|off)/m.exec(results[index]?.stdout ?? '')?.[1]
      const entry = entries.get(pid)
      if (entry === undefined || state === undefined) continue
      const at = entry.changes === before[index] ? performance.now() : -Infinity
      entry.offloads.set(device.ifindex, { on: state === 'on', at })
    }
  }

  return {
    async read(containers, offloadsOf) {
      const now = performance.now()
      for (const container of containers) entryOf(container).usedAt = now
      for (const [pid, { usedAt }] of entries) if (now - usedAt > 2 * maxAgeMs) entries.delete(pid) // its process has gone
      await readDevices(containers.filter((container) => !fresh(entryOf(container).readAt)))
      const unknown = containers.flatMap((container) => {
        const entry = entries.get(container.pid)
        return offloadsOf(container, entry?.devices ?? [])
          .filter((device) => !fresh(entry?.offloads.get(device.ifindex)?.at))
          .map((device) => ({ pid: container.pid, device }))
      })
      await readOffloads(unknown)
      return new Map(
        containers.flatMap(({ pid }): [number, Reading][] => {
          const entry = entries.get(pid)
          if (entry === undefined) return []
          const txOffload = new Map(entry.offloads.entries().map(([ifindex, { on }]) => [ifindex, on]))
          return [[pid, { devices: entry.devices, txOffload }]]
        }),
      )
    },
    changed(nsid, told) {
      const concerned = [...entries.values()].filter((entry) => entry.nsid === nsid)
      const known = concerned.map((entry) => {
        for (const reading of entry.taking) reading.push(told)
        const holds = entry.readAt !== undefined && agrees(entry.devices, told)
        if (!holds) entry.readAt = undefined
        return holds
      })
      return known.length === 0 || known.includes(false)
    },
    begin,
    featureChanged(nsid, ifindex) {
      let foreign = true
      for (const entry of entries.values()) {
        if (entry.nsid !== nsid) continue
        const told = (entry.told.get(ifindex) ?? 0) + 1
        if (told === 0) entry.told.delete(ifindex)
        else entry.told.set(ifindex, told)
        if (told <= 0) {
          foreign = false // ours, told after we knew that we had made it
          continue
        }
        change(entry)
        entry.offloads.delete(ifindex)
      }
      return foreign
    },
    invalidatePid(pid) {
      const entry = entries.get(pid)
      if (entry !== undefined) change(entry)
    },
    invalidateAll() {
      entries.clear()
    },
    setWatched(value) {
      watched = value
      entries.clear()
    },
    switchingOff(container, ifindex) {
      const entry = entryOf(container)
      change(entry)
      entry.told.delete(ifindex)
      return {
        settle(changed) {
          if (entries.get(container.pid) !== entry) return
          // Told already: then the count is 0 now, and a further change by somebody else makes it 1.
          const told = (entry.told.get(ifindex) ?? 0) - (changed ? 1 : 0)
          if (told === 0) entry.told.delete(ifindex)
          else entry.told.set(ifindex, told)
          if (told <= 0) entry.offloads.set(ifindex, { on: false, at: performance.now() })
        },
      }
    },
  }
}
