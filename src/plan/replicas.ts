import type { DesiredFlow } from '../model/desired.ts'
import type { PortName } from '../model/names.ts'

/** Names of ports are letters and digits alone, so a name between these marks is a whole name. */
const memberList = /members:([^)]*)/gu

const outputOf = (action: string): string | undefined => /^output:(.+)$/u.exec(action)?.[1]

const withoutPorts = (actions: string, gone: ReadonlySet<string>): string =>
  actions
    .replace(memberList, (_, list: string) => {
      const left = list.split(',').filter((name) => !gone.has(name))
      return `members:${left.join(',')}`
    })
    .split(',')
    .filter((action) => !gone.has(outputOf(action) ?? ''))
    .join(',')

/**
 * The flow as it can be had now: it spreads over those of its replicas whose ports are there. Undefined when a port that it can't do
 * without is missing, or every replica of a list.
 */
export const flowToHave = (flow: DesiredFlow, isThere: (port: PortName) => boolean): DesiredFlow | undefined => {
  const lists = flow.replicas ?? []
  if (!flow.needs.every(isThere) || !lists.every((ports) => ports.some(isThere))) return undefined
  const gone = new Set(lists.flat().filter((port) => !isThere(port)))
  if (gone.size === 0) return flow
  return {
    ...flow,
    actions: withoutPorts(flow.actions, gone),
    replicas: lists.map((ports) => ports.filter((port) => !gone.has(port))),
  }
}

/** Every port that it names. */
export const portsOfFlow = ({ needs, replicas }: DesiredFlow): readonly PortName[] => [
  ...new Set([...needs, ...(replicas ?? []).flat()]),
]
