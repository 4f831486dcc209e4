import { conditionTypes, type InstanceStatus, type TopologyStatus } from '../model/status.ts'
import { no, notAfter, stampConditions, unknown, yes, type Verdict, type Verdicts } from './conditions.ts'
import type { InstanceEntry } from './input.ts'
import { acceptedVerdict, notLooked, packageVerdict } from './verdicts.ts'

/**
 * The status of an instance that cannot be looked at: what was known of its parts stays, whether it works is not known. Pure.
 *
 * @param problem - why not, for the user.
 */
export const summarizeUnseen = ({
  entry,
  previous,
  problem,
  now,
}: {
  /** Undefined: what its file and its package are now is not known either. */
  readonly entry: InstanceEntry | undefined
  readonly previous: InstanceStatus | undefined
  readonly problem: string
  readonly now: string
}): InstanceStatus => {
  const told = (type: keyof Verdicts): Verdict => previous?.conditions.find((one) => one.type === type) ?? notLooked
  const verdicts: Verdicts = {
    ...{ ImagesReady: told('ImagesReady'), Placed: told('Placed'), ContainersReady: told('ContainersReady') },
    ...{ LinksReady: told('LinksReady'), SapsReady: told('SapsReady') },
    Accepted: entry === undefined ? told('Accepted') : acceptedVerdict(entry),
    PackageResolved: entry === undefined ? told('PackageResolved') : packageVerdict(entry),
    Ready: unknown('NotObserved', problem),
    Drifted: unknown('NotObserved', problem),
    Reconciling: no('Waiting', problem),
    Stalled: yes('NotObserved', problem),
  }
  const generation = previous?.observedGeneration ?? 0
  return {
    observedGeneration: generation,
    conditions: stampConditions(conditionTypes, verdicts, previous?.conditions ?? [], generation, now),
    package: previous?.package ?? null,
    functions: previous?.functions ?? [],
    links: previous?.links ?? [],
    saps: previous?.saps ?? [],
  }
}

/** The same of a data center or a link: whether it works is not known. Pure. */
export const summarizeTopologyUnseen = (previous: TopologyStatus, problem: string, now: string): TopologyStatus => {
  const { observedGeneration, conditions } = previous
  const unseen = conditions.map((one) =>
    one.type === 'Accepted' ? one : { ...one, ...unknown('NotObserved', problem) },
  )
  return {
    observedGeneration,
    conditions: unseen.map((one, index) => {
      const isSame = one.status === conditions[index]?.status
      return { ...one, lastTransitionTime: isSame ? notAfter(now, one.lastTransitionTime) : now }
    }),
  }
}
