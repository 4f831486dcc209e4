import { codeOfEnd, type ObservedContainer } from '../model/actual.ts'
import type { DesiredContainer } from '../model/desired.ts'
import { assertNever } from '../model/errors.ts'
import type { PlanNotice } from '../model/plan.ts'
import type { Owned } from '../model/ownership.ts'

/** What becomes of a desired container in this plan. */
export type Fate =
  /** It runs, or is only paused, and stays. */
  | { readonly kind: 'keep'; readonly actual: Owned<ObservedContainer> }
  | { readonly kind: 'start'; readonly actual: Owned<ObservedContainer>; readonly cause: string }
  | { readonly kind: 'create'; readonly cause: string }
  | { readonly kind: 'recreate'; readonly actual: Owned<ObservedContainer>; readonly cause: string }
  /** It does not run, and nothing can be done about it now. */
  | { readonly kind: 'wait' }

export type Running = Extract<Fate, { readonly kind: 'keep' | 'start' | 'create' | 'recreate' }>

/** It runs at the end of the plan. */
export const runs = (fate: Fate | undefined): fate is Running => fate !== undefined && fate.kind !== 'wait'

/** A new run begins: everything inside it must be made again. */
export const restarts = (fate: Fate | undefined): boolean => runs(fate) && fate.kind !== 'keep'

/** Of a stamp `VERSION:HASH` or `VERSION-HASH`. */
const versionOf = (specHash: string): string => /^([^:-]*)[:-]/.exec(specHash)?.[1] ?? ''
const short = (specHash: string): string => specHash.slice(0, versionOf(specHash).length + 9)

/**
 * Why the container must be made anew; undefined when it need not. Stamps of another version cannot be compared: then only
 * what the engine shows counts, so that an upgrade recreates nothing.
 */
const definitionDrift = (desired: DesiredContainer, actual: ObservedContainer): string | undefined => {
  if (desired.specHash === actual.specHash) return undefined
  if (desired.image !== actual.image) return `image changed: ${actual.image} → ${desired.image}`
  if (versionOf(desired.specHash) === versionOf(actual.specHash)) {
    return `definition changed (${short(actual.specHash)} → ${short(desired.specHash)})`
  }
  return desired.network.kind === actual.network
    ? undefined
    : `network changed: ${actual.network} → ${desired.network.kind}`
}

const unreadOf = ({ unread }: ObservedContainer): string =>
  unread === undefined ? '' : `; its engine cannot read it: ${unread}`

/** `held`: why it may not be started or made anew now. */
export const fateOf = (
  desired: DesiredContainer,
  actual: Owned<ObservedContainer> | undefined,
  held: string | undefined,
  notice: (notice: PlanNotice) => void,
): Fate => {
  const { name: container } = desired
  const unlessHeld = (fate: Fate, instead: Fate = { kind: 'wait' }): Fate => {
    if (held === undefined) return fate
    notice({ code: 'HELD_BACK', container, reason: held })
    return instead
  }
  const waiting = (reason: string): Fate => {
    notice({ code: 'WAITING', container, reason })
    return { kind: 'wait' }
  }
  if (actual === undefined) return unlessHeld({ kind: 'create', cause: 'container is missing' })
  const drift = definitionDrift(desired, actual)
  const recreate = (cause: string): Fate => ({ kind: 'recreate', actual, cause })
  switch (actual.state) {
    case 'running':
    case 'paused':
      return drift === undefined ? { kind: 'keep', actual } : unlessHeld(recreate(drift), { kind: 'keep', actual })
    case 'created':
      return unlessHeld(
        drift === undefined ? { kind: 'start', actual, cause: 'container was never started' } : recreate(drift),
      )
    case 'exited':
      return unlessHeld(
        drift === undefined
          ? { kind: 'start', actual, cause: `container exited with ${codeOfEnd(actual)}${unreadOf(actual)}` }
          : recreate(drift),
      )
    case 'dead': // Docker's word for one whose removal failed: it cannot be started again
      return unlessHeld(recreate('container is dead'))
    case 'restarting':
      return waiting('container is restarting')
    case 'removing':
      return waiting('container is being removed')
    default:
      return assertNever(actual.state)
  }
}
