import { run } from '../../deploy/lab/run.ts'
import type { Arena } from '../arena.ts'
import { readFlows, readSwitches } from '../ovs.ts'
import type { Random } from '../random.ts'
import { readContainers, readDevices, readForward } from '../world.ts'
import { type Fault, missed, steadily } from './fault.ts'

/** What is picked from, by name, so that chance picks the same in the same world. */
const hit = <T>(
  name: string,
  targets: (arena: Arena) => Promise<readonly (readonly [name: string, target: T])[]>,
  blow: (arena: Arena, target: T) => Promise<unknown>,
): Fault => ({
  name,
  strike: async (arena: Arena, random: Random) => {
    const sorted = [...(await steadily(() => targets(arena)))].sort(([one], [other]) => (one < other ? -1 : 1))
    const picked = random.pick(sorted)
    if (picked === undefined) return missed
    // What is gone by now has been hit by sond itself.
    const told = await blow(arena, picked[1]).then(
      () => '',
      (error: unknown) => `, too late: ${error instanceof Error ? error.message : String(error)}`,
    )
    return `${picked[0]}${told}`
  },
})

const named = (names: readonly string[]): readonly (readonly [string, string])[] => names.map((name) => [name, name])

const veths = async (arena: Arena): Promise<readonly (readonly [string, string])[]> => {
  const devices = await readDevices(arena)
  return named(devices.flatMap(({ ifname, ifalias }) => (ifalias?.startsWith('sond:') === true ? [ifname] : [])))
}

interface Inner {
  readonly pid: number
  readonly device: string
  readonly address: string
}

/** Interfaces of containers, as the kernel has them. */
const inners = async (arena: Arena): Promise<readonly (readonly [string, Inner])[]> => {
  const containers = await readContainers(arena)
  const found = await Promise.all(
    [...containers].map(async ([name, { State }]) => {
      if (State.Pid === 0) return []
      const { code, stdout } = await run('nsenter', ['-t', String(State.Pid), '-n', 'ip', '-j', 'address', 'show'])
      if (code !== 0) return []
      const devices = JSON.parse(stdout) as { ifname: string; addr_info: { local: string; prefixlen: number }[] }[] // ip-address(8)
      return devices.flatMap(({ ifname, addr_info: [first] }) =>
        ifname === 'lo' || first === undefined
          ? []
          : [
              [
                `${name} ${ifname}`,
                { pid: State.Pid, device: ifname, address: `${first.local}/${first.prefixlen}` },
              ] as const,
            ],
      )
    }),
  )
  return found.flat()
}

const inContainer = (pid: number, ...args: readonly string[]): readonly string[] => [
  ...['nsenter', '-t', String(pid), '-n', 'ip'],
  ...args,
]

const must = async (command: readonly string[]): Promise<void> => {
  const [program = '', ...args] = command
  const { code, stderr } = await run(program, args)
  if (code !== 0) throw new Error(stderr.trim())
}

/** Ports of services, and those that join switches. */
const ports = async ({ lab }: Arena): Promise<readonly (readonly [string, { bridge: string; name: string }])[]> =>
  (await readSwitches(lab)).ports
    .filter(({ name, bridge }) => name !== bridge)
    .map(({ name, bridge }) => [`${bridge} ${name}`, { bridge, name }])

const bridges = async ({ lab }: Arena): Promise<readonly (readonly [string, string])[]> =>
  named((await readSwitches(lab)).bridges.map(({ name }) => name))

export const linkFaults: readonly Fault[] = [
  hit('veth deleted', veths, ({ lab }, name) => must(['ip', '-n', lab.netns, 'link', 'del', name])),
  hit('veth deleted inside', inners, (_, { pid, device }) => must(inContainer(pid, 'link', 'del', device))),
  hit('veth down', veths, ({ lab }, name) => must(['ip', '-n', lab.netns, 'link', 'set', name, 'down'])),
  hit('address deleted', inners, (_, { pid, device, address }) =>
    must(inContainer(pid, 'address', 'del', address, 'dev', device)),
  ),
  hit('port deleted', ports, ({ lab }, { bridge, name }) => lab.vsctl('del-port', bridge, name)),
  hit('bridge deleted', bridges, ({ lab }, name) => lab.vsctl('del-br', name)),
  hit(
    'flow deleted',
    async ({ lab }) => {
      const flows = await readFlows(lab, (await readSwitches(lab)).bridges)
      return flows.map((flow) => [`${flow.bridge} ${flow.text}`, flow] as const)
    },
    ({ lab }, { bridge, text }) => {
      const table = /table=(\d+)/.exec(text)?.[1] ?? '0'
      const match = text
        .replace(/^cookie=[^,]*,/, '')
        .replace(/^ *table=\d+,/, '')
        .replace(/ actions=.*$/, '')
      return lab.ofctl('--strict', 'del-flows', bridge, `table=${table},${match.trim()}`)
    },
  ),
  hit('all flows deleted', bridges, ({ lab }, name) => lab.ofctl('del-flows', name)),
  hit(
    'bridge address deleted',
    async (arena) => {
      const ours = new Set((await readSwitches(arena.lab)).bridges.map(({ name }) => name))
      return (await readDevices(arena)).flatMap(({ ifname, addr_info: addresses = [] }) =>
        ours.has(ifname) && addresses.some(({ family }) => family === 'inet') ? [[ifname, ifname] as const] : [],
      )
    },
    ({ lab }, name) => must(['ip', '-n', lab.netns, '-4', 'address', 'flush', 'dev', name]),
  ),
  hit(
    'NAT table deleted',
    async () => named(['sond_sond']),
    ({ inside }, name) => inside('nft', 'delete', 'table', 'ip', name),
  ),
  hit(
    'forwarding rule deleted',
    async (arena) => named(await readForward(arena)),
    ({ inside }, rule) =>
      inside(
        'iptables',
        ...(rule.replace(/^-A/, '-D').match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', '')),
      ),
  ),
]
