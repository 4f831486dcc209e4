import { makeCookie } from '../model/cookie.ts'
import type { DesiredFlow, DesiredInterface, DesiredPatch } from '../model/desired.ts'
import type { BridgeName, DataCenterName, InstanceName, LinkId, Owner, PortName } from '../model/names.ts'
import type { Allocated, Segment } from './allocate.ts'
import { type LinkDraft, interfaceKey } from './draft.ts'
import { type Attachment, createFlowTable } from './flows.ts'
import { createNames, dataCenterBridge, linkNumbers } from './identity.ts'
import { type Addresses, addressesOf, copyKey, makeInterfaces } from './interfaces.ts'
import { createSapPatches } from './sap-patches.ts'
import type { Copy, End } from './resolve.ts'
import type { FabricNeeds, PlannedEnd, PlannedInterface, PlannedLink, Skip } from './result.ts'
import { reversed } from './topology.ts'

interface WireInput {
  readonly owner: Owner
  readonly instance: InstanceName
  readonly copies: readonly Copy[]
  readonly drafts: readonly LinkDraft[]
  readonly segments: readonly Segment[]
  readonly allocated: Allocated
  readonly bidirectional: boolean
}

export interface Wired {
  readonly interfaces: readonly DesiredInterface[]
  readonly patches: readonly DesiredPatch[]
  readonly flows: readonly DesiredFlow[]
  readonly links: readonly PlannedLink[]
  readonly lans: FabricNeeds['lans']
  /** Data centers that links pass through. */
  readonly dataCenters: readonly DataCenterName[]
  readonly interfacesOf: (container: string) => readonly PlannedInterface[]
}

/** Turns planned links and what was handed out into interfaces, patches and flow rules. */
export const wire = ({ owner, instance, copies, drafts, segments, allocated, bidirectional }: WireInput): Wired => {
  const bridgeOf = (name: DataCenterName): BridgeName => dataCenterBridge(owner, name)
  const segmentOf = new Map(segments.map((segment) => [copyKey(segment.copy, segment.link), segment]))
  const segmentFor = (draft: LinkDraft): Segment | undefined => segmentOf.get(copyKey(draft.copy, draft.segment ?? ''))
  const vlanOf = (draft: LinkDraft): number | undefined => allocated.vlan(draft.copy, draft.id)

  /** What stands in the way of a link that was planned well. */
  const lacking = (draft: LinkDraft): Skip | undefined => {
    const segment = segmentFor(draft)
    if (segment !== undefined && allocated.subnet(segment) === undefined) {
      return { code: 'EXHAUSTED', text: `pool ${segment.pool} has no subnet left` }
    }
    return draft.wantsVlan && vlanOf(draft) === undefined ? { code: 'EXHAUSTED', text: 'no VLAN is left' } : undefined
  }
  const skipped = new Map(drafts.map((draft) => [draft, draft.skipped ?? lacking(draft)]))
  const isWired = (draft: LinkDraft): boolean => skipped.get(draft) === undefined

  const names = createNames<PortName>()
  const addresses = addressesOf(segments, allocated)
  const { cookie } = allocated
  const made = makeInterfaces({ owner, copies, drafts, wired: isWired, vlanOf, addresses, cookie, names })
  const saps = createSapPatches({ owner, instance, cookie, addresses, names, vlanOf })
  const table = createFlowTable()

  const attach = (draft: LinkDraft, end: End): Attachment | undefined => {
    switch (end.kind) {
      case 'external':
        return saps.attach(draft, end.external)
      case 'interface': {
        const at = end.unit.dataCenter
        const ports = made.ports.get(copyKey(draft.copy, interfaceKey(end)))
        return at === undefined || ports === undefined ? undefined : { bridge: bridgeOf(at), ports }
      }
      case 'missing':
        return undefined
    }
  }

  const lans: { vlan: number; links: readonly string[] }[] = []
  const passed = new Set<DataCenterName>()
  const carried = new Map<LinkDraft, ReadonlySet<LinkId>>()

  const wireLine = (draft: LinkDraft): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const [first, second] = draft.ends.map(({ end }) => attach(draft, end))
    if (first === undefined || second === undefined) return
    const hops = draft.ends.flatMap((end) => end.hops ?? [])
    for (const hop of hops) passed.add(hop.from).add(hop.to)
    const way = { hops, vlan: vlanOf(draft), bridgeOf }
    const shares = [...table.chain(flowOwner, first, second, way)]
    if (bidirectional) shares.push(...table.chain(flowOwner, second, first, { ...way, hops: reversed(hops) }))
    carried.set(draft, new Set(shares.map((item) => item.link).filter((link) => link !== draft.id)))
  }

  const wireLan = (draft: LinkDraft, vlan: number): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const crossed = new Set<string>()
    for (const { end, hops } of draft.ends) {
      if (hops === undefined) continue
      const attached = attach(draft, end)
      if (attached !== undefined) for (const port of attached.ports) table.normal(flowOwner, attached.bridge, port)
      for (const hop of hops) {
        crossed.add(hop.link)
        passed.add(hop.from).add(hop.to)
        table.normal(flowOwner, bridgeOf(hop.from), hop.out, vlan)
        table.normal(flowOwner, bridgeOf(hop.to), hop.in, vlan)
      }
    }
    lans.push({ vlan, links: [...crossed].sort() })
  }

  for (const draft of drafts.filter(isWired)) {
    const vlan = vlanOf(draft)
    if (draft.kind === 'line') wireLine(draft)
    else if (vlan !== undefined) wireLan(draft, vlan)
  }
  for (const { external, ports } of saps.switches()) {
    table.hub({ copy: external.copy, link: external.sap.segment }, external.bridge, ports)
  }

  const number = linkNumbers([
    ...drafts.map((draft) => ({ copy: draft.copy, link: draft.id })),
    ...segments.filter((segment) => segment.pool === 'sap'),
  ])
  return {
    interfaces: made.interfaces,
    patches: saps.patches(),
    flows: table.flows((item) => makeCookie(cookie, number(item.copy, item.link))),
    links: drafts.map((draft): PlannedLink => {
      const segment = segmentFor(draft)
      const why = skipped.get(draft)
      return {
        id: draft.id,
        copy: draft.copy,
        type: draft.link.typeText,
        subnet: segment === undefined ? undefined : allocated.subnet(segment),
        vlan: vlanOf(draft),
        endpoints: draft.ends.flatMap((item) => {
          const more = item.skipped === undefined ? {} : { skipped: item.skipped }
          return plannedEnds(item.end, addresses, made.ports).map((end) => ({
            reference: item.reference,
            ...end,
            ...more,
          }))
        }),
        ...(why === undefined ? {} : { skipped: why }),
        carriedBy: [...(carried.get(draft) ?? [])],
      }
    }),
    lans,
    dataCenters: [...passed].sort(),
    interfacesOf: (container) => made.planned.get(container) ?? [],
  }
}

const plannedEnds = (
  end: End,
  addresses: Addresses,
  ports: ReadonlyMap<string, readonly PortName[]>,
): readonly Omit<PlannedEnd, 'reference'>[] => {
  switch (end.kind) {
    case 'missing':
      return [{ vnf: '', replica: 0, interface: undefined, address: undefined }]
    case 'external': {
      const { sap, copy } = end.external
      const name = sap.point.interfaceName
      const address = addresses.get(`${copy}/${sap.key}//${name}/0`)?.address
      return [{ vnf: sap.key, replica: 0, interface: name, address }]
    }
    case 'interface': {
      const { unit, name } = end
      const key = copyKey(unit.copy, interfaceKey(end))
      const base = { vnf: unit.template.vnf, interface: name }
      if (unit.containers.length === 0) return [{ ...base, replica: 0, address: addresses.get(`${key}/0`)?.address }]
      return unit.containers.map((container, index) => {
        const port = ports.get(key)?.[index]
        return {
          ...base,
          replica: container.replica,
          container: container.name,
          ...(port === undefined ? {} : { port }),
          address: addresses.get(`${key}/${container.replica}`)?.address,
        }
      })
    }
  }
}
