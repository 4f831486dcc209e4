import type { ObservedWire } from '../../model/actual.ts'
import type { ContainerName, PortName } from '../../model/names.ts'
import { asOwned, type Owned } from '../../model/ownership.ts'
import { ipv4Of, isUp, type Device, type Marks } from './devices.ts'
import type { Namespaces } from './namespaces.ts'
import type { Container, Reading, Readings } from './readings.ts'

/** Pairs the outer ends in the switches' namespace with the inner ends in containers. */

export interface Named extends Container {
  readonly name: ContainerName
}

/** Containers with the numbers of their namespaces; those whose process has gone are left out. */
export const findContainers = async (
  namespaces: Namespaces,
  outers: readonly Device[],
  containers: readonly { readonly name: ContainerName; readonly pid: number }[],
): Promise<readonly Named[]> => {
  const running = (
    await Promise.all(
      containers.map(async ({ name, pid }) => {
        const namespace = pid > 0 ? await namespaces.of(pid) : undefined
        return namespace === undefined ? [] : [{ name, pid, namespace }]
      }),
    )
  ).flat()
  const unknown = running.filter(({ pid, namespace }) => namespaces.known(pid, namespace) === undefined)
  const known = new Set(running.map(({ pid, namespace }) => namespaces.known(pid, namespace)))
  const unclaimed = outers.some(({ link_netnsid: nsid }) => nsid !== undefined && !known.has(nsid))
  if (unclaimed) await namespaces.lookUp(unknown.map(({ pid, namespace }) => ({ pid, name: namespace })))
  return running.map((one) => ({ ...one, nsid: namespaces.known(one.pid, one.namespace) }))
}

const innerOf = (outer: Device, reading: Reading | undefined): Device | undefined =>
  reading?.devices.find((device) => device.ifindex === outer.link_index && device.link_index === outer.ifindex)

const innerState = (container: Named, device: Device, txOffload: boolean): NonNullable<ObservedWire['inner']> => ({
  container: container.name,
  name: device.ifname,
  mac: device.address,
  addresses: ipv4Of(device),
  up: isUp(device),
  txOffload,
})

/** `offloads`: read whether transmit checksum offload is on; otherwise it is as a veth has it from the beginning. */
export const observeWires = async (options: {
  readonly outers: readonly Device[]
  readonly containers: readonly Named[]
  readonly readings: Readings
  readonly marks: Marks
  readonly offloads: boolean
}): Promise<readonly Owned<ObservedWire>[]> => {
  const { outers, containers, readings, marks, offloads } = options
  const paired = containers.filter(({ nsid }) => nsid !== undefined && outers.some((one) => one.link_netnsid === nsid))
  const ours = ({ nsid }: Container, devices: readonly Device[]): readonly Device[] =>
    devices.filter((device) =>
      outers.some(
        (outer) =>
          outer.link_netnsid === nsid && outer.ifindex === device.link_index && outer.link_index === device.ifindex,
      ),
    )
  const read = await readings.read(paired, offloads ? ours : () => [])
  return outers.map((outer): Owned<ObservedWire> => {
    const container = paired.find(({ nsid }) => nsid === outer.link_netnsid)
    const reading = container === undefined ? undefined : read.get(container.pid)
    const device = innerOf(outer, reading)
    const instance = marks.instanceOf(outer)
    return asOwned({
      // The name of a device of ours was checked when it was made.
      port: outer.ifname as PortName,
      ...(instance !== undefined && { instance }),
      up: isUp(outer),
      ...((outer.qdisc === 'netem' || outer.qdisc === 'tbf') && { shaper: outer.qdisc }),
      ...(container !== undefined &&
        device !== undefined && {
          inner: innerState(container, device, reading?.txOffload.get(device.ifindex) ?? true),
        }),
    })
  })
}
