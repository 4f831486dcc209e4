import type { ObservedContainer } from '../model/actual.ts'
import type { DesiredContainer } from '../model/desired.ts'
import type { Draft } from './draft.ts'
import { restarts, runs } from './fates.ts'
import { stepId } from './ids.ts'
import type { ReadyPorts } from './ports.ts'
import type { Survey } from './survey.ts'
import { canHaveWire } from './wires.ts'

/** Its process: started, or woken. */
const life = ({ name }: DesiredContainer): readonly string[] => [stepId.start(name), stepId.unpause(name)]

/** Docker's own interface gets its name before the gate opens, so behind an open gate it has it. */
const planManagement = (draft: Draft, container: DesiredContainer): void => {
  const { name, network } = container
  if (network.kind !== 'bridge') return
  draft.add({
    kind: 'renameManagement',
    id: stepId.management(name),
    name,
    interface: network.interface,
    after: life(container),
    cause: 'the management interface bears the name that Docker gave it',
    serves: { containers: [name] },
  })
}

/** Lets a program run once all interfaces of its own container are there; it waits for no other container. */
export const planGates = (draft: Draft, survey: Survey): void => {
  for (const container of survey.desired.containers) {
    const { name } = container
    const fate = survey.fates.get(name)
    const interfaces = survey.interfacesOf(name)
    if (!runs(fate) || !interfaces.every((one) => canHaveWire(survey, one))) continue
    const isClosed = restarts(fate) || (fate.kind === 'keep' && fate.actual.gate === 'closed')
    if (!isClosed) continue
    planManagement(draft, container)
    draft.add({
      kind: 'openGate',
      id: stepId.gate(name),
      name,
      after: [
        ...life(container),
        stepId.management(name),
        ...interfaces.flatMap(({ port }) => [stepId.wire(port), stepId.configure(port)]),
      ],
      cause: 'its program waits for its interfaces',
      serves: { containers: [name] },
    })
  }
}

const isOver = ({ state, scripts }: ObservedContainer): boolean => state === 'running' && scripts.start?.run === 'done'

/** Runs a start script once everything of the container's links is there; links that failed do not hold it up for ever. */
export const planStartScripts = (draft: Draft, survey: Survey, ready: ReadyPorts): void => {
  for (const container of survey.desired.containers) {
    const { name, env } = container
    const fate = survey.fates.get(name)
    const interfaces = survey.interfacesOf(name)
    const failed = fate?.kind === 'keep' && isOver(fate.actual) ? survey.policy.failedScripts?.get(name) : undefined
    if (failed?.due === false) draft.notice({ code: 'HELD_BACK', container: name, reason: failed.reason })
    const isPending =
      fate?.kind === 'keep'
        ? fate.actual.scripts.start?.run === 'pending' || failed?.due === true
        : env['SON_EMU_CMD'] !== undefined
    if (!runs(fate) || !isPending || !interfaces.every(({ port }) => ready.has(port))) continue
    const links = new Set(survey.linksOfContainer(name))
    const flows = draft.steps
      .filter((step) => step.kind === 'changeFlows' && step.serves.links.some((link) => links.has(link)))
      .map(({ id }) => id)
    draft.add({
      kind: 'runScript',
      id: stepId.script(name),
      name,
      script: 'start',
      after: [
        ...life(container),
        stepId.gate(name),
        ...interfaces.flatMap(({ port }) => [stepId.wire(port), stepId.configure(port), stepId.port(port)]),
      ],
      afterEnd: flows,
      cause: failed === undefined ? 'its start script has not run' : 'its start script failed',
      serves: { containers: [name] },
    })
  }
}
