import type { TestEngines } from './engines.ts'
import { inContainerNetwork, inNamespace } from './reach.ts'
import { servicePort } from './tcp.ts'

/** The chain f1 - f2 - f3 with several f2, seen from outside. */

export interface ChainEnds {
  readonly client: string
  readonly server: string
  readonly router: (replica: number) => string
}

export const chainEnds = (instance: string): ChainEnds => ({
  client: `sond.${instance}.0.f1.0`,
  server: `sond.${instance}.0.f3.0`,
  router: (replica) => `sond.${instance}.0.f2.${replica}`,
})

/** Has a container send what is for a subnet to an address. */
export const route = (engines: TestEngines, container: string, to: string, via: string): Promise<string> =>
  inContainerNetwork(engines, container, 'ip', 'route', 'replace', to, 'via', via)

/** Lets f1 and f3 reach each other by whatever f2 is. `first`: third octet of the subnet between f1 and f2. */
export const joinEnds = async (engines: TestEngines, instance: string, first = 0): Promise<void> => {
  const { client, server } = chainEnds(instance)
  await route(engines, client, `10.30.${first + 1}.0/30`, `10.30.${first}.2`)
  await route(engines, server, `10.30.${first}.0/30`, `10.30.${first + 1}.1`)
}

/**
 * Replicas of the connections that a server has now, by the client's port, as each side of the function knows them.
 *
 * @param address - The server's.
 */
export const trackedReplicas = async (
  engines: TestEngines,
  address: string,
  protocol: 'tcp' | 'udp' = 'tcp',
): Promise<ReadonlyMap<number, ReadonlySet<number>>> => {
  const text = await inNamespace(
    engines,
    'ovs-appctl',
    ...['-t', `${engines.ovsRunDir}/ovs-vswitchd.ctl`, 'dpctl/dump-conntrack'],
  )
  const found = new Map<number, Set<number>>()
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${protocol},`) || !line.includes(`=${address},`)) continue
    if (protocol === 'tcp' && !line.includes('protoinfo=(state=EST')) continue
    const [, a, b, mark] = /sport=(\d+),dport=(\d+).*,mark=(\d+)/.exec(line) ?? []
    if (a === undefined || b === undefined) continue
    const from = a === servicePort ? b : a // one that was tracked from its middle on may begin with an answer
    const replicas = found.get(Number(from)) ?? new Set()
    found.set(Number(from), replicas.add(Number(mark) - 1))
  }
  return found
}

/** Of each connection its one replica; throws where the two sides know different ones. */
export const replicaOfEach = async (
  engines: TestEngines,
  address: string,
  protocol?: 'tcp' | 'udp',
): Promise<ReadonlyMap<number, number>> => {
  const all = await trackedReplicas(engines, address, protocol)
  return new Map(
    [...all].map(([from, set]) => {
      const [replica = 0, ...others] = set
      if (others.length > 0) throw new Error(`the connection from ${from} has replicas ${[...set].join()}`)
      return [from, replica]
    }),
  )
}

/** Those that moved, but for those of `gone`. */
export const movedOf = (
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  gone: readonly number[] = [],
): readonly number[] =>
  [...before].filter(([from, was]) => !gone.includes(was) && after.get(from) !== was).map(([from]) => from)

/** The replicas that have any, in order. */
export const loadOf = (all: ReadonlyMap<number, number>): readonly number[] => [...new Set(all.values())].sort()
