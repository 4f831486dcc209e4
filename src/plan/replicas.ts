import type { DesiredFlow } from '../model/desired.ts'
import type { PortName } from '../model/names.ts'

/** Names of ports are letters and digits alone, so a name between these marks is a whole name. */
const memberList = /members:([^)]*)/gu

const outputOf = (action: string): string | undefined => /^output:(.+)$/u.exec(action)?.[1]

type Holds = (port: PortName) => boolean

const withMembers = (actions: string, pick: (members: readonly string[]) => readonly string[]): string =>
  actions.replace(memberList, (_, list: string) => `members:${pick(list.split(',')).join(',')}`)

/** Actions without those ports: neither chosen from a list nor sent to by name. */
export const withoutPorts = (actions: string, isGone: (port: string) => boolean): string =>
  withMembers(actions, (members) => members.filter((name) => !isGone(name)))
    .split(',')
    .filter((action) => !isGone(outputOf(action) ?? ''))
    .join(',')

/** Lists of members are what new connections choose from; what is sent to ports by name goes to all that are there. */
const withPorts = (actions: string, gone: ReadonlySet<string>, unwell: ReadonlySet<string>): string =>
  withMembers(
    withoutPorts(actions, (port) => gone.has(port)),
    (there) => {
      const well = there.filter((name) => !unwell.has(name))
      // Where none is well, one that may work is better than none.
      return well.length === 0 ? there : well
    },
  )

/** The flow with those of its replicas whose ports are there; new connections go to those of them that take some. */
export const withReplicas = (flow: DesiredFlow, isThere: Holds, takesNew: Holds): DesiredFlow => {
  const lists = flow.replicas ?? []
  const ports = lists.flat()
  const gone = new Set(ports.filter((port) => !isThere(port)))
  const unwell = new Set(ports.filter((port) => !takesNew(port)))
  if (gone.size + unwell.size === 0) return flow
  return {
    ...flow,
    actions: withPorts(flow.actions, gone, unwell),
    replicas: lists.map((list) => list.filter((port) => !gone.has(port))),
  }
}

/** The flow as it can be had now. Undefined when a port that it can't do without is missing, or every replica of a list. */
export const flowToHave = (flow: DesiredFlow, isThere: Holds, takesNew: Holds): DesiredFlow | undefined => {
  const canBeHad = flow.needs.every(isThere) && (flow.replicas ?? []).every((ports) => ports.some(isThere))
  return canBeHad ? withReplicas(flow, isThere, takesNew) : undefined
}

/** Every port that it names. */
export const portsOfFlow = ({ needs, replicas }: DesiredFlow): readonly PortName[] => [
  ...new Set([...needs, ...(replicas ?? []).flat()]),
]
