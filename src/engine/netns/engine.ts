import type { Conflict } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import type { InstanceName, Owner } from '../../model/names.ts'
import { createHintHub } from '../hints.ts'
import type { LinkEngine } from '../ports.ts'
import { createMarks, parseDevices, type Device } from './devices.ts'
import { createHost } from './host.ts'
import { createIpTool } from './ip.ts'
import { createDeviceMonitor, type DeviceChange } from './monitor.ts'
import { createNamespaces } from './namespaces.ts'
import { createNat, tableName } from './nat.ts'
import { findContainers, observeWires } from './observe.ts'
import { createReadings } from './readings.ts'
import { createShapers } from './shapers.ts'
import { createSideMonitor, isRuleGone, queueDevice, type SideMonitor } from './side-monitor.ts'
import { createTrunkMaker } from './trunks.ts'
import { createWireMaker } from './wires.ts'

export interface LinkEngineOptions {
  readonly owner: Owner
  /** Path of the switches' network namespace; undefined = the daemon's own. */
  readonly netns: string | undefined
  /** `off`: switched off on inner ends, as a userspace datapath needs. `keep`: left alone. */
  readonly checksumOffload: 'off' | 'keep'
  readonly log: Log
  readonly timeouts?: Partial<LinkTimeouts>
}

/** Milliseconds. */
export interface LinkTimeouts {
  /** One program. */
  readonly call: number
  /** What was read of a container is read again after this, even when no change was told. */
  readonly reading: number
  /** Pause before the monitor of devices is started again. */
  readonly retry: number
  /** The same of those of rules and queues, whose changes are rare. */
  readonly sideRetry: number
  /** Hints of one place within this time are one. */
  readonly gather: number
}

const defaultTimeouts: LinkTimeouts = { call: 10_000, reading: 55_000, retry: 200, sideRetry: 5_000, gather: 5 }

/** Network devices of the Linux kernel, by iproute2, ethtool and nftables. */
export const createLinkEngine = (options: LinkEngineOptions): LinkEngine => {
  const { owner, netns, log, checksumOffload } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const ip = createIpTool(netns, timeouts.call)
  const marks = createMarks(owner)
  const namespaces = createNamespaces(ip)
  const readings = createReadings(ip, timeouts.reading)
  const host = createHost(ip, owner)
  const nat = createNat(ip, owner)
  /** Our devices in the switches' namespace by name, as last seen: whose a change is. */
  const known = new Map<string, { readonly instance: InstanceName | undefined; readonly nsid: number | undefined }>()
  const watchedBridges = new Set<string>()
  const closing = new AbortController()

  const hub = createHintHub(timeouts.gather, (listening) => {
    if (listening || closing.signal.aborted) return
    readings.setWatched(false)
    void monitor.stop()
    void rules.stop()
    void queues.stop()
  })

  const hintFor = (instance: InstanceName | undefined, cause: string): void =>
    hub.emit(instance === undefined ? { fabric: true, cause } : { instance, cause })

  const onChange = (change: DeviceChange): void => {
    const { nsid, name } = change
    if (nsid === undefined) {
      const device = known.get(name)
      if (device !== undefined && change.what === 'link') hintFor(device.instance, `device ${name} changed`)
      else if (watchedBridges.has(name)) hub.emit({ cause: `device ${name} changed` })
      return
    }
    if (change.features && !readings.featureChanged(nsid, change.ifindex)) return
    if (!change.features && !readings.changed(nsid, change)) return
    const instances = new Set(
      known
        .values()
        .filter((one) => one.nsid === nsid)
        .map((one) => one.instance),
    )
    for (const instance of instances) hintFor(instance, 'a device in a container changed')
  }

  const monitor = createDeviceMonitor(ip, {
    retryMs: timeouts.retry,
    startMs: timeouts.call,
    onChange,
    onGap(cause) {
      log.warn('changes of network devices may have gone unseen', { cause })
      readings.invalidateAll()
      hub.emit({ cause })
    },
  })

  const table = tableName(owner)
  const retryMs = timeouts.sideRetry
  const rules = createSideMonitor(ip, ['nft', 'monitor'], {
    retryMs,
    onLine: (line) => {
      if (isRuleGone(table, line)) hub.emit({ cause: 'a rule of the way to the outside is gone' })
    },
    onGap: (cause) => hub.emit({ cause }),
  })
  const queues = createSideMonitor(ip, ['tc', 'monitor'], {
    retryMs,
    onLine: (line) => {
      const name = queueDevice(line) ?? ''
      const device = known.get(name)
      if (device !== undefined) hintFor(device.instance, `queueing of ${name} changed`)
    },
    onGap: (cause) => hub.emit({ fabric: true, cause }),
  })
  /** Watches what is there: most have neither, and each is a process. */
  const watchBeside = (side: SideMonitor, isThere: boolean): void => {
    if (isThere && hub.listening && !closing.signal.aborted) side.want()
  }

  /** Our devices in the switches' namespace. */
  const lookOuter = async (): Promise<readonly Device[]> => {
    const devices = parseDevices(await ip.must('ip', ['-j', 'link', 'show'])).filter((device) => marks.isOurs(device))
    const names = new Set(devices.map((device) => device.ifname))
    for (const [name, { instance }] of known) {
      if (names.has(name)) continue
      known.delete(name)
      hintFor(instance, `device ${name} is gone`) // whoever looks now may have come for another instance
    }
    for (const device of devices)
      known.set(device.ifname, { instance: marks.instanceOf(device), nsid: device.link_netnsid })
    watchBeside(
      queues,
      devices.some(({ qdisc }) => qdisc === 'netem' || qdisc === 'tbf'),
    )
    return devices
  }

  const wires = createWireMaker({
    ip,
    marks,
    namespaces,
    readings,
    offloadOff: checksumOffload === 'off',
    onMade: (port, instance, nsid) => known.set(port, { instance, nsid }),
  })
  const shapers = createShapers({ timeoutMs: timeouts.call, signal: closing.signal }, timeouts.reading)
  const trunks = createTrunkMaker({
    ip,
    marks,
    shapers,
    remove: wires.remove,
    onMade: (port) => known.set(port, { instance: undefined, nsid: undefined }),
  })

  return {
    async ping() {
      try {
        await ip.must('ip', ['link', 'show', 'dev', 'lo'])
      } catch (cause) {
        if (closing.signal.aborted) throw cause
        const details = cause instanceof EngineError ? cause.details : {}
        throw new EngineError('UNAVAILABLE', { netns: netns ?? 'own', ...details }, { cause })
      }
    },
    async subscribe(listener) {
      const first = !hub.listening
      const subscription = hub.add(listener)
      await monitor.start()
      if (closing.signal.aborted) throw new EngineError('CANCELLED', { netns: netns ?? 'own' })
      if (first) {
        await lookOuter()
        readings.setWatched(true)
      }
      return subscription
    },
    async observe(containers) {
      const outers = await lookOuter()
      const found = await findContainers(namespaces, outers, containers)
      return observeWires({ outers, containers: found, readings, marks, offloads: checksumOffload === 'off' })
    },
    async conflicts(ports) {
      if (ports.length === 0) return []
      const wanted = new Set<string>(ports)
      const devices = parseDevices(await ip.must('ip', ['-j', 'link', 'show']))
      return devices
        .filter((device) => wanted.has(device.ifname) && !marks.isOurs(device))
        .map(({ ifname, ifalias }): Conflict => {
          const holder = ifalias === '' ? 'a network device without our mark' : `a network device of ${ifalias}`
          return { kind: 'device', name: ifname, holder }
        })
    },
    createWire: wires.create,
    configureWire: wires.configure,
    removeWire: ({ port }) => wires.remove(port),
    renameManagement: host.renameManagement,
    createTrunk: trunks.create,
    shapeTrunk: trunks.shape,
    shapers,
    addresses(bridges) {
      for (const bridge of bridges) watchedBridges.add(bridge)
      return host.addresses(bridges)
    },
    setAddress(bridge, address) {
      if (address === undefined) watchedBridges.delete(bridge)
      else watchedBridges.add(bridge)
      return host.setAddress(bridge, address)
    },
    async natRules() {
      const there = await nat.list()
      watchBeside(rules, there.length > 0)
      return there
    },
    async addNat(bridge, subnet) {
      watchBeside(rules, true)
      await nat.add(bridge, subnet)
    },
    removeNat: nat.remove,
    routes: host.routes,
    async close() {
      closing.abort()
      hub.close()
      ip.close()
      await Promise.all([monitor.stop(), rules.stop(), queues.stop()])
    },
  }
}
