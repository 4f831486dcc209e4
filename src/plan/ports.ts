import type { ObservedPort } from '../model/actual.ts'
import type { PatchEnd } from '../model/desired.ts'
import type { BridgeName, ContainerName, PortName } from '../model/names.ts'
import type { DesiredPort, StepId } from '../model/plan.ts'
import { portVlans } from '../model/vlans.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import { marksDrift } from './marks.ts'
import type { Survey } from './survey.ts'
import { markedEnd } from './trunks.ts'
import { canHaveWire } from './wires.ts'

interface WantedPort extends DesiredPort {
  readonly container?: ContainerName
  /** The link whose veth pair it stands on. */
  readonly trunk?: string
  /** A patch port has no number before its peer is there, so both come once there is a switch for each. */
  readonly peerBridge?: BridgeName
}

/** Ports that flows can count on, each with the step that makes it so, if any. */
export type ReadyPorts = ReadonlyMap<PortName, StepId | undefined>

/** The device under it is another at the end of the plan. */
const isNewDevice = (draft: Draft, port: PortName, trunk: string | undefined): boolean =>
  draft.has(stepId.wire(port)) || (trunk !== undefined && draft.has(stepId.trunk(trunk)))

const list = (numbers: readonly number[]): string => (numbers.length === 0 ? 'all' : numbers.join(','))

const drift = (desired: DesiredPort, actual: ObservedPort): string | undefined => {
  if (actual.bridge !== desired.bridge) return `bridge ${actual.bridge} → ${desired.bridge}`
  const kind = desired.peer === undefined ? 'system' : 'patch'
  if (actual.kind !== kind) return `port is of kind ${actual.kind}`
  if (actual.peer !== desired.peer) return `peer ${actual.peer ?? 'none'} → ${desired.peer ?? 'none'}`
  const { tag, trunks } = portVlans(desired)
  if (actual.tag !== tag) return `VLAN tag ${actual.tag ?? 'none'} → ${tag ?? 'none'}`
  if ([...actual.trunks].sort((a, b) => a - b).join() !== trunks.join()) {
    return `trunked VLANs ${list(actual.trunks)} → ${list(trunks)}`
  }
  if (actual.error !== undefined) return `the switch says: ${actual.error}`
  if ((actual.ofport ?? -1) < 1) return 'the switch has no number for it'
  return marksDrift(desired.externalIds, actual.externalIds)
}

const end = ({ port, bridge, vlan, trunks, externalIds }: PatchEnd): PatchEnd => ({
  port,
  bridge,
  ...(vlan === undefined ? {} : { vlan }),
  ...(trunks === undefined ? {} : { trunks }),
  externalIds,
})

/** Ports that can be had in this plan. */
const wantedPorts = (survey: Survey): readonly WantedPort[] => {
  const { desired, isBlocked } = survey
  const wanted: readonly WantedPort[] = [
    ...desired.interfaces
      .filter((one) => canHaveWire(survey, one))
      .map(({ port, bridge, vlan, externalIds, container }) => ({
        port,
        bridge,
        externalIds,
        container,
        ...(vlan === undefined ? {} : { vlan }),
      })),
    ...desired.patches.flatMap(({ ends: [a, b] }) => [
      { ...end(a), peer: b.port, peerBridge: b.bridge },
      { ...end(b), peer: a.port, peerBridge: a.bridge },
    ]),
    ...desired.trunks
      .filter(({ ends }) => !ends.some((one) => isBlocked.port(one.port)))
      .flatMap((trunk) => trunk.ends.map((one) => ({ ...markedEnd(trunk, end(one)), trunk: trunk.link }))),
  ]
  return wanted.filter(({ port, bridge }) => !isBlocked.port(port) && !isBlocked.bridge(bridge))
}

/** Ports after their devices. Gives those that are right at the end of the plan. */
export const planPorts = (draft: Draft, survey: Survey): ReadyPorts => {
  const ready = new Map<PortName, StepId | undefined>()
  for (const { container, trunk, peerBridge, ...port } of wantedPorts(survey)) {
    const there = survey.ports.get(port.port)
    const cause =
      (there === undefined ? 'port is missing' : drift(port, there)) ??
      (isNewDevice(draft, port.port, trunk) ? 'its device is made anew' : undefined)
    if (cause === undefined) {
      ready.set(port.port, undefined)
      continue
    }
    const links = survey.linksOfPort(port.port)
    const id = draft.add({
      kind: 'setPort',
      id: stepId.port(port.port),
      port,
      after: [
        stepId.bridge(port.bridge),
        peerBridge === undefined ? undefined : stepId.bridge(peerBridge),
        there === undefined || there.bridge === port.bridge ? undefined : stepId.earlyFlows(there.bridge),
        stepId.wire(port.port),
        stepId.configure(port.port),
        ...(trunk === undefined ? [] : [stepId.trunk(trunk), stepId.shape(trunk)]),
      ],
      cause,
      // Of a link's port the link alone: its containers run all the same.
      serves: { links, containers: links.length > 0 || container === undefined ? [] : [container] },
    })
    ready.set(port.port, id)
  }
  return ready
}
