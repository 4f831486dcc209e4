import type { ContainerName, PortName } from '../model/names.ts'
import type { StepId } from '../model/plan.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import type { ReadyPorts } from './ports.ts'
import type { Survey } from './survey.ts'

/** Which ports flows are planned over. One replica that fails must not keep connections from the others, nor get any itself. */
export interface Spread {
  readonly isThere: (port: PortName) => boolean
  /** Steps of this plan without which nothing shall pass over the port. */
  readonly before: (port: PortName) => readonly StepId[]
}

export const createSpread = (draft: Draft, survey: Survey, ready: ReadyPorts): Spread => {
  const { desired, desiredPorts, interfacesOf, policy } = survey
  const containers = new Map(desired.interfaces.map(({ port, container }) => [port, container]))
  const shared = new Set(desired.flows.flatMap(({ replicas }) => replicas ?? []).flat())
  const planned = (...ids: readonly (StepId | undefined)[]): readonly StepId[] =>
    ids.flatMap((id) => (id !== undefined && draft.has(id) ? [id] : []))
  /** Behind a closed gate there is no program; nor does a paused one take anything. */
  const life = (container: ContainerName): readonly StepId[] =>
    planned(stepId.unpause(container), stepId.gate(container))
  /** Both ways of a connection pass one replica: with one interface alone it is of no use. */
  const isWhole = (container: ContainerName): boolean => {
    const ports = interfacesOf(container).map(({ port }) => port)
    const steps = [...life(container), ...planned(...ports.map((port) => ready.get(port)))]
    return ports.every((port) => ready.has(port)) && !steps.some((id) => policy.failedSteps?.has(id))
  }
  const replicaAt = (port: PortName): ContainerName | undefined => (shared.has(port) ? containers.get(port) : undefined)
  return {
    isThere: (port) => {
      const replica = replicaAt(port)
      return replica === undefined ? ready.has(port) || !desiredPorts.has(port) : isWhole(replica)
    },
    before: (port) => {
      const replica = replicaAt(port)
      return [...planned(ready.get(port)), ...(replica === undefined ? [] : life(replica))]
    },
  }
}
