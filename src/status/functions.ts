import type { PlannedFunction, PlannedInterface } from '../desired/result.ts'
import type { ObservedContainer } from '../model/actual.ts'
import type { FunctionStatus } from '../model/status.ts'
import type { SummaryInput } from './input.ts'

type Interface = FunctionStatus['interfaces'][number]

const plannedInterface = (planned: PlannedInterface): Interface => ({
  name: planned.name,
  ...(planned.declared === planned.name ? {} : { declared: planned.declared }),
  address: planned.address ?? null,
  mac: planned.mac,
  switchPort: planned.port,
  link: planned.link ?? null,
})

const containerStatus = (
  seen: ObservedContainer | undefined,
  restarts: SummaryInput['restarts'],
): FunctionStatus['container'] =>
  seen === undefined
    ? null
    : {
        id: seen.id,
        name: seen.name,
        image: seen.image,
        state: seen.state === 'running' && seen.gate === 'closed' ? 'waiting' : seen.state,
        restarts: restarts(seen.name),
      }

const plannedFunction = (planned: PlannedFunction, input: SummaryInput): FunctionStatus => {
  const seen = input.convergence?.actual.containers.find(({ name }) => name === planned.container)
  const problem = planned.problem ?? input.convergence?.policy.heldBack.get(planned.container)
  return {
    vnfId: planned.vnf,
    ...(planned.vdu === '' ? {} : { vdu: planned.vdu }),
    copy: planned.copy,
    replica: planned.replica,
    container: containerStatus(seen, input.restarts),
    dataCenter: planned.dataCenter ?? null,
    interfaces: planned.interfaces.map(plannedInterface),
    ...(problem === undefined ? {} : { problem }),
  }
}

/** What is there of an instance that shall have nothing, or whose package is not known. */
const strayFunction = (seen: ObservedContainer, restarts: SummaryInput['restarts']): FunctionStatus => ({
  vnfId: seen.vnf,
  ...(seen.vdu === '' ? {} : { vdu: seen.vdu }),
  copy: seen.copy,
  replica: seen.replica,
  container: containerStatus(seen, restarts),
  dataCenter: null,
  interfaces: [],
})

/** Functions of all copies; access points that are containers count as functions only under `saps`. */
export const functionStatuses = (input: SummaryInput): readonly FunctionStatus[] => {
  const { result, convergence, previous } = input
  if (result !== undefined)
    return result.functions.filter(({ role }) => role === 'vnf').map((planned) => plannedFunction(planned, input))
  if (convergence !== undefined)
    return convergence.actual.containers
      .filter(({ role }) => role === 'vnf')
      .map((seen) => strayFunction(seen, input.restarts))
  return previous?.functions ?? []
}
