import type { Allocation } from '../model/allocation.ts'
import type { DesiredState, Scope } from '../model/desired.ts'
import type { ServiceInstance } from '../model/documents.ts'
import type { DataCenterName, InstanceName } from '../model/names.ts'
import { accessPoints } from './access-points.ts'
import { allocate, cookieNumber } from './allocate.ts'
import { buildCopies } from './copies.ts'
import { dataCenterState } from './fabric.ts'
import { distinctLinks } from './link-ids.ts'
import { addressesOf } from './interfaces.ts'
import { planLinks } from './links.ts'
import { dataCentersOf } from './place.ts'
import { type DesireInput, type DesireResult, type GoneInstance, type Notice, notice, someHolders } from './result.ts'
import { externalsOf } from './resolve.ts'
import { plannedSaps, sapBridges } from './saps.ts'
import { plannedFunctions, templatesOf } from './templates.ts'
import { createRoutes } from './topology.ts'
import { wire } from './wire.ts'

/** Nothing shall be in this scope. */
export const emptyState = (scope: Scope): DesiredState => ({
  scope,
  bridges: [],
  containers: [],
  interfaces: [],
  patches: [],
  trunks: [],
  flows: [],
})

/** An instance that shall go, with all it holds. */
export const goneInstance = (name: InstanceName): GoneInstance => ({ name, gone: true })

const nothing = (instance: InstanceName, allocation: Allocation | undefined): DesireResult => ({
  desired: emptyState({ kind: 'instance', instance }),
  allocation,
  links: [],
  saps: [],
  functions: [],
  notices: [],
  exhausted: [],
  usage: new Map(),
  fabric: { dataCenters: [], lans: [] },
})

/** A stopped instance runs nothing and keeps what it held, so that it comes back with the same addresses. */
const stopped = (input: DesireInput, instance: ServiceInstance): DesireResult => {
  const name = instance.metadata.name
  const empty = { subnets: [], vlans: [], addresses: [], placements: [] }
  const cookie = cookieNumber(name, input.ledger, input.previous)
  return nothing(name, input.previous ?? { instance: name, cookie, ...empty })
}

const running = (input: DesireInput, instance: ServiceInstance): DesireResult => {
  const { owner, settings, topology, previous, ledger } = input
  const { service } = input.package
  const name = instance.metadata.name
  const notices: Notice[] = []
  const dataCenters = dataCentersOf(topology.dataCenters)

  const points = accessPoints(service, settings)
  const templates = templatesOf(input.package, instance, points.saps, settings, input.host.cpus)
  const built = buildCopies({
    owner,
    instance,
    service,
    saps: points.saps,
    templates: templates.templates,
    settings,
    dataCenters,
    previous,
    othersUsage: input.othersUsage ?? new Map(),
  })
  const links = distinctLinks(service.links)
  notices.push(...points.notices, ...templates.notices, ...built.notices, ...links.notices)

  const standing = built.copies.flatMap((copy) => [...copy.units, ...externalsOf(copy)])
  const known = new Set<DataCenterName>(dataCenters.map((item) => item.metadata.name))
  for (const { dataCenter } of standing) if (dataCenter !== undefined) known.add(dataCenter)
  const routes = createRoutes(known, topology.links, owner, settings.path)

  const plans = built.copies.map((copy) => planLinks(copy, service, links.links, settings, routes))
  const drafts = plans.flatMap((plan) => plan.drafts)
  const segments = plans.flatMap((plan) => plan.segments)
  notices.push(...plans.flatMap((plan) => plan.notices))

  const allocated = allocate({
    instance: name,
    ledger,
    previous,
    pools: settings.pools,
    segments,
    vlans: drafts
      .filter((draft) => draft.wantsVlan && draft.skipped === undefined)
      .map((draft) => ({ copy: draft.copy, link: draft.id })),
  })
  for (const item of allocated.exhausted) {
    const holders = item.holders.length === 0 ? 'it is too small' : `held by ${someHolders(item.holders)}`
    notices.push(notice('EXHAUSTED', `${item.wanted}: pool ${item.pool} has nothing left (${holders}).`))
  }
  const handedOut = addressesOf(segments, allocated)
  const wired = wire({
    owner,
    instance: name,
    copies: built.copies,
    drafts,
    segments,
    allocated,
    addresses: handedOut,
    bidirectional: settings.bidirectional,
  })
  const containers = built.copies.flatMap((copy) => copy.units.flatMap((unit) => unit.containers))
  const used = new Set<DataCenterName>([...containers.map((item) => item.dataCenter), ...wired.dataCenters])
  for (const { dataCenter } of built.copies.flatMap(externalsOf)) {
    if (dataCenter !== undefined) used.add(dataCenter)
  }
  const inUse = [...used].sort()
  const { cookie, subnets, vlans, addresses } = allocated
  return {
    desired: {
      scope: { kind: 'instance', instance: name },
      bridges: [
        ...inUse.map((item) => dataCenterState(owner, item)),
        ...sapBridges(owner, name, built.copies, handedOut, allocated.cookie),
      ],
      containers,
      interfaces: wired.interfaces,
      patches: wired.patches,
      trunks: [],
      flows: wired.flows,
    },
    allocation: { instance: name, cookie, subnets, vlans, addresses, placements: built.placements },
    links: wired.links,
    saps: plannedSaps(built.copies, handedOut, wired),
    functions: plannedFunctions(owner, name, built.copies, wired),
    notices,
    exhausted: allocated.exhausted,
    usage: built.usage,
    fabric: { dataCenters: inUse, lans: wired.lans },
  }
}

/** What shall be of one instance, and what it holds for that. Never throws because of what a user wrote. */
export const desireInstance = (input: DesireInput): DesireResult => {
  const { instance } = input
  if ('gone' in instance) return nothing(instance.name, undefined)
  return instance.spec.state === 'Stopped' ? stopped(input, instance) : running(input, instance)
}
