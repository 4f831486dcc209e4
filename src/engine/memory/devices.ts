import type { MemoryDevice, World } from './world.ts'

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

/** The switch notices a device: ports of that name get a number. */
const takePorts = (world: World, name: string): void => {
  for (const bridge of world.bridges.values()) {
    const port = bridge.ports.get(name)
    if (port?.kind === 'system') {
      port.ofport = bridge.nextPort++
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
