import { assertNever } from '../model/errors.ts'
import type { FlowChange, Plan, PlanNotice, Step } from '../model/plan.ts'

type Sign = '+' | '~' | '-'

const portText = ({ port }: Extract<Step, { kind: 'setPort' }>): string => {
  const vlan = port.vlan === undefined ? '' : ` VLAN ${port.vlan}`
  return `port ${port.port} on ${port.bridge}${vlan}`
}

const wireText = ({ interface: one }: Extract<Step, { kind: 'createWire' | 'configureWire' }>): string =>
  `interface ${one.name} of ${one.container}${one.address === undefined ? '' : ` ${one.address}`}`

/** What a step does: a sign for made, changed or removed, and words. */
const describe = (step: Step): readonly [Sign, string] => {
  switch (step.kind) {
    case 'pullImage':
      return ['+', `pull image ${step.image}`]
    case 'buildImage':
      return ['+', `build image ${step.image}`]
    case 'createBridge':
      return ['+', `create bridge ${step.bridge.name}`]
    case 'updateBridge':
      return ['~', `change bridge ${step.bridge.name}`]
    case 'removeBridge':
      return ['-', `remove bridge ${step.bridge.name}`]
    case 'createContainer':
      return ['+', `create container ${step.container.name}`]
    case 'startContainer':
      return ['~', `start container ${step.name}`]
    case 'unpauseContainer':
      return ['~', `unpause container ${step.name}`]
    case 'updateLimits':
      return ['~', `change limits of ${step.name}`]
    case 'removeContainer':
      return ['-', `remove container ${step.container.name}`]
    case 'createWire':
      return ['+', `create ${wireText(step)}`]
    case 'configureWire':
      return ['~', `configure ${wireText(step)}`]
    case 'removeWire':
      return ['-', `remove interface ${step.wire.port}`]
    case 'renameManagement':
      return ['~', `rename management interface of ${step.name} to ${step.interface}`]
    case 'createTrunk':
      return ['+', `create trunk ${step.trunk.link}`]
    case 'shapeTrunk':
      return ['~', `shape trunk ${step.trunk.link}`]
    case 'setPort':
      return ['~', `set ${portText(step)}`]
    case 'removePort':
      return ['-', `remove port ${step.port.name} on ${step.port.bridge}`]
    case 'openGate':
      return ['~', `let ${step.name} run`]
    case 'changeFlows':
      return ['~', `change flows on ${step.bridge}`]
    case 'addNat':
      return ['+', `translate ${step.subnet} behind ${step.bridge}`]
    case 'removeNat':
      return ['-', `stop translating ${step.rule.subnet} behind ${step.rule.bridge}`]
    case 'runScript':
      return ['~', `run ${step.script} script of ${step.name}`]
    case 'runStopScripts':
      return ['~', `run stop scripts of ${step.names.join(', ')}`]
    default:
      return assertNever(step)
  }
}

const flowLine = ({ op, flow }: FlowChange): string =>
  `    ${op === 'add' ? '+' : '-'} priority=${flow.priority},${flow.match} actions=${flow.actions}`

const noticeLine = (notice: PlanNotice): string => {
  switch (notice.code) {
    case 'CONFLICT':
      return `! ${notice.conflict.kind} ${notice.conflict.name} is not ours (${notice.conflict.holder})`
    case 'HELD_BACK':
      return `! ${notice.container} is held back: ${notice.reason}`
    case 'WAITING':
      return `! ${notice.container} waits: ${notice.reason}`
    default:
      return assertNever(notice)
  }
}

/** One step as a line, `+ create container NAME (cause)`. */
export const printStep = (step: Step): string => {
  const [sign, words] = describe(step)
  return `${sign} ${words} (${step.cause})`
}

/** The plan as text, a line a step and a line a flow rule; empty for an empty plan without notices. */
export const printPlan = ({ steps, notices }: Plan): string =>
  [
    ...steps.flatMap((step) => [printStep(step), ...(step.kind === 'changeFlows' ? step.changes.map(flowLine) : [])]),
    ...notices.map(noticeLine),
  ]
    .map((line) => `${line}\n`)
    .join('')
