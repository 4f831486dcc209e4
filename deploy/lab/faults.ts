import type { Instance } from './api.ts'
import type { Lab } from './lab.ts'
import { must, now, run, until } from './run.ts'
import type { Traffic } from './traffic.ts'

/** One thing of a service that can be broken by hand, as an operator's mistake or a crash would. */
export interface Fault {
  readonly name: string
  /** The command that breaks it, for showing. */
  readonly command: string
  strike(): Promise<unknown>
  /** True when a new one is in its place. */
  isBack(): Promise<boolean>
}

const HEAL_TIMEOUT = 30_000

const functionOf = (instance: Instance, vnfId: string, copy: number): Instance['status']['functions'][number] => {
  const found = instance.status.functions.find((each) => each.vnfId === vnfId && each.copy === copy)
  if (found === undefined) throw new Error(`instance ${instance.metadata.name} has no function ${vnfId}`)
  return found
}

export const containerOf = (instance: Instance, vnfId: string, copy = 0): string => {
  const name = functionOf(instance, vnfId, copy).container?.name
  if (name === undefined) throw new Error(`${vnfId} has no container`)
  return name
}

type Interface = Instance['status']['functions'][number]['interfaces'][number]

const interfaceOf = (instance: Instance, vnfId: string, name: string, copy = 0): Interface => {
  const found = functionOf(instance, vnfId, copy).interfaces.find((each) => each.name === name)
  if (found === undefined) throw new Error(`${vnfId} has no interface ${name}`)
  return found
}

/** Address without prefix length. */
export const addressOf = (instance: Instance, vnfId: string, name: string, copy = 0): string =>
  interfaceOf(instance, vnfId, name, copy).address?.split('/')[0] ?? ''

export const pidOf = async (lab: Lab, container: string): Promise<number> =>
  (await lab.docker.getContainer(container).inspect()).State.Pid

interface Address {
  readonly local?: string
}

/** What can be broken at one interface of a function, and at the function itself. */
export const faultsAt = async (
  lab: Lab,
  instance: Instance,
  vnfId: string,
  name: string,
): Promise<readonly Fault[]> => {
  const container = containerOf(instance, vnfId)
  const { address, switchPort } = interfaceOf(instance, vnfId, name)
  const bridge = (await lab.vsctl('port-to-br', switchPort)).trim()
  const inside = async (...args: string[]): Promise<string> =>
    must('nsenter', ['-t', String(await pidOf(lab, container)), '-n', 'ip', ...args])
  const interfaceIndex = async (): Promise<number> => {
    const { code, stdout } = await run('nsenter', [
      ...['-t', String(await pidOf(lab, container)), '-n', 'ip', '-j', 'link', 'show', name],
    ])
    if (code !== 0) return 0
    const [link] = JSON.parse(stdout) as { ifindex?: number; flags?: string[] }[] // ip-link(8), JSON output
    return link?.flags?.includes('UP') === true ? (link.ifindex ?? 0) : 0
  }
  let startedAt = ''
  let oldIndex = 0
  return [
    {
      name: 'container killed',
      command: `docker kill ${container}`,
      strike: async () => {
        startedAt = (await lab.docker.getContainer(container).inspect()).State.StartedAt
        await lab.docker.getContainer(container).kill()
      },
      isBack: async () => {
        const found = await lab.docker
          .getContainer(container)
          .inspect()
          .catch(() => undefined)
        return found?.State.Running === true && found.State.StartedAt !== startedAt && (await interfaceIndex()) > 0
      },
    },
    {
      name: 'flow deleted',
      command: `ovs-ofctl del-flows ${bridge} in_port=${switchPort}`,
      strike: () => lab.ofctl('del-flows', bridge, `in_port=${switchPort}`),
      isBack: async () => (await lab.ofctl('dump-flows', bridge, `in_port=${switchPort}`)).includes('actions='),
    },
    {
      name: 'switch port deleted',
      command: `ovs-vsctl del-port ${bridge} ${switchPort}`,
      strike: () => lab.vsctl('del-port', bridge, switchPort),
      isBack: async () => (await lab.vsctl('list-ports', bridge)).split('\n').includes(switchPort),
    },
    {
      name: 'veth pair deleted',
      command: `ip link del ${name}  # inside ${container}`,
      strike: async () => {
        oldIndex = await interfaceIndex()
        await inside('link', 'del', name)
      },
      isBack: async () => {
        const index = await interfaceIndex()
        return index > 0 && index !== oldIndex
      },
    },
    {
      name: 'address removed',
      command: `ip address del ${String(address)} dev ${name}  # inside ${container}`,
      strike: () => inside('address', 'del', String(address), 'dev', name),
      isBack: async () => {
        const [link] = JSON.parse(await inside('-j', 'address', 'show', name)) as { addr_info?: Address[] }[] // ip-address(8)
        return link?.addr_info?.some(({ local }) => local === address?.split('/')[0]) ?? false
      },
    },
  ]
}

/** Breaks it and gives the ms until it is there again and data passes: what a user of the service would have noticed. */
export const heal = async (fault: Fault, traffic: Traffic): Promise<number> => {
  await traffic.passes(HEAL_TIMEOUT)
  const since = now()
  await fault.strike()
  await until(`${fault.name}: a new one in its place`, () => fault.isBack(), HEAL_TIMEOUT)
  const back = now()
  await traffic.passes(HEAL_TIMEOUT)
  return (await traffic.outageSince(since)) ?? back - since
}
