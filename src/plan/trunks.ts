import type { DesiredTrunk } from '../model/desired.ts'
import type { Draft } from './draft.ts'
import { stepId } from './ids.ts'
import { marksDrift } from './marks.ts'
import type { Survey } from './survey.ts'

const drift = ({ ends }: DesiredTrunk, { wires }: Survey): string | undefined => {
  for (const { port } of ends) {
    const wire = wires.get(port)
    if (wire === undefined) return `device ${port} is missing`
    if (!wire.up) return `device ${port} is down`
  }
  return undefined
}

/** Veth pairs between switches. How they are shaped is not observed: it follows a change of the marks on their ports. */
export const planTrunks = (draft: Draft, survey: Survey): void => {
  for (const trunk of survey.desired.trunks) {
    if (trunk.ends.some(({ port }) => survey.isBlocked.port(port))) continue
    const cause = drift(trunk, survey)
    if (cause !== undefined) draft.add({ kind: 'createTrunk', id: stepId.trunk(trunk.link), trunk, cause })
    const marks = trunk.ends
      .map(({ port, externalIds }) => marksDrift(externalIds, survey.ports.get(port)?.externalIds ?? {}))
      .find((one) => one !== undefined)
    const why = cause ?? marks
    if (why === undefined) continue
    const after = [stepId.trunk(trunk.link)]
    draft.add({ kind: 'shapeTrunk', id: stepId.shape(trunk.link), trunk, after, cause: why })
  }
}
