import type { ObservedFlow } from '../model/actual.ts'
import type { DesiredFlow } from '../model/desired.ts'
import type { BridgeName, LinkId, PortName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { FlowChange } from '../model/plan.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import type { ReadyPorts } from './ports.ts'
import { flowToHave, portsOfFlow } from './replicas.ts'
import { createSpread, type Spread } from './spread.ts'
import type { Survey } from './survey.ts'

type Flow = DesiredFlow | Owned<ObservedFlow>
type Reason = 'missing' | 'altered' | 'over a new port' | 'extra'
interface Change extends FlowChange {
  readonly reason: Reason
  readonly link?: LinkId
  /** What this change waits for that others on the switch should not; empty = nothing of that kind. */
  readonly late: string
}

/** A switch has one rule of a match and priority. */
const place = (flow: Flow): string => `${flow.priority} ${flow.match}`
const whole = (flow: Flow): string => `${place(flow)} ${flow.actions} ${flow.cookie}`

/** Ports of these containers come only when an image has been fetched, which can take minutes, or belong to another scope, which can fail. */
const lateness = (survey: Survey): ((ports: readonly PortName[]) => string) => {
  const containers = new Map(survey.desired.interfaces.map((one) => [one.port, one.container]))
  return (ports) => {
    const reasons = ports.map((port) => {
      const container = containers.get(port)
      if (container !== undefined) return survey.imageStep(container) ?? ''
      return survey.desiredPorts.has(port) ? '' : 'fabric'
    })
    return [...new Set(reasons.filter((reason) => reason !== ''))].sort().join('+')
  }
}

/**
 * Rules that no one wants, and those of a replica that is lost alone. Else one in the place of a rule that cannot be had now stays: it
 * serves what is left of its link.
 */
const removalsOn = (
  bridge: BridgeName,
  { desired, actual }: Survey,
  isLost: Spread['isLost'] = () => false,
): readonly Change[] => {
  const stays = (flow: DesiredFlow): boolean => flow.bridge === bridge && !flow.needs.some(isLost)
  const kept = new Set(desired.flows.filter(stays).map(place))
  return actual.flows
    .filter((flow) => flow.bridge === bridge && !kept.has(place(flow)))
    .map((flow) => ({ op: 'remove', flow, after: [], reason: 'extra', late: '' }))
}

const addsOn = (
  bridge: BridgeName,
  survey: Survey,
  draft: Draft,
  { isThere, before }: Spread,
  lateOf: (ports: readonly PortName[]) => string,
): readonly Change[] => {
  const desired = survey.desired.flows.filter((flow) => flow.bridge === bridge)
  const observed = survey.actual.flows.filter((flow) => flow.bridge === bridge)
  const [there, places] = [new Set(observed.map(whole)), new Set(observed.map(place))]
  const adds = desired.flatMap((wanted): readonly Change[] => {
    const flow = flowToHave(wanted, isThere, survey.takesNew)
    if (flow === undefined) return []
    const ports = portsOfFlow(flow)
    const isRewired = ports.some((port) => draft.has(stepId.wire(port)))
    if (there.has(whole(flow)) && !isRewired) return []
    const reason = there.has(whole(flow)) ? 'over a new port' : places.has(place(flow)) ? 'altered' : 'missing'
    const after = [...new Set(ports.flatMap(before))]
    return [{ op: 'add', flow, after, reason, link: flow.link, late: lateOf(ports) }]
  })
  return adds
}

const causeOf = (changes: readonly Change[]): string =>
  (['missing', 'altered', 'over a new port', 'extra'] as const)
    .map((reason) => [changes.filter((change) => change.reason === reason).length, reason] as const)
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `${count} ${reason}`)
    .join(', ')

/** Ports of this scope that will not be on their switch any more. */
const leavingPorts = ({ desired, desiredPorts, actual }: Survey): Survey['actual']['ports'] => {
  const ends = [...desired.patches, ...desired.trunks].flatMap((one) => one.ends)
  const wanted = new Map([...desired.interfaces, ...ends].map(({ port, bridge }) => [port, bridge]))
  return actual.ports.filter(({ name, bridge }) => !desiredPorts.has(name) || wanted.get(name) !== bridge)
}

/**
 * A switch is searched for an instance's flows while a port of the instance is on it, and a flow is removed by the names of its
 * ports while these have devices. So where ports move, or go from a container that is made anew, the rules that shall not stay
 * behind go before; everywhere else they go in one bundle with what replaces them.
 */
export const planEarlyFlows = (draft: Draft, survey: Survey): void => {
  const { desired, desiredPorts, fates, imageStep } = survey
  const anew = desired.containers.map(({ name }) => name).filter((name) => fates.get(name)?.kind === 'recreate')
  const leaving = leavingPorts(survey).filter(({ name }) => anew.length > 0 || desiredPorts.has(name))
  for (const bridge of [...new Set(leaving.map((port) => port.bridge))].sort()) {
    const removals = removalsOn(bridge, survey)
    if (removals.length === 0) continue
    draft.add({
      kind: 'changeFlows',
      id: stepId.earlyFlows(bridge),
      bridge,
      changes: removals.map(({ op, flow, after }) => ({ op, flow, after })),
      afterEnd: [stepId.stopScripts(), ...anew.map(imageStep)],
      cause: `${causeOf(removals)}, before their ports go`,
    })
  }
}

/**
 * One bundle per switch; a rule that is right is in none. Rules that wait for an image or for another scope come in bundles of
 * their own, after the first, so that no other link waits with them.
 */
export const planFlows = (draft: Draft, survey: Survey, ready: ReadyPorts): void => {
  const lateOf = lateness(survey)
  const { desired, actual, isBlocked } = survey
  const spread = createSpread(draft, survey, ready)
  const bridges = new Set([...desired.flows, ...actual.flows].map((flow) => flow.bridge))
  for (const bridge of [...bridges].sort()) {
    if (isBlocked.bridge(bridge)) continue
    const removals = draft.has(stepId.earlyFlows(bridge)) ? [] : removalsOn(bridge, survey, spread.isLost)
    const changes = [...removals, ...addsOn(bridge, survey, draft, spread, lateOf)]
    for (const late of [...new Set(changes.map((change) => change.late))].sort()) {
      const mine = changes.filter((change) => change.late === late)
      const links = [...new Set(mine.flatMap((change) => change.link ?? []))]
      draft.add({
        kind: 'changeFlows',
        id: stepId.flows(bridge, late),
        bridge,
        changes: mine.map(({ op, flow, after }) => ({ op, flow, after })),
        after: [stepId.bridge(bridge)],
        afterEnd: [
          ...mine.flatMap((change) => change.after),
          mine.some((change) => change.op === 'remove') ? stepId.stopScripts() : undefined,
          stepId.flows(bridge),
        ],
        cause: causeOf(mine),
        serves: { links },
      })
    }
  }
}
