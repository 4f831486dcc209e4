import type { PlannedEnd, PlannedLink } from '../desired/result.ts'
import type { ActualState } from '../model/actual.ts'
import type { DesiredFlow } from '../model/desired.ts'
import type { LinkStatus, SapStatus } from '../model/status.ts'
import type { SummaryInput } from './input.ts'

const endText = ({ reference, vnf, replica, interface: name, address }: PlannedEnd): string => {
  const end = name === undefined ? reference : `${vnf}${replica === 0 ? '' : `#${replica}`}:${name}`
  return address === undefined ? end : `${end} ${address}`
}

const flowKey = ({ bridge, cookie, priority, match, actions }: Omit<DesiredFlow, 'copy' | 'link' | 'needs'>): string =>
  [bridge, cookie, priority, match, actions].join('|')

/** Why a planned link carries nothing now; undefined when all of it was seen. */
const missing = (link: PlannedLink, flows: readonly DesiredFlow[], actual: ActualState): string | undefined => {
  const live = new Set(actual.ports.filter(({ ofport, error }) => (ofport ?? 0) > 0 && error === undefined).map(({ name }) => name))
  const dead = link.endpoints.find(({ port, skipped }) => port !== undefined && skipped === undefined && !live.has(port))
  if (dead !== undefined) return `${endText(dead)} is not attached to its switch`
  const carriers = new Set([link.id, ...link.carriedBy])
  const there = new Set(actual.flows.map(flowKey))
  const wanted = flows.filter((flow) => flow.copy === link.copy && carriers.has(flow.link))
  const lost = wanted.filter((flow) => !there.has(flowKey(flow))).length
  return lost === 0 ? undefined : `${lost} of ${wanted.length} flow rules are missing`
}

const linkStatus = (link: PlannedLink, input: SummaryInput): LinkStatus => {
  const reason =
    link.skipped?.text ??
    (input.convergence === undefined
      ? 'not looked at'
      : missing(link, input.result?.desired.flows ?? [], input.convergence.actual))
  return {
    id: link.id,
    copy: link.copy,
    type: link.type,
    subnet: link.subnet ?? null,
    vlan: link.vlan ?? null,
    endpoints: link.endpoints.map(endText),
    chained: reason === undefined,
    reason: reason ?? '',
  }
}

export const linkStatuses = (input: SummaryInput): readonly LinkStatus[] =>
  (input.result?.links ?? []).map((link) => linkStatus(link, input))

export const sapStatuses = (input: SummaryInput): readonly SapStatus[] =>
  (input.result?.saps ?? []).map(({ name, copy, type, dataCenter, address, subnet }) => ({
    name,
    copy,
    type,
    dataCenter: dataCenter ?? null,
    address: address ?? null,
    subnet: subnet ?? null,
  }))
