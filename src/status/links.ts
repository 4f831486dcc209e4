import type { PlannedEnd, PlannedLink, Skip } from '../desired/result.ts'
import type { ActualState, ObservedFlow } from '../model/actual.ts'
import type { DesiredFlow, DesiredState } from '../model/desired.ts'
import type { LinkStatus } from '../model/status.ts'
import { takesNewConnections } from '../plan/health.ts'
import { withoutPorts, withReplicas } from '../plan/replicas.ts'
import { sentences } from './conditions.ts'

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

/** How a link is: `reason` tells why frames do not pass, or, where they do, which replica has no part in it. */
type LinkState = Pick<LinkStatus, 'chained' | 'reason'>

/** What is wrong with an end of a link; undefined where nothing is, or the end is no interface. */
type EndLook = (end: PlannedEnd) => string | undefined

const endLook = ({ ports: allPorts, wires: allWires }: ActualState): EndLook => {
  const ports = new Map(allPorts.map((port) => [port.name, port]))
  const wires = new Map(allWires.map((wire) => [wire.port, wire]))
  return (end) => {
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
}

interface Replicas {
  /** Connections are spread over it. */
  readonly isShared: (end: PlannedEnd) => boolean
  /** Why a replica's port has no part in that: one of its own is not on the switch, or its program does not run. */
  readonly out: ReadonlyMap<string, string>
  /** Nothing comes out there, whatever a rule says: the switch skips a member that is down, and a number that no port has any more. */
  readonly isDead: (port: string) => boolean
}

const replicasOf = (desired: DesiredState, actual: ActualState): Replicas => {
  const shared = new Set<string>(desired.flows.flatMap(({ replicas }) => replicas ?? []).flat())
  const live = new Set(
    actual.containers.flatMap(({ name, state, gate }) => (state === 'running' && gate !== 'closed' ? [name] : [])),
  )
  const wired = new Set(actual.wires.flatMap(({ port, inner }) => (inner === undefined ? [] : [port])))
  const attached = new Set(actual.ports.flatMap(({ name, ofport }) => (ofport === undefined ? [] : [name])))
  const theirs = desired.interfaces.filter(({ port }) => shared.has(port))
  const off = theirs.filter(({ port }) => !wired.has(port) || !attached.has(port))
  const halved = new Set(off.map(({ container }) => container))
  const out = new Map<string, string>()
  const dead = new Set<string>(off.map(({ port }) => port))
  for (const { port, container } of theirs) {
    if (!live.has(container)) {
      out.set(port, 'its program does not run')
      dead.add(port)
    } else if (halved.has(container)) out.set(port, 'another of its interfaces is not on its switch')
  }
  return {
    isShared: ({ port }) => port !== undefined && shared.has(port),
    out,
    isDead: (port) => dead.has(port) || /^\d+$/u.test(port),
  }
}

const whichOf = ({ reference, replica }: PlannedEnd): string => `interface ${reference} of replica ${replica}`

/**
 * Of all replicas of one end, or of an end that is one alone: what keeps frames from passing, or which of them has no part. One that
 * is broken and gets connections all the same loses them.
 */
const endState = (
  ends: readonly PlannedEnd[],
  look: EndLook,
  { isShared, out }: Replicas,
): { readonly broken?: string; readonly lacking?: string } => {
  const problems = ends.map(look)
  const whyOut = ({ port }: PlannedEnd): string | undefined => (port === undefined ? undefined : out.get(port))
  const isOut = (end: PlannedEnd): boolean => whyOut(end) !== undefined
  const idle = ends.flatMap((end, index) => {
    const why = whyOut(end)
    return why === undefined ? [] : [problems[index] ?? `${whichOf(end)} has no part: ${why}`]
  })
  const [first] = [...problems.flatMap((problem) => problem ?? []), ...idle]
  if (first === undefined) return {}
  const serves = ends.some((end, index) => isShared(end) && problems[index] === undefined && !isOut(end))
  const loses = ends.some((end, index) => problems[index] !== undefined && !isOut(end))
  return serves && !loses ? { lacking: first } : { broken: first }
}

/** Looks links up in what was observed; made once for all links of a pass. */
export const createLinkInspector = (desired: DesiredState, actual: ActualState): ((link: PlannedLink) => LinkState) => {
  const look = endLook(actual)
  const replicas = replicasOf(desired, actual)
  const { isShared, out, isDead } = replicas
  const serving = ({ bridge, cookie, priority, match, actions }: ObservedFlow | DesiredFlow): string =>
    [bridge, cookie, priority, match, out.size === 0 ? actions : withoutPorts(actions, isDead)].join(' ')
  const flows = new Set(actual.flows.map(serving))
  const wanted = new Map<string, DesiredFlow[]>()
  const takesNew = takesNewConnections(desired, actual, () => false)
  for (const whole of desired.flows) {
    if (whole.needs.some((port) => out.has(port))) continue
    const flow = withReplicas(whole, (port) => !out.has(port), takesNew)
    const key = `${flow.copy} ${flow.link}`
    wanted.set(key, [...(wanted.get(key) ?? []), flow])
  }

  return (link) => {
    if (link.skipped !== undefined) return { chained: false, reason: link.skipped.text }
    const nameOf = (end: PlannedEnd): string => (isShared(end) ? end.reference : `${end.reference} ${end.replica}`)
    const ends = [...Map.groupBy(link.endpoints, nameOf).values()].map((group) => endState(group, look, replicas))
    const [broken] = ends.flatMap((end) => end.broken ?? [])
    if (broken !== undefined) return { chained: false, reason: broken }
    const rules = [link.id, ...link.carriedBy].flatMap((id) => wanted.get(`${link.copy} ${id}`) ?? [])
    const missing = rules.filter((flow) => !flows.has(serving(flow)))
    const [first] = missing
    if (first === undefined) return { chained: true, reason: sentences(ends.flatMap(({ lacking }) => lacking ?? [])) }
    const reason = `${missing.length} of ${rules.length} flow rules are missing, the first on ${first.bridge}: ${first.match}`
    return { chained: false, reason }
  }
}

/** Links as users see them. */
export const linkStatuses = (
  links: readonly PlannedLink[],
  inspect: (link: PlannedLink) => LinkState,
): readonly LinkStatus[] =>
  links.map((link) => ({
    id: link.id,
    copy: link.copy,
    type: link.type,
    subnet: link.subnet ?? null,
    vlan: link.vlan ?? null,
    endpoints: [...new Set(link.endpoints.map(({ reference }) => reference))],
    ...inspect(link),
  }))
