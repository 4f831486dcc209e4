import { desireFabric } from '../../src/desired/fabric.ts'
import { emptyState } from '../../src/desired/desire.ts'
import type { DesireResult, Topology } from '../../src/desired/result.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { must, parseOwner } from '../../src/model/names.ts'
import { observe } from '../../src/observe/observe.ts'
import { calm, converge } from '../support/converge.ts'

/** The in-memory switch is the kernel's datapath. */
const policy = { ...calm, txOffloadBreaks: false }
const owner = must(parseOwner('sond'), 'sond')

/**
 * Brings a planned instance up on fresh in-memory engines and takes it down again. Gives what is not as planned: containers that
 * do not run, addresses and flow rules that are not there, anything left behind.
 */
export const differencesOnEngines = async (result: DesireResult, topology: Topology): Promise<readonly string[]> => {
  const engines = createMemoryEngines({ owner })
  const cookie = result.allocation?.cookie ?? 0
  const { desired } = result
  await converge(desireFabric({ owner, topology, needs: [result.fabric] }), engines, { cookie: 0, policy })
  await converge(desired, engines, { cookie, policy })
  const actual = await observe(desired, engines, cookie)
  const running = new Set(
    actual.containers.filter(({ state, gate }) => state === 'running' && gate !== 'closed').map(({ name }) => name),
  )
  const wires = new Map(actual.wires.map((wire) => [wire.port, wire.inner]))
  const flows = new Set(actual.flows.map(({ bridge, match, actions }) => `${bridge} ${match} ${actions}`))
  const missing = [
    ...desired.containers.filter(({ name }) => !running.has(name)).map(({ name }) => `container ${name} does not run`),
    ...desired.interfaces
      .filter(({ port, address }) => address !== undefined && wires.get(port)?.addresses.includes(address) !== true)
      .map(({ container, name, address }) => `${container} ${name} does not have ${String(address)}`),
    ...desired.flows
      .filter(({ bridge, match, actions }) => !flows.has(`${bridge} ${match} ${actions}`))
      .map(({ bridge, match, actions }) => `${bridge} has no rule ${match} ${actions}`),
  ]
  const surplus = actual.containers.length - desired.containers.length + (actual.flows.length - desired.flows.length)
  const gone = emptyState(desired.scope)
  await converge(gone, engines, { cookie, policy })
  const left = await observe(gone, engines, cookie)
  const rest = left.containers.length + left.wires.length + left.ports.length + left.flows.length + left.natRules.length
  return [
    ...missing,
    ...(surplus === 0 ? [] : [`${String(surplus)} containers or rules too many`]),
    ...(rest === 0 ? [] : [`${String(rest)} objects are left after it was taken down`]),
  ]
}
