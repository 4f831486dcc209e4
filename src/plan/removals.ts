import { externalIds } from '../model/ownership.ts'
import type { ObservedBridge } from '../model/actual.ts'
import type { StepId } from '../model/plan.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import type { Survey } from './survey.ts'
import { unwantedWires } from './wires.ts'

const unwanted = 'no longer wanted'

/** Ports go after their flows: a port tells the instance's number, by which flows are found. */
const planPorts = (draft: Draft, { actual, desiredPorts }: Survey): readonly StepId[] =>
  actual.ports
    .filter(({ name }) => !desiredPorts.has(name))
    .map((port) =>
      draft.add({
        kind: 'removePort',
        id: stepId.removePort(port.name),
        port,
        after: [stepId.flows(port.bridge), stepId.earlyFlows(port.bridge), stepId.removeWire(port.name)],
        afterEnd: [stepId.stopScripts()],
        cause: unwanted,
      }),
    )

const planWires = (draft: Draft, survey: Survey): readonly StepId[] =>
  unwantedWires(survey)
    .filter(({ port }) => !draft.has(stepId.removeWire(port)))
    .map((wire) =>
      draft.add({
        kind: 'removeWire',
        id: stepId.removeWire(wire.port),
        wire,
        afterEnd: [stepId.stopScripts(), stepId.removePort(wire.port)],
        cause: unwanted,
      }),
    )

/** Data centers' switches belong to the fabric; an instance removes those of its own SAPs. */
const isInScope = ({ externalIds: ids }: ObservedBridge, { desired: { scope } }: Survey): boolean =>
  ids[externalIds.instance] === (scope.kind === 'instance' ? scope.instance : undefined)

const planBridges = (draft: Draft, survey: Survey): void => {
  const { actual, desired } = survey
  const nat = new Map(desired.bridges.map((bridge) => [bridge.name, bridge.nat]))
  for (const rule of actual.natRules) {
    const { bridge, subnet } = rule
    if (nat.get(bridge) === rule.subnet) continue
    draft.add({ kind: 'removeNat', id: stepId.removeNat(bridge, subnet), rule, cause: unwanted })
  }
  for (const bridge of actual.bridges) {
    const { name } = bridge
    if (nat.has(name) || !isInScope(bridge, survey)) continue
    const rules = actual.natRules.filter((rule) => rule.bridge === name)
    draft.add({
      kind: 'removeBridge',
      id: stepId.removeBridge(name),
      bridge,
      after: rules.map((rule) => stepId.removeNat(name, rule.subnet)),
      afterEnd: [
        stepId.flows(name),
        ...actual.ports.filter((port) => port.bridge === name).map((port) => stepId.removePort(port.name)),
      ],
      cause: unwanted,
    })
  }
}

/**
 * What goes, from the outside to the inside. Only what a later look needs to find the rest waits for success; all else goes on
 * whatever fails before it.
 */
export const planRemovals = (draft: Draft, survey: Survey): void => {
  // Nothing but its port shows that the device of a trunk is ours to remove: there the device goes first.
  const isFabric = survey.desired.scope.kind === 'fabric'
  const first = isFabric ? planWires(draft, survey) : planPorts(draft, survey)
  const second = isFabric ? planPorts(draft, survey) : planWires(draft, survey)
  for (const container of survey.going) {
    draft.add({
      kind: 'removeContainer',
      id: stepId.removeContainer(container.name),
      container,
      afterEnd: [stepId.stopScripts(), ...first, ...second],
      cause: unwanted,
      serves: { containers: [container.name] },
    })
  }
  planBridges(draft, survey)
}
