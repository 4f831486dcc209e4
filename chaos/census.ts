import type { ContainerInspectInfo } from 'dockerode'
import type { Arena } from './arena.ts'
import { calm, trial } from './service.ts'
import { engineNames } from './arena.ts'
import type { Wanted } from './wanted.ts'
import type { World } from './world.ts'

/** How many there are of each kind. */
export type Tally = Readonly<Record<string, number>>

const distinct = (values: readonly unknown[]): number => new Set(values).size

export const tally = (world: World): Tally => ({
  containers: world.containers.size,
  bridges: world.bridges.length,
  ports: world.ports.length,
  veths: world.veths.length,
  flows: world.flows.length,
  VLANs: distinct(world.ports.flatMap(({ tag, trunks }) => [...(tag === undefined ? [] : [tag]), ...trunks])),
  'NAT rules': world.nat.length,
  'forwarding rules': world.forward.length,
  'bridge addresses': world.bridgeAddresses.length,
})

interface Expected {
  readonly image: string
  readonly interfaces: number
  readonly env?: string
  readonly megabytes?: number
}

/** Every container that shall be there, by name. */
const expectedContainers = (wanted: Wanted, sapImage: string, image: string): ReadonlyMap<string, Expected> => {
  const all = new Map<string, Expected>([
    [`sond.${calm}.0.left.0`, { image, interfaces: 1 }],
    [`sond.${calm}.0.right.0`, { image, interfaces: 2 }],
  ])
  if (!wanted.present || !wanted.running) return all
  for (let copy = 0; copy < wanted.copies; copy += 1) {
    const name = (vnf: string, replica = 0): string => `sond.${trial}.${copy}.${vnf}.${replica}`
    all.set(name('ns_client'), { image: sapImage, interfaces: 1 })
    for (let replica = 0; replica < wanted.replicas; replica += 1) {
      all.set(name('router', replica), { image: wanted.image, interfaces: 3 })
    }
    all.set(name('server'), { image, interfaces: 3, env: `MODE=${wanted.mode}`, megabytes: wanted.megabytes })
    if (wanted.version === '0.2') all.set(name('probe'), { image, interfaces: 1 })
  }
  return all
}

const containerFaults = (world: World, expected: ReadonlyMap<string, Expected>): string[] => [
  ...[...world.containers.keys()].filter((name) => !expected.has(name)).map((name) => `container too many: ${name}`),
  ...[...expected].flatMap(([name, { image, env, megabytes }]) => {
    const found = world.containers.get(name)
    if (found === undefined) return [`container missing: ${name}`]
    const { Config, HostConfig, State } = found
    return [
      ...(State.Running && !State.Paused ? [] : [`container ${name} is ${State.Status}`]),
      ...(Config.Image === image ? [] : [`container ${name} is of image ${Config.Image}, not ${image}`]),
      ...(env === undefined || Config.Env.includes(env) ? [] : [`container ${name} lacks ${env}`]),
      ...(megabytes === undefined || HostConfig.Memory === megabytes * 2 ** 20
        ? []
        : [`container ${name} has ${HostConfig.Memory} bytes, not ${megabytes} MiB`]),
    ]
  }),
]

const switchFaults = (world: World, interfaces: number, copies: number): string[] => {
  const complain = (what: string, found: number, right: number): string[] =>
    found === right ? [] : [`${what}: ${found}, not ${right}`]
  const names = new Set(world.ports.map(({ name }) => name))
  const homeless = world.ports.filter(({ bridge }) => bridge === '').map(({ name }) => name)
  const lost = world.flows.filter(({ text }) => {
    const port = /in_port="?([^", ]+)/.exec(text)?.[1]
    return (
      port !== undefined && port !== 'LOCAL' && !names.has(port) && !world.bridges.some(({ name }) => name === port)
    )
  })
  return [
    ...complain('veth pairs', world.veths.length, interfaces),
    ...complain('bridges', world.bridges.length, 2 + 1 + copies),
    ...complain('NAT rules', world.nat.length, 1 + copies),
    ...complain('forwarding rules', world.forward.length, 2 * (1 + copies)),
    ...complain('addresses of bridges', world.bridgeAddresses.length, 1 + copies),
    ...homeless.map((name) => `port on no bridge: ${name}`),
    ...world.veths.filter((name) => !names.has(name)).map((name) => `veth on no bridge: ${name}`),
    ...lost.map(({ bridge, text }) => `flow on ${bridge} of a port that is not there: ${text}`),
  ]
}

const startsWith = (path: string, prefix: string): boolean => path.startsWith(prefix)

const fileFaults = (world: World, { lab }: Arena, wanted: Wanted): string[] => {
  const gates = new Set<string>()
  const faults: string[] = []
  for (const path of world.files) {
    const [, gate] = /\/gates\/([^/.][^/]*)\//.exec(path.slice(lab.stateDir.length)) ?? []
    if (gate !== undefined) gates.add(gate)
    if (path.endsWith('.tmp') || path.endsWith('.new')) faults.push(`temporary file: ${path}`)
    if (startsWith(path, `${lab.stateDir}/aside/`)) continue
    if (!wanted.present && path.includes(trial) && !path.endsWith('.son') && !path.includes(`${trial}-`))
      faults.push(`file of a service that is gone: ${path}`)
  }
  for (const name of gates) if (!world.containers.has(name)) faults.push(`gate without a container: ${name}`)
  return faults
}

const processFaults = (world: World, arena: Arena, foreign: ReadonlySet<number>, running: number): string[] => {
  const sond = arena.lab.pid() ?? 0
  const byId = new Map(world.processes.map((one) => [one.pid, one]))
  const isOfSond = (pid: number): boolean => {
    for (let at = byId.get(pid); at !== undefined; at = byId.get(at.parent)) {
      if (at.pid === sond || at.parent === sond) return true
    }
    return false
  }
  const faults: string[] = []
  const counts = new Map<string, number>()
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const { pid, command } of world.processes) {
    const program = command[0]?.split('/').at(-1) ?? ''
    const engine = engineNames.find((name) => name === program)
    if (engine !== undefined) count(engine)
    else if (program.startsWith('containerd-shim')) count('shim')
    else if (isOfSond(pid)) {
      if (['ovs-ofctl', 'ip'].includes(program)) count(command.join(' '))
    } else if (!foreign.has(pid)) {
      faults.push(`process too many: ${pid} ${command.join(' ')}`)
    }
  }
  for (const name of [...engineNames, 'shim']) {
    const right = name === 'shim' ? running : 1
    if (counts.get(name) !== right) faults.push(`processes of ${name}: ${counts.get(name) ?? 0}, not ${right}`)
    counts.delete(name)
  }
  for (const [command, times] of counts) if (times > 1) faults.push(`${times} times the same: ${command}`)
  return faults
}

/** Where its file system is mounted while it runs. */
const rootOf = ({ GraphDriver }: ContainerInspectInfo): string => {
  const data = GraphDriver.Data as Readonly<Record<string, string>> | null // by storage driver
  return data?.['MergedDir'] ?? ''
}

/** What the world must hold beside sond's: containers, how many of them run, processes by id. */
export interface Beside {
  readonly containers: readonly ContainerInspectInfo[]
  readonly running: number
  readonly processes: ReadonlySet<number>
}

/** Everything that is there and should not be, or is not and should. */
export const findExcess = (
  world: World,
  arena: Arena,
  wanted: Wanted,
  beside: Beside,
  names: { readonly sapImage: string; readonly image: string },
): readonly string[] => {
  const expected = expectedContainers(wanted, names.sapImage, names.image)
  const interfaces = [...expected.values()].reduce((sum, one) => sum + one.interfaces, 0)
  const copies = wanted.present && wanted.running ? wanted.copies : 0
  const inspected = [...world.containers.values(), ...beside.containers]
  const ids = new Set(inspected.map(({ Id }) => Id))
  const roots = new Set(inspected.map(rootOf))
  return [
    ...containerFaults(world, expected),
    ...switchFaults(world, interfaces, copies),
    ...fileFaults(world, arena, wanted),
    ...processFaults(world, arena, beside.processes, expected.size + beside.running),
    ...world.mounts.filter((path) => !roots.has(path)).map((path) => `mount of no container: ${path}`),
    ...world.groups.filter((id) => !ids.has(id)).map((id) => `control group of no container: ${id}`),
  ]
}

/** Where two tallies of the same service differ. */
export const differences = (found: Tally, right: Tally): readonly string[] =>
  Object.entries(right).flatMap(([kind, number]) =>
    found[kind] === number ? [] : [`${kind}: ${found[kind] ?? 0}, and ${number} when it was so before`],
  )
