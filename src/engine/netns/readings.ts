import { parseDevices, type Device } from './devices.ts'
import type { IpTool } from './ip.ts'

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
  /** Something changed in the namespace of that number. */
  invalidate(nsid: number): void
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
  /** Grows with each change told, so that one during a reading is not lost. */
  changes: number
  usedAt: number
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
      usedAt: performance.now(),
    }
    entries.set(pid, entry)
    return entry
  }

  const change = (entry: Entry): void => {
    entry.changes += 1
    entry.readAt = undefined
  }

  const readDevices = async (containers: readonly Container[]): Promise<void> => {
    const before = containers.map((container) => entryOf(container).changes)
    const calls = containers.map(({ pid }) => ({ pid, command: ['ip', '-j', 'addr'] }))
    const results = await ip.inside(calls)
    for (const [index, container] of containers.entries()) {
      const result = results[index]
      if (result?.code !== 0) {
        entries.delete(container.pid)
        continue
      }
      const entry = entryOf(container)
      entry.devices = parseDevices(result.stdout)
      entry.readAt = entry.changes === before[index] ? performance.now() : undefined
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
    invalidate(nsid) {
      for (const entry of entries.values()) if (entry.nsid === nsid) change(entry)
    },
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
