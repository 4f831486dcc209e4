import type { ObservedWire } from '../model/actual.ts'
import type { DesiredInterface } from '../model/desired.ts'
import { parseCidr, type Cidr } from '../model/names.ts'
import { externalIds, type Owned } from '../model/ownership.ts'
import type { Draft } from './draft.ts'
import { restarts, runs } from './fates.ts'
import { stepId } from './ids.ts'
import type { Survey } from './survey.ts'

type Inner = NonNullable<ObservedWire['inner']>

type Place = { readonly inner: Inner; readonly up: boolean } | { readonly wrong: string }

/** Whether the pair is where it shall be, or why it must be made anew. */
const placeOf = (desired: DesiredInterface, wire: ObservedWire | undefined): Place => {
  if (wire === undefined) return { wrong: 'interface is missing' }
  const { inner, up } = wire
  if (inner === undefined) return { wrong: 'its inner end is not in the container' }
  if (inner.container !== desired.container) return { wrong: `its inner end is in ${inner.container}` }
  if (inner.name !== desired.name) return { wrong: `its inner end is named ${inner.name}` }
  return { inner, up }
}

/** The address that was ours on this interface, as its port still tells, when it is another now. */
const staleAddress = (desired: DesiredInterface, inner: Inner, { ports }: Survey): Cidr | undefined => {
  const before = parseCidr(ports.get(desired.port)?.externalIds[externalIds.address] ?? '')
  return before !== undefined && before !== desired.address && inner.addresses.includes(before) ? before : undefined
}

/** What is not as it shall be on a pair that is where it shall be. */
const unsettled = (
  desired: DesiredInterface,
  up: boolean,
  inner: Inner,
  stale: Cidr | undefined,
  txOffloadBreaks: boolean,
): string | undefined => {
  if (stale !== undefined) return `address ${stale} → ${desired.address ?? 'none'}`
  if (desired.address !== undefined && !inner.addresses.includes(desired.address)) {
    return `address ${desired.address} is missing`
  }
  if (inner.mac !== desired.mac) return `MAC address ${inner.mac} → ${desired.mac}`
  if (!inner.up) return 'interface is down'
  if (!up) return 'its outer end is down'
  if (inner.txOffload && txOffloadBreaks) return 'transmit checksum offload is on'
  return undefined
}

const planWire = (draft: Draft, survey: Survey, desired: DesiredInterface): void => {
  const { container, port } = desired
  const anew: Place = { wrong: 'container starts without it' }
  const place = restarts(survey.fates.get(container)) ? anew : placeOf(desired, survey.wires.get(port))
  const after = [stepId.start(container)]
  const serves = { containers: [container], links: survey.linksOfPort(port) }
  if ('wrong' in place) {
    after.push(...squatters(draft, survey, desired))
    draft.add({ kind: 'createWire', id: stepId.wire(port), interface: desired, after, cause: place.wrong, serves })
    return
  }
  const stale = staleAddress(desired, place.inner, survey)
  const cause = unsettled(desired, place.up, place.inner, stale, survey.policy.txOffloadBreaks)
  if (cause === undefined) return
  const old = stale === undefined ? [] : [stale]
  const id = stepId.configure(port)
  draft.add({ kind: 'configureWire', id, interface: desired, stale: old, after, cause, serves })
}

/** Wires that no one wants any more and that have, in the same container, the name this interface needs: they go first. */
const squatters = (draft: Draft, survey: Survey, desired: DesiredInterface): readonly string[] =>
  unwantedWires(survey)
    .filter(({ inner }) => inner?.container === desired.container && inner.name === desired.name)
    .map((wire) => {
      const id = stepId.removeWire(wire.port)
      return draft.has(id)
        ? id
        : draft.add({ kind: 'removeWire', id, wire, cause: `its name is wanted for ${desired.port}` })
    })

/** Wires of this scope that no one wants any more. */
export const unwantedWires = (survey: Survey): readonly Owned<ObservedWire>[] =>
  survey.actual.wires.filter(({ port }) => !survey.desiredDevices.has(port))

/** An interface can be had in this plan: its container runs in the end, and nothing foreign has its name. */
export const canHaveWire = ({ fates, isBlocked }: Survey, { container, port }: DesiredInterface): boolean =>
  runs(fates.get(container)) && !isBlocked.port(port)

/** Interfaces of containers. A container that starts needs all of its own again. */
export const planWires = (draft: Draft, survey: Survey): void => {
  for (const desired of survey.desired.interfaces) if (canHaveWire(survey, desired)) planWire(draft, survey, desired)
}
