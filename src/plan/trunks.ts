import type { DesiredTrunk, PatchEnd } from '../model/desired.ts'
import { externalIds } from '../model/ownership.ts'
import { shaperFor } from '../model/shaping.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import type { Survey } from './survey.ts'

/** Shaping as it is written on a trunk's ports once it is in force. */
const shapingMark = ({ shaping }: DesiredTrunk): string =>
  Object.entries(shaping)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')

/** An end of a trunk with that mark. */
export const markedEnd = (trunk: DesiredTrunk, end: PatchEnd): PatchEnd => ({
  ...end,
  externalIds: { ...end.externalIds, [externalIds.shaping]: shapingMark(trunk) },
})

const drift = ({ ends }: DesiredTrunk, { wires }: Survey): string | undefined => {
  for (const { port } of ends) {
    const wire = wires.get(port)
    if (wire === undefined) return `device ${port} is missing`
    if (!wire.up) return `device ${port} is down`
  }
  return undefined
}

/** What shapes an end is not what shall; the kernel's own figures are not compared, for they come back rounded. */
const shaperDrift = ({ ends, shaping }: DesiredTrunk, { wires, actual: { shapers } }: Survey): string | undefined => {
  if (shapers === undefined) return undefined
  const wanted = shaperFor(shaping, shapers)
  const other = ends
    .map(({ port }) => wires.get(port)?.shaper ?? 'nothing')
    .find((found) => found !== (wanted ?? 'nothing'))
  return other === undefined ? undefined : `shaped by ${other} → ${wanted ?? 'nothing'}`
}

const isBlocked = ({ ends }: DesiredTrunk, survey: Survey): boolean =>
  ends.some(({ port }) => survey.isBlocked.port(port))

/** A switch takes away the queueing of a device that becomes its port, so such a one is shaped afterwards. */
const newPort = (trunk: DesiredTrunk, survey: Survey): string | undefined =>
  drift(trunk, survey) ?? (trunk.ends.every(({ port }) => survey.ports.has(port)) ? undefined : 'its port is missing')

/**
 * Veth pairs between switches. How they are shaped is written on their ports: after it has been done where these stay, so that a
 * change that was cut off is not taken for done.
 */
export const planTrunks = (draft: Draft, survey: Survey): void => {
  for (const trunk of survey.desired.trunks) {
    if (isBlocked(trunk, survey)) continue
    const cause = drift(trunk, survey)
    if (cause !== undefined) draft.add({ kind: 'createTrunk', id: stepId.trunk(trunk.link), trunk, cause })
    if (newPort(trunk, survey) !== undefined) continue
    const wanted = shapingMark(trunk)
    const marks = trunk.ends.map(({ port }) => survey.ports.get(port)?.externalIds[externalIds.shaping])
    const other = marks.find((mark) => mark !== wanted)
    const isMarked = marks.every((mark) => mark === wanted)
    const why = isMarked ? shaperDrift(trunk, survey) : `shaping: ${other ?? 'none'} → ${wanted}`
    if (why !== undefined) draft.add({ kind: 'shapeTrunk', id: stepId.shape(trunk.link), trunk, cause: why })
  }
}

/** Trunks whose ports are new, after these. */
export const planNewShapes = (draft: Draft, survey: Survey): void => {
  for (const trunk of survey.desired.trunks) {
    const cause = newPort(trunk, survey)
    if (cause === undefined || isBlocked(trunk, survey)) continue
    const after = [stepId.trunk(trunk.link), ...trunk.ends.map(({ port }) => stepId.port(port))]
    draft.add({ kind: 'shapeTrunk', id: stepId.shape(trunk.link), trunk, after, cause })
  }
}
