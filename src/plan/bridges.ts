import type { ObservedBridge } from '../model/actual.ts'
import type { DesiredBridge } from '../model/desired.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import { marksDrift } from './marks.ts'
import type { Survey } from './survey.ts'

const drift = (desired: DesiredBridge, actual: ObservedBridge): string | undefined => {
  if (!actual.live) return 'the switch has not taken it into its datapath'
  // In any other mode a bridge without flows would move frames by itself.
  if (actual.failMode !== 'secure') return `fail mode is ${actual.failMode === '' ? 'not set' : actual.failMode}`
  if (desired.address !== undefined && !actual.addresses.includes(desired.address)) {
    return `address ${desired.address} is missing`
  }
  return marksDrift(desired.externalIds, actual.externalIds) ?? ownPortDrift(desired, actual)
}

/** The port of its own device bears the same marks; one that an older daemon made bears the owner alone. */
const ownPortDrift = ({ name, externalIds }: DesiredBridge, { ownPortIds }: ObservedBridge): string | undefined => {
  const cause = marksDrift(externalIds, ownPortIds)
  return cause === undefined ? undefined : `own port ${name}: ${cause}`
}

/** Makes and mends switches, and translates the addresses of those that lead outside. */
export const planBridges = (draft: Draft, { desired, actual, isBlocked, linksOfBridge }: Survey): void => {
  const observed = new Map(actual.bridges.map((one) => [one.name, one]))
  for (const bridge of desired.bridges) {
    const { name } = bridge
    if (isBlocked.bridge(name)) continue
    const there = observed.get(name)
    const cause = there === undefined ? 'bridge is missing' : drift(bridge, there)
    const serves = { links: linksOfBridge(name) }
    if (cause !== undefined) {
      draft.add({
        kind: there === undefined ? 'createBridge' : 'updateBridge',
        id: stepId.bridge(name),
        bridge,
        cause,
        serves,
      })
    }
    const { nat } = bridge
    const rule = actual.natRules.find((one) => one.bridge === name && one.subnet === nat)
    // Whoever found the bridge gone may be about to take its rule away.
    if (nat === undefined || (rule !== undefined && rule.broken === undefined && there !== undefined)) continue
    draft.add({
      kind: 'addNat',
      id: stepId.addNat(name, nat),
      bridge: name,
      subnet: nat,
      after: [stepId.bridge(name)],
      cause: rule === undefined ? 'address translation is missing' : (rule.broken ?? 'bridge is missing'),
      serves,
    })
  }
}
