import type { Allocation, PlacementAllocation } from '../model/allocation.ts'
import type { DataCenter, ServiceInstance } from '../model/documents.ts'
import type { DataCenterName, Owner } from '../model/names.ts'
import type { ServiceDescriptor } from '../model/package.ts'
import type { Sap } from './access-points.ts'
import { makeContainer } from './containers.ts'
import { sapBridge } from './identity.ts'
import { type Placement, type PlacementRequest, addUsage, noUsage, place } from './place.ts'
import type { Copy, PlacedSap, Unit } from './resolve.ts'
import type { Notice, OthersUsage, Usage } from './result.ts'
import { preferSap } from './saps.ts'
import type { EffectiveSettings } from './settings.ts'
import type { FunctionPlan } from './templates.ts'

interface CopiesInput {
  readonly owner: Owner
  readonly instance: ServiceInstance
  readonly service: ServiceDescriptor
  readonly saps: readonly Sap[]
  readonly templates: readonly FunctionPlan[]
  readonly settings: EffectiveSettings
  readonly dataCenters: readonly DataCenter[]
  readonly previous: Allocation | undefined
  readonly othersUsage: ReadonlyMap<DataCenterName, OthersUsage>
}

type Standing = PlacementRequest &
  ({ readonly kind: 'units'; readonly plan: FunctionPlan } | { readonly kind: 'external'; readonly sap: Sap })

/** Every copy of the service with its containers, each in its data center. */
export const buildCopies = (
  input: CopiesInput,
): {
  readonly copies: readonly Copy[]
  readonly placements: readonly PlacementAllocation[]
  readonly usage: ReadonlyMap<DataCenterName, Usage>
  readonly notices: readonly Notice[]
} => {
  const { owner, instance, service, saps, templates, settings, dataCenters } = input
  const name = instance.metadata.name
  const policy = settings.placement
  const names = dataCenters.map((item) => item.metadata.name)
  const externals = saps.filter((sap) => sap.type === 'external')
  const functionCount = service.functions.length
  const perCopy = functionCount + (policy === 'RoundRobin' ? saps.length : 0)

  const preferring = (copy: number, turn: number, sap: Sap | undefined): PlacementRequest['prefer'] => {
    if (policy === 'First') return () => names[0]
    if (sap !== undefined && policy === 'RoundRobinWithSaps') return preferSap(service, sap, copy)
    return () => names[(copy * perCopy + turn) % names.length]
  }

  const standings = Array.from({ length: instance.spec.replicas }, (_, copy): readonly Standing[] => [
    ...templates.map((plan, turn): Standing => {
      const startable = plan.units.filter((unit) => unit.image !== undefined)
      return {
        kind: 'units',
        plan,
        copy,
        vnf: plan.vnf,
        demand: startable.reduce((sum, unit) => addUsage(sum, unit.demand), noUsage),
        replicas: startable.length === 0 ? 0 : plan.replicas,
        ...(plan.pinned === undefined ? {} : { pinned: plan.pinned }),
        prefer: preferring(copy, turn, plan.sap),
      }
    }),
    ...externals.map((sap, index): Standing => {
      const prefer = preferring(copy, templates.length + index, sap)
      return { kind: 'external', sap, copy, vnf: sap.key, demand: noUsage, replicas: 1, prefer }
    }),
  ])
  const { placed, usage, notices } = place(standings.flat(), dataCenters, input.previous, input.othersUsage)

  const unitsOf = (plan: FunctionPlan, copy: number, { dataCenter, replicas, problem }: Placement): readonly Unit[] =>
    plan.units.map((template): Unit => {
      const { image } = template
      if (image === undefined) {
        return { copy, template, dataCenter, containers: [], problem: `unit ${template.unitId} has no container image` }
      }
      const containers =
        dataCenter === undefined
          ? []
          : Array.from({ length: replicas }, (_, replica) => {
              const at = { owner, instance: name, copy, replica, dataCenter }
              return makeContainer({ ...template, image }, at, settings.resultsDirectory)
            })
      return { copy, template, dataCenter, containers, ...(problem === undefined ? {} : { problem }) }
    })

  const copies = standings.map((_, copy): Copy => {
    const units: Unit[] = []
    const placedSaps: PlacedSap[] = []
    for (const { request, placement } of placed.filter((item) => item.request.copy === copy)) {
      if (request.kind === 'external') {
        const { sap } = request
        const bridge = sapBridge(owner, name, copy, sap.key)
        placedSaps.push({ kind: 'external', sap, external: { copy, sap, bridge, dataCenter: placement.dataCenter } })
        continue
      }
      const { plan } = request
      const made = unitsOf(plan, copy, placement)
      units.push(...made)
      if (plan.sap !== undefined) for (const unit of made) placedSaps.push({ kind: 'unit', sap: plan.sap, unit })
    }
    // In the order of the NSD's connection points.
    return { copy, units, saps: placedSaps.sort((a, b) => saps.indexOf(a.sap) - saps.indexOf(b.sap)) }
  })
  const placements = placed.flatMap(({ request: { copy, vnf }, placement: { dataCenter } }) =>
    dataCenter === undefined ? [] : [{ copy, vnf, dataCenter }],
  )
  return { copies, placements, usage, notices }
}
