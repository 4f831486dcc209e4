import { access } from 'node:fs/promises'
import { EngineError } from '../../model/errors.ts'
import type { DesiredInterface } from '../../model/desired.ts'
import { parseObjectName, type Cidr, type InstanceName, type PortName } from '../../model/names.ts'
import { externalIds } from '../../model/ownership.ts'
import { createBatcher, failed, succeeded, type Outcome } from '../batcher.ts'
import { parseDeviceLists, parseDevices, type Device, type Marks } from './devices.ts'
import type { InsideCall, IpTool } from './ip.ts'
import type { Namespaces } from './namespaces.ts'
import type { Container, Readings } from './readings.ts'

export interface WireMaker {
  readonly create: (wire: DesiredInterface, pid: number) => Promise<void>
  readonly configure: (wire: DesiredInterface, pid: number, stale: readonly Cidr[]) => Promise<void>
  readonly remove: (port: PortName) => Promise<void>
}

interface Order {
  readonly wire: DesiredInterface
  readonly pid: number
}

// A neighbour that is asked for while it is being wired answers the next request: 0.2 s later, not 1 s, for 3 s in all.
const eagerArp = 'retrans 200 mcast_probes 15'

const missing = (error: string | undefined): boolean =>
  error !== undefined && /Cannot find device|does not exist|No such device/.test(error)

const taken = (error: string): boolean => error.includes('File exists')

const refused = (wire: DesiredInterface, error: string): EngineError =>
  new EngineError('REFUSED', { container: wire.container, interface: wire.name, port: wire.port, error })

/** Wires: veth pairs with the outer end in the switches' namespace and the inner end in a container's. */
export const createWireMaker = (options: {
  readonly ip: IpTool
  readonly marks: Marks
  readonly namespaces: Namespaces
  readonly readings: Readings
  /** Switch transmit checksum offload of inner ends off. */
  readonly offloadOff: boolean
  /** A device of ours is there from now on. */
  onMade(port: PortName, instance: InstanceName | undefined, nsid: number | undefined): void
}): WireMaker => {
  const { ip, marks, namespaces, readings, offloadOff } = options

  const instanceOf = (wire: DesiredInterface): InstanceName | undefined =>
    parseObjectName(wire.externalIds[externalIds.instance] ?? '')

  const removeAll = async (ports: readonly PortName[]): Promise<readonly Outcome<undefined>[]> => {
    const lines = ports.map((port) => `link set dev ${port} group ${marks.doomed}`)
    const { errors } = await ip.batch([...lines, `link del group ${marks.doomed}`])
    const groupError = errors[lines.length]
    return ports.map((port, index) => {
      const error = errors[index]
      if (missing(error)) return succeeded(undefined)
      const fault = error ?? (missing(groupError) ? undefined : groupError)
      return fault === undefined ? succeeded(undefined) : failed(new EngineError('REFUSED', { port, error: fault }))
    })
  }
  const remove = createBatcher(removeAll, (port: PortName) => port)

  /** One interface by name inside a container. */
  const innerDevice = async (pid: number, name: string): Promise<Device | undefined> => {
    const [result] = await ip.inside([{ pid, command: ['ip', '-j', 'link', 'show', 'dev', name] }])
    return result?.code === 0 ? parseDevices(result.stdout)[0] : undefined
  }

  /** Takes away what is in the way of a new wire, when it is ours. */
  const clear = async ({ wire, pid }: Order): Promise<void> => {
    const devices = parseDevices(await ip.must('ip', ['-j', 'link', 'show']))
    const outer = devices.find((device) => device.ifname === wire.port)
    if (outer !== undefined && !marks.isOurs(outer))
      throw new EngineError('CONFLICT', { device: wire.port, holder: 'a network device without our mark' })
    if (outer !== undefined) await remove(wire.port)
    const inner = await innerDevice(pid, wire.name)
    if (inner === undefined) return
    const pair = devices.find((device) => device.ifindex === inner.link_index && device.link_index === inner.ifindex)
    if (pair === undefined || !marks.isOurs(pair))
      throw new EngineError('CONFLICT', { container: wire.container, device: wire.name, holder: 'the container' })
    const [result] = await ip.inside([{ pid, command: ['ip', 'link', 'del', 'dev', wire.name] }])
    if (result?.code !== 0 && !missing(result?.stderr)) throw refused(wire, result?.stderr.trim() ?? '')
  }

  // The inner end is made first-hand in the container's namespace, up and with its MAC: moving a finished device there
  // costs 20 ms. The group marks the outer end as ours from its first moment.
  const addLine = ({ wire, pid }: Order): string =>
    `link add name ${wire.name} netns ${pid} address ${wire.mac} up type veth peer name ${wire.port} group ${marks.group}`

  /** Makes the pairs; the error of each, undefined where it is there. */
  const addPairs = async (orders: readonly Order[]): Promise<readonly (EngineError | undefined)[]> => {
    const { errors } = await ip.batch(orders.map(addLine))
    const faults: (EngineError | undefined)[] = []
    for (const [index, order] of orders.entries()) {
      let error = errors[index]
      try {
        if (error !== undefined && taken(error)) {
          await clear(order)
          error = (await ip.batch([addLine(order)])).errors[0]
        }
        if (error === undefined) faults[index] = undefined
        else if (await gone(order.pid))
          faults[index] = new EngineError('NOT_FOUND', { container: order.wire.container })
        else faults[index] = refused(order.wire, error)
      } catch (fault) {
        faults[index] = fault instanceof EngineError ? fault : refused(order.wire, String(fault))
      }
    }
    return faults
  }

  interface Pair {
    readonly order: Order
    /** The outer end as it is now. */
    readonly outer: Device | undefined
    readonly container: Container | undefined
    fault: EngineError | undefined
  }

  /** Marks and raises outer ends; learns the numbers of the containers' namespaces on the way. */
  const finishOuter = async (orders: readonly Order[]): Promise<readonly Pair[]> => {
    const lines = orders.map(({ wire }) => `link set dev ${wire.port} alias ${marks.alias(instanceOf(wire))} up`)
    const shows = orders.map(({ wire }) => `link show dev ${wire.port}`)
    const [{ errors, stdout }, names] = await Promise.all([
      ip.batch([...lines, ...shows]),
      Promise.all(orders.map(({ pid }) => namespaces.of(pid))),
    ])
    const outers = new Map(parseDeviceLists(stdout).map((device) => [device.ifname, device]))
    return orders.map((order, index) => {
      const outer = outers.get(order.wire.port)
      const nsid = outer?.link_netnsid
      const namespace = names[index]
      const error = errors[index]
      const there = namespace !== undefined && nsid !== undefined && error === undefined
      if (there) namespaces.learn(order.pid, namespace, nsid)
      if (outer !== undefined) options.onMade(order.wire.port, instanceOf(order.wire), nsid)
      return {
        order,
        outer,
        container: there ? { pid: order.pid, namespace, nsid } : undefined,
        // A container that ends takes its wires along.
        fault: there
          ? undefined
          : new EngineError('NOT_FOUND', { port: order.wire.port, error: error ?? 'it is gone' }),
      }
    })
  }

  /** Gives inner ends their addresses: one program per container. */
  const setAddresses = async (pairs: readonly Pair[]): Promise<void> => {
    const addressed = pairs.filter(({ order }) => order.wire.address !== undefined)
    const byContainer = Map.groupBy(addressed, ({ order }) => order.pid)
    const setIn = async ([pid, own]: readonly [number, readonly Pair[]]): Promise<void> => {
      const lines = [
        ...own.map(({ order: { wire } }) => `addr replace ${wire.address ?? ''} dev ${wire.name}`),
        ...own.map(({ order: { wire } }) => `ntable change name arp_cache dev ${wire.name} ${eagerArp}`),
      ]
      const container = own[0]?.container
      const take = container === undefined ? undefined : readings.begin(container)
      const { errors, stdout } = await ip
        .batch([...lines, 'addr show'], pid)
        .catch((error: unknown) => ({ errors: lines.map(() => String(error)), stdout: '' }))
      const devices = parseDeviceLists(stdout)
      take?.(devices.length === 0 ? undefined : devices)
      for (const [index, pair] of own.entries()) {
        const error = errors[index]
        if (error !== undefined) pair.fault ??= refused(pair.order.wire, error)
      }
    }
    await Promise.all([...byContainer].map(setIn))
  }

  const offloadCalls = (pairs: readonly Pair[]): readonly { pair: Pair; call: InsideCall }[] =>
    offloadOff
      ? pairs.map((pair) => ({
          pair,
          call: { pid: pair.order.pid, command: ['ethtool', '-K', pair.order.wire.name, 'tx', 'off'] },
        }))
      : []

  const finishInner = async (pairs: readonly Pair[]): Promise<void> => {
    const offloads = offloadCalls(pairs)
    const switching = offloads.map(({ pair: { container, outer } }) =>
      container === undefined || outer?.link_index === undefined
        ? undefined
        : readings.switchingOff(container, outer.link_index),
    )
    const [switched] = await Promise.all([ip.inside(offloads.map(({ call }) => call)), setAddresses(pairs)])
    for (const [index, { pair }] of offloads.entries()) {
      const result = switched[index]
      judge(pair, result?.code, result?.stderr)
      // `ethtool -K` prints something for a device that it has changed, and nothing for one that was so already.
      switching[index]?.settle(result?.code === 0 && result.stdout !== '')
    }
    for (const pair of pairs) {
      if (pair.fault !== undefined && (await gone(pair.order.pid)))
        pair.fault = new EngineError('NOT_FOUND', { container: pair.order.wire.container })
    }
  }

  const judge = (pair: Pair, code: number | undefined, stderr: string | undefined): void => {
    if (code !== 0) pair.fault ??= refused(pair.order.wire, (stderr ?? '').trim())
  }

  const createAll = async (orders: readonly Order[]): Promise<readonly Outcome<undefined>[]> => {
    const faults = await addPairs(orders)
    const added = await finishOuter(orders.filter((_order, index) => faults[index] === undefined))
    await finishInner(added.filter((pair) => pair.fault === undefined))
    const byPort = new Map(added.map((pair) => [pair.order.wire.port, pair.fault]))
    return orders.map(({ wire }, index) => {
      const fault = faults[index] ?? byPort.get(wire.port)
      return fault === undefined ? succeeded(undefined) : failed(fault)
    })
  }
  const create = createBatcher(createAll, ({ wire }: Order) => wire.port)

  return {
    create: (wire, pid) => create({ wire, pid }),
    remove,
    async configure(wire, pid, stale) {
      // Whoever made it may have been killed before it was marked.
      const mark = ['alias', marks.alias(instanceOf(wire))]
      const raised = await ip.run('ip', ['link', 'set', 'dev', wire.port, ...mark, 'up'])
      if (raised.code !== 0) throw new EngineError('NOT_FOUND', { port: wire.port, error: raised.stderr.trim() })
      const inside = async (command: readonly string[], mayFail: (stderr: string) => boolean): Promise<void> => {
        const [result] = await ip.inside([{ pid, command }])
        if (result?.code === 0 || (result !== undefined && mayFail(result.stderr))) return
        if (await gone(pid)) throw new EngineError('NOT_FOUND', { container: wire.container })
        throw refused(wire, result?.stderr.trim() ?? '')
      }
      const never = (): boolean => false
      await inside(['ip', 'link', 'set', 'dev', wire.name, 'address', wire.mac, 'up'], never)
      if (wire.address !== undefined) await inside(['ip', 'addr', 'replace', wire.address, 'dev', wire.name], never)
      for (const address of stale)
        if (address !== wire.address)
          await inside(['ip', 'addr', 'del', address, 'dev', wire.name], (stderr) =>
            /Cannot assign|not found/.test(stderr),
          )
      if (offloadOff) await inside(['ethtool', '-K', wire.name, 'tx', 'off'], never)
      readings.invalidatePid(pid)
    },
  }
}

const gone = (pid: number): Promise<boolean> =>
  access(`/proc/${pid}/ns/net`).then(
    () => false,
    () => true,
  )
