import type { Allocation } from '../model/allocation.ts'
import type { DataCenter } from '../model/documents.ts'
import { type DataCenterName, type VnfId, must, parseObjectName } from '../model/names.ts'
import { type Notice, type OthersUsage, type Usage, notice, someHolders } from './result.ts'

/** One VNF (or SAP) of one copy. All its units and replicas stand in one data center. */
export interface PlacementRequest {
  readonly copy: number
  readonly vnf: VnfId
  /** What one replica takes. */
  readonly demand: Usage
  readonly replicas: number
  /** The user's word. */
  readonly pinned?: DataCenterName
  /** Which data center it would best stand in, given where others stand. */
  readonly prefer: (placed: (copy: number, vnf: string) => DataCenterName | undefined) => DataCenterName | undefined
}

export interface Placement {
  readonly dataCenter: DataCenterName | undefined
  /** How many replicas have room, from the first. */
  readonly replicas: number
  /** Why some or all have no place. */
  readonly problem?: string
}

export const noUsage: Usage = { cpu: 0, memoryBytes: 0 }

export const addUsage = (a: Usage, b: Usage, times = 1): Usage => ({
  cpu: a.cpu + b.cpu * times,
  memoryBytes: a.memoryBytes + b.memoryBytes * times,
})

/** The one data center of a host where none is declared. */
export const implicitDataCenter: DataCenter = (() => {
  const name = must(parseObjectName('dc1'), 'dc1')
  return { kind: 'DataCenter', metadata: { name, labels: {} }, spec: { capacity: {} } }
})()

/** Declared data centers by name, or the implicit one. */
export const dataCentersOf = (declared: readonly DataCenter[]): readonly DataCenter[] =>
  declared.length === 0
    ? [implicitDataCenter]
    : [...declared].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))

// Sums of fractions of CPUs: 0.1 + 0.2 fits into 0.3.
const cpuTolerance = 1e-9

/** Places requests: those that stand already keep their place, then pinned ones, then the others in order. */
export const place = <T extends PlacementRequest>(
  requests: readonly T[],
  dataCenters: readonly DataCenter[],
  previous: Allocation | undefined,
  othersUsage: ReadonlyMap<DataCenterName, OthersUsage>,
): {
  readonly placed: readonly { readonly request: T; readonly placement: Placement }[]
  readonly usage: ReadonlyMap<DataCenterName, Usage>
  readonly notices: readonly Notice[]
} => {
  const notices: Notice[] = []
  const usage = new Map<DataCenterName, Usage>()
  const key = (copy: number, vnf: string): string => `${copy}/${vnf}`
  const before = new Map(previous?.placements.map((item) => [key(item.copy, item.vnf), item.dataCenter]))
  const heldAddresses = previous?.addresses ?? []
  const capacity = new Map(dataCenters.map((item) => [item.metadata.name, item.spec.capacity]))
  const names = [...capacity.keys()]
  const byKey = new Map<string, DataCenterName>()

  const fits = (name: DataCenterName, demand: Usage): boolean => {
    const limit = capacity.get(name)
    const used = addUsage(addUsage(othersUsage.get(name) ?? noUsage, usage.get(name) ?? noUsage), demand)
    return used.cpu <= (limit?.cpu ?? Infinity) + cpuTolerance && used.memoryBytes <= (limit?.memoryBytes ?? Infinity)
  }

  /** Who else stands in these data centers, for messages. */
  const heldBy = (among: readonly DataCenterName[]): string => {
    const holders = new Set(among.flatMap((name) => othersUsage.get(name)?.holders ?? []))
    return holders.size === 0 ? '' : ` (also in use by ${someHolders([...holders].sort())})`
  }

  /** Takes room for the first `sure` replicas in any case, for further ones while there is room. */
  const take = (request: T, name: DataCenterName, sure: number): Placement => {
    let count = 0
    while (count < request.replicas && (count < sure || fits(name, request.demand))) {
      usage.set(name, addUsage(usage.get(name) ?? noUsage, request.demand))
      count += 1
    }
    byKey.set(key(request.copy, request.vnf), name)
    if (count === request.replicas) return { dataCenter: name, replicas: count }
    const problem = `data center ${name} has room for ${count} of ${request.replicas} replicas of ${request.vnf} (copy ${request.copy})${heldBy([name])}`
    notices.push(notice('UNPLACEABLE', `${problem}.`))
    return { dataCenter: name, replicas: count, problem }
  }

  const refuse = (request: T, code: 'UNPLACEABLE' | 'DATA_CENTER_UNKNOWN', problem: string): Placement => {
    notices.push(notice(code, `${request.vnf} (copy ${request.copy}) is not started: ${problem}.`))
    return { dataCenter: undefined, replicas: 0, problem }
  }

  /** Replicas that ran, as far as their addresses tell. */
  const ran = (request: T): number =>
    heldAddresses
      .filter((item) => item.copy === request.copy && item.vnf === request.vnf)
      .reduce((most, item) => Math.max(most, item.replica + 1), 1)

  const stay = (request: T, name: DataCenterName): Placement => {
    if (!capacity.has(name)) {
      notices.push(
        notice(
          'DATA_CENTER_GONE',
          `${request.vnf} (copy ${request.copy}) stays in ${name}, which is not declared any more; name another one in spec.functions to move it.`,
        ),
      )
    }
    return take(request, name, ran(request))
  }

  const pin = (request: T, name: DataCenterName): Placement => {
    if (!capacity.has(name)) {
      return refuse(request, 'DATA_CENTER_UNKNOWN', `there is no data center ${name}, only ${names.join(', ')}`)
    }
    return fits(name, request.demand)
      ? take(request, name, 0)
      : refuse(request, 'UNPLACEABLE', `data center ${name} has not enough capacity left${heldBy([name])}`)
  }

  const choose = (request: T): Placement => {
    const preferred = request.prefer((copy, vnf) => byKey.get(key(copy, vnf)))
    const at = preferred === undefined ? 0 : Math.max(0, names.indexOf(preferred))
    const name = [...names.slice(at), ...names.slice(0, at)].find((candidate) => fits(candidate, request.demand))
    return name === undefined
      ? refuse(request, 'UNPLACEABLE', `no data center has enough capacity left${heldBy(names)}`)
      : take(request, name, 0)
  }

  const rounds: (() => { index: number; request: T; placement: Placement })[][] = [[], [], []]
  for (const [index, request] of requests.entries()) {
    const stands = before.get(key(request.copy, request.vnf))
    const { pinned } = request
    if (stands !== undefined && (pinned ?? stands) === stands) {
      rounds[0]?.push(() => ({ index, request, placement: stay(request, stands) }))
    } else if (pinned !== undefined) rounds[1]?.push(() => ({ index, request, placement: pin(request, pinned) }))
    else rounds[2]?.push(() => ({ index, request, placement: choose(request) }))
  }
  const placed = rounds.flatMap((round) => round.map((run) => run())).sort((a, b) => a.index - b.index)
  return { placed, usage, notices }
}
