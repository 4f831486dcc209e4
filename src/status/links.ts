import type { PlannedEnd, PlannedLink, Skip } from '../desired/result.ts'
import type { ActualState, ObservedFlow } from '../model/actual.ts'
import type { DesiredFlow, DesiredState } from '../model/desired.ts'
import type { LinkStatus } from '../model/status.ts'
import { takesNewConnections } from '../plan/health.ts'
import { withReplicas } from '../plan/replicas.ts'

/** Reasons for leaving a link out that lie in the package: the service is as complete as it can be without it. */
const inherent: Readonly<Record<Skip['code'], boolean>> = {
  END_MISSING: true,
  INTERFACE_TAKEN: true,
  MANAGEMENT_NETWORK: true,
  NO_FORWARDING_GRAPH: true,
  REPEATED_END: true,
  SAPS_ONLY: true,
  SECOND_EXTERNAL_SAP: true,
  SELF_LINK: true,
  TOO_FEW_ENDS: true,
  UNKNOWN_TYPE: true,
  END_NOT_PLACED: false,
  EXHAUSTED: false,
  NO_PATH: false,
}

/** Whether a link that is left out keeps the service from being ready. */
export const isMissed = ({ skipped }: PlannedLink): boolean => skipped !== undefined && !inherent[skipped.code]

const flowKey = ({ bridge, cookie, priority, match, actions }: ObservedFlow | DesiredFlow): string =>
  [bridge, cookie, priority, match, actions].join(' ')

/** Looks links up in what was observed; made once for all links of a pass. */
export const createLinkInspector = (desired: DesiredState, actual: ActualState) => {
  const ports = new Map(actual.ports.map((port) => [port.name, port]))
  const wires = new Map(actual.wires.map((wire) => [wire.port, wire]))
  const flows = new Set(actual.flows.map(flowKey))
  const wanted = new Map<string, DesiredFlow[]>()
  const takesNew = takesNewConnections(desired, actual, () => false)
  for (const whole of desired.flows) {
    // A replica that is not there is told by its interface; one that gets no new connections is as it shall be.
    const flow = withReplicas(whole, () => true, takesNew)
    const key = `${flow.copy} ${flow.link}`
    wanted.set(key, [...(wanted.get(key) ?? []), flow])
  }

  const endProblem = (end: PlannedEnd): string | undefined => {
    if (end.port === undefined || end.skipped !== undefined) return undefined
    const name = end.replica > 0 ? `${end.reference} of replica ${end.replica}` : end.reference
    const wire = wires.get(end.port)
    if (wire?.inner === undefined) return `interface ${name} is not there`
    if (!wire.up || !wire.inner.up) return `interface ${name} is down`
    if (end.address !== undefined && !wire.inner.addresses.includes(end.address)) {
      return `interface ${name} does not have its address ${end.address}`
    }
    const port = ports.get(end.port)
    if (port === undefined) return `interface ${name} is not on its switch`
    return port.ofport === undefined
      ? `the switch has no port number for ${name}: ${port.error ?? 'not yet'}`
      : undefined
  }

  /** Why frames do not pass over a link now; empty when they do. */
  return (link: PlannedLink): string => {
    if (link.skipped !== undefined) return link.skipped.text
    for (const end of link.endpoints) {
      const problem = endProblem(end)
      if (problem !== undefined) return problem
    }
    const rules = [link.id, ...link.carriedBy].flatMap((id) => wanted.get(`${link.copy} ${id}`) ?? [])
    const missing = rules.filter((flow) => !flows.has(flowKey(flow)))
    const [first] = missing
    if (first === undefined) return ''
    return `${missing.length} of ${rules.length} flow rules are missing, the first on ${first.bridge}: ${first.match}`
  }
}

/** Links as users see them. */
export const linkStatuses = (
  links: readonly PlannedLink[],
  inspect: (link: PlannedLink) => string,
): readonly LinkStatus[] =>
  links.map((link) => {
    const reason = inspect(link)
    return {
      id: link.id,
      copy: link.copy,
      type: link.type,
      subnet: link.subnet ?? null,
      vlan: link.vlan ?? null,
      endpoints: [...new Set(link.endpoints.map(({ reference }) => reference))],
      chained: reason === '',
      reason,
    }
  })
