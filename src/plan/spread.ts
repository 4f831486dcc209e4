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
  /** A step of its replica has failed a moment ago: connections that it has go by the others. */
  readonly isLost: (port: PortName) => boolean
}

interface Replica {
  readonly steps: readonly StepId[]
  /** Both ways of a connection pass one replica: with one interface alone it is of no use. */
  readonly isWhole: boolean
  readonly isLost: boolean
}

/** Ports of replicas that connections are spread over. */
const sharedPorts = ({ desired, interfacesOf }: Survey): ReadonlyMap<ContainerName, readonly PortName[]> => {
  const shared = new Set(desired.flows.flatMap(({ replicas }) => replicas ?? []).flat())
  const containers = new Set(desired.interfaces.flatMap(({ port, container }) => (shared.has(port) ? [container] : [])))
  const portsOf = (container: ContainerName): readonly PortName[] =>
    interfacesOf(container).flatMap(({ port }) => (shared.has(port) ? [port] : []))
  return new Map([...containers].map((container) => [container, portsOf(container)]))
}

export const createSpread = (draft: Draft, survey: Survey, ready: ReadyPorts): Spread => {
  const { desiredPorts, policy } = survey
  const planned = (...ids: readonly (StepId | undefined)[]): readonly StepId[] =>
    ids.flatMap((id) => (id !== undefined && draft.has(id) ? [id] : []))
  const replicas = new Map<PortName, Replica>()
  for (const [container, ports] of sharedPorts(survey)) {
    // Behind a closed gate there is no program; nor does a paused one take anything.
    const life = [stepId.unpause(container), stepId.gate(container)]
    const steps = planned(...life, ...ports.map((port) => ready.get(port)))
    const isLost = steps.some((id) => policy.failedSteps?.has(id))
    const replica = { steps, isLost, isWhole: !isLost && ports.every((port) => ready.has(port)) }
    for (const port of ports) replicas.set(port, replica)
  }
  return {
    isThere: (port) => replicas.get(port)?.isWhole ?? (ready.has(port) || !desiredPorts.has(port)),
    before: (port) => replicas.get(port)?.steps ?? planned(ready.get(port)),
    isLost: (port) => replicas.get(port)?.isLost ?? false,
  }
}
