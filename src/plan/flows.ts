import type { ObservedFlow } from '../model/actual.ts'
import type { DesiredFlow } from '../model/desired.ts'
import type { BridgeName, LinkId, PortName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { FlowChange } from '../model/plan.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import type { ReadyPorts } from './ports.ts'
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

const changesOn = (
  bridge: BridgeName,
  survey: Survey,
  draft: Draft,
  ready: ReadyPorts,
  lateOf: (ports: readonly PortName[]) => string,
): readonly Change[] => {
  const desired = survey.desired.flows.filter((flow) => flow.bridge === bridge)
  const observed = survey.actual.flows.filter((flow) => flow.bridge === bridge)
  const [there, places] = [new Set(observed.map(whole)), new Set(observed.map(place))]
  const wanted = new Set(desired.map(whole))
  const adds = desired.flatMap((flow): readonly Change[] => {
    const { needs, link } = flow
    if (needs.some((port) => survey.desiredPorts.has(port) && !ready.has(port))) return []
    const isRewired = needs.some((port) => draft.has(stepId.wire(port)))
    if (there.has(whole(flow)) && !isRewired) return []
    const reason = there.has(whole(flow)) ? 'over a new port' : places.has(place(flow)) ? 'altered' : 'missing'
    const after = needs.flatMap((port) => ready.get(port) ?? [])
    return [{ op: 'add', flow, after, reason, link, late: lateOf(needs) }]
  })
  // A rule in the place of one that cannot be had now stays: it serves what is left of the link.
  const kept = new Set(desired.map(place))
  const removes = observed
    .filter((flow) => !wanted.has(whole(flow)) && !kept.has(place(flow)))
    .map((flow): Change => ({ op: 'remove', flow, after: [], reason: 'extra', late: '' }))
  return [...removes, ...adds]
}

const causeOf = (changes: readonly Change[]): string =>
  (['missing', 'altered', 'over a new port', 'extra'] as const)
    .map((reason) => [changes.filter((change) => change.reason === reason).length, reason] as const)
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `${count} ${reason}`)
    .join(', ')

/**
 * One bundle per switch; a rule that is right is in none. Rules that wait for an image or for another scope come in bundles of
 * their own, after the first, so that no other link waits with them.
 */
export const planFlows = (draft: Draft, survey: Survey, ready: ReadyPorts): void => {
  const lateOf = lateness(survey)
  const { desired, actual, isBlocked } = survey
  const bridges = new Set([...desired.flows, ...actual.flows].map((flow) => flow.bridge))
  for (const bridge of [...bridges].sort()) {
    if (isBlocked.bridge(bridge)) continue
    const changes = changesOn(bridge, survey, draft, ready, lateOf)
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
