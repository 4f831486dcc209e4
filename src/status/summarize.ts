import { someHolders } from '../desired/result.ts'
import { isFetching, isOvertaken } from '../model/errors.ts'
import { isEmpty } from '../model/plan.ts'
import { conditionTypes, type InstanceStatus } from '../model/status.ts'
import { no, sentences, stampConditions, unknown, yes, type Verdict, type Verdicts } from './conditions.ts'
import { failureText, failuresOf, functionStatuses, sapStatuses } from './functions.ts'
import type { InstanceEntry, PassResult, SummaryInput } from './input.ts'
import { createLinkInspector, linkStatuses } from './links.ts'
import {
  acceptedVerdict,
  containersVerdict,
  imagesVerdict,
  linksVerdict,
  notLooked,
  packageVerdict,
  placedVerdict,
  sapsVerdict,
} from './verdicts.ts'

type Parts = Omit<Verdicts, 'Ready' | 'Reconciling' | 'Stalled' | 'Drifted'>

/** Parts whose failure makes the whole not ready, in the order in which they are told: causes before effects. */
const decisive = ['PackageResolved', 'Placed', 'ImagesReady', 'ContainersReady', 'LinksReady', 'SapsReady'] as const

const causes = ({ plan }: PassResult): string =>
  sentences([...new Set(plan.steps.map(({ id, cause }) => `${id} (${cause})`))])

const steps = (count: number): string => (count === 1 ? '1 step' : `${count} steps`)

const driftedVerdict = ({ settled, convergence, acted }: SummaryInput): Verdict => {
  if (convergence === undefined) return notLooked
  const { plan } = convergence
  if (isEmpty(plan)) {
    const held = plan.notices.some(({ code }) => code === 'HELD_BACK' || code === 'CONFLICT')
    return held ? no('Blocked', 'what is not as it shall be cannot be repaired now') : no('InSync', '')
  }
  if (!settled) return no('RollingOut', 'what was asked for is not in place yet')
  return yes(acted ? 'Repairing' : 'Reported', causes(convergence))
}

/** Why nothing moves on by itself, or only after a wait. */
const obstacles = ({ result, convergence }: SummaryInput): readonly string[] => {
  if (convergence === undefined) return []
  const { plan, outcomes, nextTry } = convergence
  const noticed = plan.notices.flatMap((notice) => {
    switch (notice.code) {
      case 'CONFLICT': {
        const { kind, name, holder } = notice.conflict
        return [`${kind} ${name} is not ours (${holder}); rename or remove it`]
      }
      case 'HELD_BACK':
        return [`${notice.container}: ${notice.reason}`]
      case 'WAITING':
        return []
    }
  })
  // What waits for an image on its way goes on by itself.
  const passing = (error: Error): boolean => isFetching(error) || isOvertaken(error)
  const real = outcomes.filter((one) => one.result !== 'failed' || !passing(one.error))
  const failed = isEmpty(plan)
    ? []
    : [...failuresOf({ ...convergence, outcomes: real })].map(([name, error]) => `${name}: ${error}`)
  const others = outcomes.flatMap((one) =>
    one.result === 'failed' && !passing(one.error) && one.step.serves.containers.length === 0 && !isEmpty(plan)
      ? [`${one.step.id}: ${failureText(one.error, nextTry)}`]
      : [],
  )
  const exhausted = (result?.exhausted ?? []).map(
    ({ pool, wanted, holders }) =>
      `pool ${pool} has nothing left for ${wanted}; enlarge it or free some of it (held by ${someHolders(holders) || 'nobody'})`,
  )
  return [...new Set([...exhausted, ...noticed, ...(noticed.length > 0 ? [] : failed), ...others])]
}

const stalledVerdict = (input: SummaryInput): Verdict => {
  const { document } = input.entry
  if (document.spec.suspend) return no('Suspended', 'spec.suspend is true: nothing is touched')
  if (document.spec.state === 'Running' && input.entry.package === undefined)
    return yes('PackageNotFound', packageVerdict(input.entry).message)
  const found = obstacles(input)
  return found.length === 0 ? no('Free', '') : yes('Blocked', sentences(found))
}

const reconcilingVerdict = (input: SummaryInput, stalled: Verdict): Verdict => {
  const { entry, convergence, acted } = input
  if (entry.document.spec.suspend) return no('Suspended', 'spec.suspend is true: nothing is touched')
  if (convergence === undefined) return no('Waiting', stalled.message)
  const left = convergence.plan.steps.length
  if (left === 0) return stalled.status === 'True' ? no('Blocked', stalled.message) : no('Done', '')
  if (!acted) return no('ReportOnly', `driftMode is Warn: ${steps(left)} are left undone`)
  if (stalled.status === 'True') return no('Blocked', stalled.message)
  return yes('Applying', `${steps(left)} left: ${causes(convergence)}`)
}

const readyVerdict = (input: SummaryInput, parts: Parts): Verdict => {
  const { entry, convergence } = input
  if (entry.document.spec.state === 'Stopped') {
    const left = convergence?.plan.steps.length ?? 0
    return no(left === 0 ? 'Stopped' : 'Stopping', left === 0 ? 'spec.state is Stopped' : `${steps(left)} left`)
  }
  for (const type of decisive) {
    const { status, reason, message } = parts[type]
    if (status === 'False') return no(reason, message)
  }
  if (convergence === undefined) return unknown('NotObserved', 'not looked at yet')
  if (!isEmpty(convergence.plan)) {
    const left = convergence.plan.steps.length
    return no(input.acted ? 'StepsLeft' : 'Drifted', `${steps(left)} left: ${causes(convergence)}`)
  }
  return yes('Ready', 'all functions run and all links are chained')
}

/** The parts of an instance that has nothing: stopped, or without its package. */
const bareParts = (entry: InstanceEntry): Parts => {
  const stopped = entry.document.spec.state === 'Stopped'
  const idle = stopped ? yes('Stopped', 'spec.state is Stopped') : notLooked
  return {
    Accepted: acceptedVerdict(entry),
    PackageResolved: packageVerdict(entry),
    ImagesReady: idle,
    Placed: idle,
    ContainersReady: stopped ? no('Stopped', 'spec.state is Stopped') : notLooked,
    LinksReady: stopped ? no('Stopped', 'spec.state is Stopped') : notLooked,
    SapsReady: stopped ? no('Stopped', 'spec.state is Stopped') : notLooked,
  }
}

const packageOf = ({ package: found }: InstanceEntry): InstanceStatus['package'] => {
  if (found === undefined) return null
  const { vendor, name, version } = found.package
  return { vendor, name, version, digest: found.digest }
}

/** The status after a pass. Pure: the same input gives the same status. */
export const summarize = (input: SummaryInput): InstanceStatus => {
  const { entry, previous, result, convergence, restarts, now } = input
  const links =
    result === undefined || convergence === undefined
      ? undefined
      : linkStatuses(result.links, createLinkInspector(result.desired, convergence.actual))
  const bare = bareParts(entry)
  const parts: Parts =
    result === undefined || convergence === undefined || links === undefined
      ? bare
      : {
          ...bare,
          ImagesReady: imagesVerdict(result, convergence),
          Placed: placedVerdict(result),
          ContainersReady: containersVerdict(result, convergence),
          LinksReady: linksVerdict(result, links),
          SapsReady: sapsVerdict(result, convergence),
        }
  const stalled = stalledVerdict(input)
  const verdicts: Verdicts = {
    ...parts,
    Ready: readyVerdict(input, parts),
    Reconciling: reconcilingVerdict(input, stalled),
    Stalled: stalled,
    Drifted: driftedVerdict(input),
  }
  // Without its package nothing of a running service is known anew; what was known stays.
  const unknownNow = result === undefined && entry.document.spec.state === 'Running'
  return {
    observedGeneration: entry.generation,
    conditions: stampConditions(conditionTypes, verdicts, previous?.conditions ?? [], entry.generation, now),
    package: packageOf(entry),
    functions: unknownNow
      ? (previous?.functions ?? [])
      : functionStatuses(result?.functions ?? [], convergence, restarts),
    links: links ?? (unknownNow ? (previous?.links ?? []) : []),
    saps: unknownNow ? (previous?.saps ?? []) : sapStatuses(result?.saps ?? []),
  }
}

/** Of an instance that had no turn yet. Its generation is not observed. */
export const initialStatus = (entry: InstanceEntry, now: string): InstanceStatus => {
  const waiting = unknown('NotObserved', 'waiting for its first turn')
  const verdicts: Verdicts = {
    ...bareParts(entry),
    Ready: waiting,
    Reconciling: yes('Waiting', 'waiting for its first turn'),
    Stalled: no('Free', ''),
    Drifted: notLooked,
  }
  return {
    observedGeneration: 0,
    conditions: stampConditions(conditionTypes, verdicts, [], 0, now),
    package: packageOf(entry),
    functions: [],
    links: [],
    saps: [],
  }
}
