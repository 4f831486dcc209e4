import type { ActualState } from '../model/actual.ts'
import type { DesiredState } from '../model/desired.ts'
import type { Plan, PlanPolicy } from '../model/plan.ts'
import { planBridges } from './bridges.ts'
import { planContainers, planImages, planStopScripts } from './containers.ts'
import { createDraft } from './draft.ts'
import { planEarlyFlows, planFlows } from './flows.ts'
import { planGates, planStartScripts } from './gates.ts'
import { planPorts } from './ports.ts'
import { planRemovals } from './removals.ts'
import { survey } from './survey.ts'
import { planNewShapes, planTrunks } from './trunks.ts'
import { planWires } from './wires.ts'

/**
 * The steps from what is to what shall be, each with its cause; empty when nothing differs. Pure: the same arguments give the
 * same plan.
 */
export const plan = (desired: DesiredState, actual: ActualState, policy: PlanPolicy): Plan => {
  const draft = createDraft()
  const facts = survey(desired, actual, policy, draft)
  planImages(draft, facts)
  planBridges(draft, facts)
  planStopScripts(draft, facts)
  planEarlyFlows(draft, facts)
  planContainers(draft, facts)
  planTrunks(draft, facts)
  planWires(draft, facts)
  const ready = planPorts(draft, facts)
  planNewShapes(draft, facts)
  planGates(draft, facts)
  planFlows(draft, facts, ready)
  planStartScripts(draft, facts, ready)
  planRemovals(draft, facts)
  return { scope: desired.scope, steps: draft.steps, notices: draft.notices }
}
