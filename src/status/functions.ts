import type { PlannedFunction, PlannedInterface, PlannedSap } from '../desired/result.ts'
import { codeOfEnd, type ObservedContainer } from '../model/actual.ts'
import { isFetching } from '../model/errors.ts'
import type { ContainerName } from '../model/names.ts'
import type { FunctionStatus, SapStatus } from '../model/status.ts'
import type { PassResult } from './input.ts'

/** Why a step failed, and when it is tried again where that is known. */
export const failureText = (error: Error, nextTry: string | undefined): string =>
  nextTry === undefined || isFetching(error) ? error.message : `${error.message}; next try at ${nextTry}`

/** Errors of the pass, by the containers they concern. */
export const failuresOf = ({
  outcomes,
  nextTry,
}: Pick<PassResult, 'outcomes' | 'nextTry'>): ReadonlyMap<ContainerName, string> => {
  const failures = new Map<ContainerName, string>()
  for (const outcome of outcomes) {
    for (const name of outcome.step.serves.containers) {
      if (outcome.result === 'failed') failures.set(name, failureText(outcome.error, nextTry))
      // What failed at first and was done in a later look is mended.
      if (outcome.result === 'done') failures.delete(name)
    }
  }
  return failures
}

const stateProblem = (observed: ObservedContainer): string | undefined => {
  switch (observed.state) {
    case 'running':
      return observed.gate === 'closed' ? 'its program waits for its interfaces' : undefined
    case 'exited':
    case 'dead':
      return `its program ended with ${codeOfEnd(observed)}`
    case 'created':
      return 'it is not started yet'
    case 'paused':
    case 'restarting':
    case 'removing':
      return `it is ${observed.state}`
  }
}

/** Why a container that shall run does not, or not as it should; undefined when it runs and its program was let go. */
export const containerProblem = (
  name: ContainerName,
  observed: ObservedContainer | undefined,
  pass: Pick<PassResult, 'policy' | 'outcomes' | 'nextTry'>,
): string | undefined => {
  const state = observed === undefined ? 'it is not there yet' : stateProblem(observed)
  if (state === undefined) return undefined
  const [held, failed] = [pass.policy.heldBack.get(name), failuresOf(pass).get(name)]
  // What is left to do in one that runs is tried when the steps are; a start waits for its own time.
  return (observed?.state === 'running' ? (failed ?? held) : (held ?? failed)) ?? state
}

/** It runs, and its image's own check says that it does not work. */
export const healthProblem = (observed: ObservedContainer | undefined): string | undefined =>
  observed?.state === 'running' && observed.health === 'unhealthy' ? 'its health check fails' : undefined

const interfaceStatus = (one: PlannedInterface): FunctionStatus['interfaces'][number] => ({
  name: one.name,
  ...(one.declared === one.name ? {} : { declared: one.declared }),
  address: one.address ?? null,
  mac: one.mac,
  switchPort: one.port,
  link: one.link ?? null,
})

/** The interface on Docker's own bridge, which has no port on a switch of ours. */
const managementStatus = (
  { management: name }: PlannedFunction,
  found: ObservedContainer | undefined,
): FunctionStatus['interfaces'] =>
  name === undefined
    ? []
    : [
        {
          name,
          address: found?.management?.address ?? null,
          mac: found?.management?.mac ?? '',
          switchPort: '',
          link: null,
        },
      ]

/** A start script that failed leaves its function running: whoever wrote it knows whether that matters. */
const scriptProblem = (
  found: ObservedContainer | undefined,
  { policy }: Pick<PassResult, 'policy'>,
): string | undefined => {
  const start = found?.scripts.start
  if (found === undefined || start?.run !== 'done' || start.exitCode === undefined || start.exitCode === 0)
    return undefined
  const said = `its start script (SON_EMU_CMD) ended with code ${start.exitCode}`
  return policy.failedScripts?.get(found.name)?.reason ?? said
}

/** Functions as users see them: those planned, with what was observed of each. SAPs' containers are told as SAPs. */
export const functionStatuses = (
  planned: readonly PlannedFunction[],
  pass: PassResult | undefined,
  restarts: (name: ContainerName) => number,
): readonly FunctionStatus[] => {
  const observed = new Map(pass?.actual.containers.map((one) => [one.name, one]))
  // A container that runs may still have something about it that failed: a limit, an interface.
  const failures = failuresOf(pass ?? { outcomes: [] })
  return planned
    .filter(({ role }) => role === 'vnf')
    .map((one) => {
      const found = observed.get(one.container)
      const problem =
        one.problem ??
        (pass &&
          (containerProblem(one.container, found, pass) ??
            healthProblem(found) ??
            failures.get(one.container) ??
            scriptProblem(found, pass)))
      return {
        vnfId: one.vnf,
        ...(one.vdu === '' ? {} : { vdu: one.vdu }),
        copy: one.copy,
        replica: one.replica,
        container:
          found === undefined
            ? null
            : {
                id: found.id,
                name: found.name,
                image: found.image,
                state: found.state,
                restarts: restarts(found.name),
                ...(found.health === undefined ? {} : { health: found.health }),
              },
        dataCenter: one.dataCenter ?? null,
        interfaces: [...one.interfaces.map(interfaceStatus), ...managementStatus(one, found)],
        ...(problem === undefined ? {} : { problem }),
      }
    })
}

export const sapStatuses = (planned: readonly PlannedSap[]): readonly SapStatus[] =>
  planned.map(({ name, copy, type, dataCenter, address, subnet }) => ({
    name,
    copy,
    type,
    dataCenter: dataCenter ?? null,
    address: address ?? null,
    subnet: subnet ?? null,
  }))
