import type { ObservedContainer, ScriptState } from '../../model/actual.ts'
import type { DesiredContainer, Limits } from '../../model/desired.ts'
import { EngineError } from '../../model/errors.ts'
import type { ContainerName, DataCenterName, ImageRef } from '../../model/names.ts'
import { must, parseCidr } from '../../model/names.ts'
import { asOwned, type Owned } from '../../model/ownership.ts'
import type { ContainerEngine } from '../ports.ts'
import { addDevice, deleteNamespace, withInstance } from './devices.ts'
import type { MemoryContainer, MemoryScript, World } from './world.ts'

const tell = (world: World, container: MemoryContainer, what: string): void =>
  world.tell('containers', { ...withInstance(container.mark?.instance), cause: `container ${container.name} ${what}` })

const isUp = (container: MemoryContainer): boolean => container.state === 'running' || container.state === 'paused'

/** The process ends: namespace and running scripts end with it. */
export const endContainer = (world: World, container: MemoryContainer, exitCode: number): void => {
  if (!isUp(container)) return
  const { pid } = container
  container.state = 'exited'
  container.exitCode = exitCode
  container.pid = 0
  if (container.health !== undefined) container.health = 'unhealthy'
  for (const script of [container.scripts.start, container.scripts.stop]) {
    if (script?.run === 'running') Object.assign(script, { run: 'done', exitCode: 137 })
  }
  deleteNamespace(world, pid)
  tell(world, container, 'ended')
}

/** A new run: new namespace, closed gate, scripts before it. */
export const startContainer = (world: World, container: MemoryContainer): void => {
  if (isUp(container)) return
  container.state = 'running'
  container.pid = 1000 + world.next()
  container.startedAt = world.instant()
  container.gate = 'closed'
  if (world.images.checked.has(container.image)) container.health = 'starting'
  world.namespaces.set(container.pid, new Map())
  if (container.network === 'bridge') addDevice(world, { name: 'eth0', namespace: container.pid })
  for (const script of [container.scripts.start, container.scripts.stop]) {
    if (script !== undefined) Object.assign(script, { run: 'pending', exitCode: 0, output: '' })
  }
  tell(world, container, 'started')
}

const cpuNumbers = (cpuset: string): readonly number[] =>
  cpuset === '' ? [] : cpuset.split(',').flatMap((part) => part.split('-').map(Number))

const checkLimits = (world: World, name: string, limits: Limits): void => {
  if (cpuNumbers(limits.cpuset).some((cpu) => !(cpu < world.cpus))) {
    throw new EngineError('LIMITS_REFUSED', { container: name, cpuset: limits.cpuset })
  }
}

export const setLimits = (world: World, container: MemoryContainer, limits: Limits): void => {
  checkLimits(world, container.name, limits)
  container.limits = { ...limits }
  tell(world, container, 'updated')
}

const script = (command: string | undefined): MemoryScript | undefined =>
  command === undefined ? undefined : { command, run: 'pending', exitCode: 0, output: '' }

const fromDesired = (world: World, owner: string, desired: DesiredContainer): MemoryContainer => {
  const { name, image, specHash, limits, env, instance, copy, vnf, vdu, replica, role, dataCenter } = desired
  const start = script(env['SON_EMU_CMD'])
  const stop = script(env['SON_EMU_CMD_STOP'])
  return {
    id: world.next().toString(16).padStart(64, '0'),
    name,
    mark: { owner, instance, copy, vnf, vdu, replica, role, dataCenter },
    image,
    specHash,
    network: desired.network.kind,
    scripts: { ...(start === undefined ? {} : { start }), ...(stop === undefined ? {} : { stop }) },
    log: [],
    limits: { ...limits },
    state: 'created',
    pid: 0,
    startedAt: '0001-01-01T00:00:00Z',
    exitCode: 0,
    gate: 'closed',
  }
}

const scriptState = (one: MemoryScript): ScriptState =>
  one.run === 'done' ? { run: one.run, exitCode: one.exitCode } : { run: one.run }

/** As the bridge would hand it out. */
const managementOf = ({ pid }: MemoryContainer): NonNullable<ObservedContainer['management']> => {
  const [high, low] = [pid >> 8, pid & 0xff]
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
  return { address: `172.17.${high}.${low}/16`, mac: `02:42:ac:11:${hex(high)}:${hex(low)}` }
}

const observed = (container: MemoryContainer): Owned<ObservedContainer> | undefined => {
  const { mark, scripts } = container
  if (mark === undefined) return undefined
  const { owner: _, ...unit } = mark
  return asOwned({
    ...unit,
    id: container.id,
    // Name and image were checked when the container was created from a desired one, which alone bears a mark.
    name: container.name as ContainerName,
    image: container.image as ImageRef, // as above
    dataCenter: unit.dataCenter as DataCenterName, // as above
    state: container.state,
    pid: container.pid,
    startedAt: container.startedAt,
    exitCode: container.exitCode,
    ...(container.health === undefined ? {} : { health: container.health }),
    specHash: container.specHash,
    limits: container.limits,
    gate: isUp(container) ? container.gate : 'none',
    scripts: {
      ...(scripts.start === undefined ? {} : { start: scriptState(scripts.start) }),
      ...(scripts.stop === undefined ? {} : { stop: scriptState(scripts.stop) }),
    },
    network: container.network,
    ...(container.network === 'bridge' && isUp(container) ? { management: managementOf(container) } : {}),
  })
}

/** The container engine of a world, for one owner. */
export const createMemoryContainers = (world: World, owner: string): ContainerEngine => {
  const find = (name: string): MemoryContainer => {
    const container = world.containers.get(name)
    if (container?.mark?.owner !== owner) throw new EngineError('NOT_FOUND', { container: name })
    return container
  }
  const running = (name: string): MemoryContainer => {
    const container = find(name)
    if (!isUp(container)) throw new EngineError('NOT_FOUND', { container: name, state: container.state })
    return container
  }
  const isAbsent = (image: string): boolean => world.images.missing.has(image) || world.images.unknown.has(image)

  return {
    ping: async () => world.enter('containers.ping', '', false),
    subscribe: async (listener) => world.listen('containers', listener),
    close: async () => undefined,
    observe: async (instance) => {
      world.enter('containers.observe', instance ?? '', false)
      return [...world.containers.values()]
        .filter(({ mark }) => mark?.owner === owner && (instance === undefined || mark.instance === instance))
        .flatMap((container) => observed(container) ?? [])
    },
    conflicts: async (names) =>
      names.flatMap((name) => {
        const other = world.containers.get(name)
        if (other === undefined || other.mark?.owner === owner) return []
        return [{ kind: 'container' as const, name, holder: `container ${other.id.slice(0, 12)}` }]
      }),
    presentImages: async (images) => {
      world.enter('containers.presentImages', '', false)
      return new Set(images.filter((image) => !isAbsent(image)))
    },
    pullImage: async (image, progress) => {
      world.enter('containers.pullImage', image, true)
      if (world.images.unknown.has(image)) throw new EngineError('IMAGE_NOT_FOUND', { image })
      progress(`pulled ${image}`)
      world.images.missing.delete(image)
    },
    buildImage: async (image, _context, progress) => {
      world.enter('containers.buildImage', image, true)
      progress(`built ${image}`)
      world.images.missing.delete(image)
      world.images.unknown.delete(image)
    },
    create: async (desired) => {
      world.enter('containers.create', desired.name, true)
      const there = world.containers.get(desired.name)
      if (there?.mark?.owner === owner) return
      if (there !== undefined) throw new EngineError('CONFLICT', { container: desired.name })
      if (isAbsent(desired.image)) throw new EngineError('IMAGE_NOT_FOUND', { image: desired.image })
      checkLimits(world, desired.name, desired.limits)
      const container = fromDesired(world, owner, desired)
      world.containers.set(desired.name, container)
      tell(world, container, 'created')
    },
    start: async (name) => {
      world.enter('containers.start', name, true)
      startContainer(world, find(name))
    },
    unpause: async (name) => {
      world.enter('containers.unpause', name, true)
      const container = find(name)
      if (container.state !== 'paused') return
      container.state = 'running'
      tell(world, container, 'unpaused')
    },
    updateLimits: async (name, limits) => {
      world.enter('containers.updateLimits', name, true)
      setLimits(world, find(name), limits)
    },
    remove: async ({ id, name }) => {
      world.enter('containers.remove', name, true)
      const container = world.containers.get(name)
      if (container?.id !== id) return
      endContainer(world, container, 137)
      world.containers.delete(name)
      tell(world, container, 'removed')
    },
    openGate: async (name) => {
      world.enter('containers.openGate', name, true)
      const container = running(name)
      if (container.gate === 'open') return
      container.gate = 'open'
      container.log.push(`${container.image} runs`)
      const exitCode = world.images.exiting.get(container.image)
      if (exitCode !== undefined) endContainer(world, container, exitCode)
    },
    pidOf: async (name) => running(name).pid,
    runScript: async (name, which, _wait) => {
      world.enter('containers.runScript', name, true)
      const container = running(name)
      const one = container.scripts[which]
      const isAgain = which === 'start' && one?.run === 'done' && one.exitCode > 0
      if (one === undefined || (one.run !== 'pending' && !isAgain)) return
      // One that does not end is waited for in no time: time does not pass here.
      const end = world.shell(one.command)
      Object.assign(one, end === undefined ? { run: 'running' } : { ...end, run: 'done' })
      container.log.push(...one.output.split('\n').filter((line) => line !== ''))
      tell(world, container, `ran its ${which} script`)
    },
    scriptOutput: async (name, which) => {
      const one = find(name).scripts[which]
      return one === undefined || one.run === 'pending' ? undefined : { exitCode: one.exitCode, output: one.output }
    },
    async *logs(name, { tail, follow, signal }) {
      const { log } = find(name)
      yield* tail === undefined ? log : log.slice(Math.max(0, log.length - tail))
      if (follow === true && signal !== undefined && !signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      }
    },
    exec: async (name, command, input) => {
      world.enter('containers.exec', name, true)
      const { state } = running(name)
      if (state === 'paused') throw new EngineError('NOT_FOUND', { container: name, state })
      const [program = '', , ...rest] = command
      if (program === 'cat') return { exitCode: 0, output: new TextDecoder().decode(input) }
      const text = program === 'sh' ? rest.join(' ') : command.join(' ')
      return world.shell(text) ?? { exitCode: 124, output: '' }
    },
    networks: async () => [{ subnet: must(parseCidr('172.17.0.0/16'), 'subnet'), name: 'bridge' }],
  }
}
