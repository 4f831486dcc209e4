import type { Skip } from '../desired/result.ts'
import { formatDiagnostic, isError } from '../model/diagnostics.ts'
import { isEmpty } from '../model/plan.ts'
import type { Condition, ConditionType, LinkStatus } from '../model/status.ts'
import type { SummaryInput } from './input.ts'

/** What a condition says, before its times. */
export interface Verdict {
  readonly status: Condition['status']
  readonly reason: string
  readonly message: string
}

const yes = (reason: string, message = ''): Verdict => ({ status: 'True', reason, message })
const no = (reason: string, message = ''): Verdict => ({ status: 'False', reason, message })
const unknown = (reason: string, message = ''): Verdict => ({ status: 'Unknown', reason, message })

/** Links that are left out by the package's own doing do not make a service less than it is; these do. */
const failingSkips: ReadonlySet<Skip['code']> = new Set(['END_NOT_PLACED', 'EXHAUSTED', 'NO_PATH'])

const list = (lines: readonly string[]): string => {
  const shown = lines.slice(0, 10)
  return [...shown, ...(lines.length > shown.length ? [`and ${lines.length - shown.length} more`] : [])].join('; ')
}

const accepted = ({ entry }: SummaryInput): Verdict => {
  if (entry.accepted) return yes('Valid')
  const errors = entry.diagnostics.filter(isError).map(formatDiagnostic)
  return no('Invalid', errors.length === 0 ? 'its file is gone or cannot be read; its last good meaning is in force' : errors.join('\n'))
}

const packageResolved = ({ entry }: SummaryInput): Verdict => {
  const pack = entry.package?.package
  if (pack !== undefined) return yes('Resolved', `${pack.vendor}/${pack.name}:${pack.version}`)
  const { packageText } = entry.document.spec
  return no('PackageNotFound', `no package "${packageText}" is onboarded; drop its .son below the watched directory`)
}

const placed = ({ result }: SummaryInput): Verdict => {
  if (result === undefined) return unknown('NotPlanned')
  const homeless = result.functions.filter(({ dataCenter }) => dataCenter === undefined)
  if (homeless.length === 0) return yes('Placed')
  return no('Unplaceable', list(homeless.map(({ vnf, copy, problem }) => `${vnf} of copy ${copy}: ${problem ?? 'no room'}`)))
}

const imagesReady = ({ result, convergence }: SummaryInput): Verdict => {
  if (result === undefined || convergence === undefined) return unknown('NotPlanned')
  const { actual, policy } = convergence
  const right = new Map(actual.containers.map(({ name, specHash }) => [name, specHash]))
  const wanting = result.desired.containers.filter(
    ({ name, specHash, image }) => right.get(name) !== specHash && !actual.images.has(image),
  )
  if (wanting.length === 0) return yes('Present')
  return no(
    'ImageMissing',
    list(wanting.map(({ vnf, name, image }) => `${vnf}: ${policy.heldBack.get(name) ?? `${image} is being fetched`}`)),
  )
}

const containersReady = ({ result, convergence }: SummaryInput): Verdict => {
  if (result === undefined || convergence === undefined) return unknown('NotPlanned')
  const seen = new Map(convergence.actual.containers.map((one) => [one.name, one]))
  const wrong = result.desired.containers.flatMap(({ name, specHash }) => {
    const held = convergence.policy.heldBack.get(name)
    const one = seen.get(name)
    const state = one === undefined ? 'not made' : one.specHash === specHash ? one.state : 'of an older definition'
    if (state === 'running' && one?.gate !== 'closed') return []
    return [`${name}: ${held ?? (state === 'running' ? 'its program waits for its interfaces' : state)}`]
  })
  const without = result.functions.flatMap(({ container, problem }) => (problem === undefined ? [] : [`${container}: ${problem}`]))
  const all = [...new Set([...wrong, ...without])]
  return all.length === 0 ? yes('Running') : no('NotRunning', list(all))
}

const linksReady = ({ result }: SummaryInput, links: readonly LinkStatus[]): Verdict => {
  if (result === undefined) return unknown('NotPlanned')
  const failing = links.filter(({ chained, id, copy }) => {
    const skip = result.links.find((one) => one.id === id && one.copy === copy)?.skipped
    return !chained && (skip === undefined || failingSkips.has(skip.code))
  })
  if (failing.length === 0) return yes('Chained')
  return no('NotChained', list(failing.map(({ id, copy, reason }) => `${id} of copy ${copy}: ${reason}`)))
}

const sapsReady = ({ result, convergence }: SummaryInput): Verdict => {
  if (result === undefined || convergence === undefined) return unknown('NotPlanned')
  const running = new Set(convergence.actual.containers.filter(({ state }) => state === 'running').map(({ name }) => name))
  const wrong = result.saps.flatMap(({ name, problem, container }) => {
    if (problem !== undefined) return [`${name}: ${problem}`]
    return container !== undefined && !running.has(container) ? [`${name}: its container does not run`] : []
  })
  return wrong.length === 0 ? yes('Ready') : no('NotReady', list(wrong))
}

const causes = ({ convergence }: SummaryInput): string =>
  list([...new Set((convergence?.plan.steps ?? []).map(({ cause }) => cause))])

const failures = ({ convergence }: SummaryInput): readonly string[] => [
  ...new Set([
    ...(convergence?.policy.heldBack.values() ?? []),
    ...(convergence?.outcomes ?? []).flatMap((outcome) => (outcome.result === 'failed' ? [outcome.error.message] : [])),
  ]),
]

const drifted = (input: SummaryInput): Verdict => {
  const { convergence, previous, entry, acted } = input
  if (convergence === undefined) return unknown('NotPlanned')
  if (isEmpty(convergence.plan)) return no('AsWanted')
  const settled = previous?.observedGeneration === entry.generation
  if (acted && !settled) return no('Changing', causes(input))
  return yes(acted ? 'Repairing' : 'Reported', causes(input))
}

const conflicts = ({ convergence }: SummaryInput): readonly string[] =>
  (convergence?.plan.notices ?? []).flatMap((one) =>
    one.code === 'CONFLICT' ? [`${one.conflict.kind} ${one.conflict.name} belongs to ${one.conflict.holder}`] : [],
  )

const stalled = (input: SummaryInput): Verdict => {
  const clashes = conflicts(input)
  if (clashes.length > 0) return yes('Conflict', `${list(clashes)}; rename or remove what stands in the way`)
  const failed = failures(input)
  return failed.length === 0 ? no('Progressing') : yes('Failing', list(failed))
}

const reconciling = (input: SummaryInput): Verdict => {
  const { convergence, entry } = input
  if (entry.document.spec.suspend) return no('Suspended', 'spec.suspend is true: nothing is touched')
  if (convergence === undefined) return no('Waiting', 'for its package')
  if (isEmpty(convergence.plan) && convergence.policy.heldBack.size === 0) return no('Settled')
  return yes('Working', causes(input))
}

const ready = (input: SummaryInput, others: ReadonlyMap<ConditionType, Verdict>): Verdict => {
  if (input.entry.document.spec.state === 'Stopped') return no('Stopped', 'spec.state is Stopped')
  for (const type of ['PackageResolved', 'Placed', 'ImagesReady', 'ContainersReady', 'LinksReady', 'SapsReady'] as const) {
    const verdict = others.get(type)
    if (verdict?.status === 'False') return no(verdict.reason, verdict.message)
  }
  if (input.convergence === undefined) return unknown('NotPlanned')
  const clashes = conflicts(input)
  if (clashes.length > 0) return no('Conflict', list(clashes))
  return isEmpty(input.convergence.plan) ? yes('AsWanted') : no('Drifted', causes(input))
}

/** Every condition; the time of one moves only when its status flips. */
export const conditions = (input: SummaryInput, links: readonly LinkStatus[]): readonly Condition[] => {
  const parts = new Map<ConditionType, Verdict>([
    ['Reconciling', reconciling(input)],
    ['Stalled', stalled(input)],
    ['Accepted', accepted(input)],
    ['PackageResolved', packageResolved(input)],
    ['ImagesReady', imagesReady(input)],
    ['Placed', placed(input)],
    ['ContainersReady', containersReady(input)],
    ['LinksReady', linksReady(input, links)],
    ['SapsReady', sapsReady(input)],
    ['Drifted', drifted(input)],
  ])
  const all: readonly (readonly [ConditionType, Verdict])[] = [['Ready', ready(input, parts)], ...parts]
  return all.map(([type, verdict]) => {
    const before = input.previous?.conditions.find((one) => one.type === type)
    const flipped = before?.status !== verdict.status
    return {
      type,
      ...verdict,
      observedGeneration: input.entry.generation,
      lastTransitionTime: flipped ? input.now : before.lastTransitionTime,
    }
  })
}
