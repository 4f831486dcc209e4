import { externalIds } from '../../model/ownership.ts'
import type { MemoryBridge, MemoryDevice, MemoryPort, World } from './world.ts'

/** Network devices of a world, by the kernel's rules: a pair is one thing, and a namespace takes its devices along. */

export const devicesIn = (world: World, namespace: number): Map<string, MemoryDevice> =>
  world.namespaces.get(namespace) ?? new Map<string, MemoryDevice>()

const drop = (world: World, device: MemoryDevice): void => {
  const all = devicesIn(world, device.namespace)
  if (all.get(device.name) !== device) return
  all.delete(device.name)
  if (device.namespace === 0) releasePorts(world, device.name)
}

/** The peer goes too. */
export const deleteDevice = (world: World, device: MemoryDevice): void => {
  drop(world, device)
  if (device.peer !== undefined) drop(world, device.peer)
  const instance = device.mark?.instance ?? device.peer?.mark?.instance
  tellLinks(world, instance, `device ${device.name} gone`)
}

export const addDevice = (
  world: World,
  device: Pick<MemoryDevice, 'name' | 'namespace' | 'mark'> & Partial<MemoryDevice>,
): MemoryDevice => {
  const made: MemoryDevice = { up: true, mac: '02:00:00:00:00:00', addresses: [], txOffload: true, ...device }
  devicesIn(world, made.namespace).set(made.name, made)
  if (made.namespace === 0) takePorts(world, made.name)
  tellLinks(world, made.mark?.instance, `device ${made.name} made`)
  return made
}

export const tellLinks = (world: World, instance: string | undefined, cause: string): void =>
  world.tell('links', { ...withInstance(instance), cause })

/** Hints name instances by text that a checked name once became. */
export const withInstance = (instance: string | undefined): { instance?: never } =>
  // A mark's text was an InstanceName when it was written; `never` fits the optional property of every hint.
  instance === undefined ? {} : { instance: instance as never }

/** The end of a container's process: its namespace goes, and every pair that has an end in it. */
export const deleteNamespace = (world: World, pid: number): void => {
  for (const device of [...devicesIn(world, pid).values()]) deleteDevice(world, device)
  world.namespaces.delete(pid)
}

/** Puts a port in the place of one of that name. */
export const putPort = (world: World, bridge: MemoryBridge, port: MemoryPort): void => {
  dropPort(bridge, port.name)
  bridge.ports.set(port.name, port)
  const instance = port.externalIds[externalIds.instance]
  if (instance === undefined) return
  world.cookies.set(Number(port.externalIds[externalIds.cookie]), instance)
  const own = bridge.portsOf.get(instance) ?? new Map<string, MemoryPort>()
  bridge.portsOf.set(instance, own.set(port.name, port))
}

export const dropPort = (bridge: MemoryBridge, name: string): void => {
  const instance = bridge.ports.get(name)?.externalIds[externalIds.instance]
  bridge.ports.delete(name)
  if (instance === undefined) return
  const own = bridge.portsOf.get(instance)
  own?.delete(name)
  if (own?.size === 0) bridge.portsOf.delete(instance)
}

/** Numbers are never given twice, so a stale flow never hits a new port. */
export const nextNumber = (bridge: MemoryBridge, name: string): number => {
  const number = bridge.nextPort
  bridge.nextPort += 1
  bridge.numbers.set(String(number), name)
  return number
}

/** The switch notices a device: ports of that name get a number. */
const takePorts = (world: World, name: string): void => {
  for (const bridge of world.bridges.values()) {
    const port = bridge.ports.get(name)
    if (port?.kind === 'system') {
      port.ofport = nextNumber(bridge, name)
      world.tell('switches', { ...withInstance(port.externalIds['instance']), cause: `port ${name} has a number` })
    }
  }
}

/** The switch notices that a device is gone: ports of that name stay, without a number. */
const releasePorts = (world: World, name: string): void => {
  for (const bridge of world.bridges.values()) {
    const port = bridge.ports.get(name)
    if (port?.kind === 'system') {
      port.ofport = undefined
      world.tell('switches', { ...withInstance(port.externalIds['instance']), cause: `port ${name} lost its device` })
    }
  }
}
