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

/** Veth pairs between switches. How they are shaped is read from the marks on their ports, which are written afterwards. */
export const planTrunks = (draft: Draft, survey: Survey): void => {
  for (const trunk of survey.desired.trunks) {
    if (trunk.ends.some(({ port }) => survey.isBlocked.port(port))) continue
    const cause = drift(trunk, survey)
    if (cause !== undefined) draft.add({ kind: 'createTrunk', id: stepId.trunk(trunk.link), trunk, cause })
    const wanted = shapingMark(trunk)
    const marks = trunk.ends.map(({ port }) => survey.ports.get(port)?.externalIds[externalIds.shaping])
    const other = marks.find((mark) => mark !== wanted)
    const isMarked = marks.every((mark) => mark === wanted)
    const why = cause ?? (isMarked ? shaperDrift(trunk, survey) : `shaping: ${other ?? 'none'} → ${wanted}`)
    if (why === undefined) continue
    const after = [stepId.trunk(trunk.link)]
    draft.add({ kind: 'shapeTrunk', id: stepId.shape(trunk.link), trunk, after, cause: why })
  }
}
