import { makeCookie } from '../model/cookie.ts'
import type { DesiredFlow, DesiredInterface, DesiredPatch } from '../model/desired.ts'
import type { BridgeName, DataCenterName, InstanceName, LinkId, Owner, PortName } from '../model/names.ts'
import type { Allocated, Segment } from './allocate.ts'
import { type LinkDraft, type WiredEnd, interfaceKey, isInterface } from './draft.ts'
import { type Attachment, createFlowTable } from './flows.ts'
import { groupZones, makeGroup } from './groups.ts'
import { createNames, dataCenterBridge, linkNumbers } from './identity.ts'
import { type Addresses, copyKey, makeInterfaces, sapAddress } from './interfaces.ts'
import { createMultiMap } from './multi-map.ts'
import { createSapPatches } from './sap-patches.ts'
import type { Copy, End } from './resolve.ts'
import {
  type FabricNeeds,
  type PlannedEnd,
  type PlannedInterface,
  type PlannedLink,
  type Skip,
  someHolders,
} from './result.ts'
import { reversed } from './topology.ts'

interface WireInput {
  readonly owner: Owner
  readonly instance: InstanceName
  readonly copies: readonly Copy[]
  readonly drafts: readonly LinkDraft[]
  readonly segments: readonly Segment[]
  readonly allocated: Allocated
  readonly addresses: Addresses
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

const heldBy = ({ exhausted }: Allocated, { copy, link }: Pick<Segment, 'copy' | 'link'>): string => {
  const holders = exhausted.filter((one) => one.copy === copy && one.link === link).flatMap((one) => one.holders)
  return holders.length === 0 ? '' : ` (held by ${someHolders(holders)})`
}

/** Turns planned links and what was handed out into interfaces, patches and flow rules. */
export const wire = ({
  owner,
  instance,
  copies,
  drafts,
  segments,
  allocated,
  addresses,
  bidirectional,
}: WireInput): Wired => {
  const bridgeOf = (name: DataCenterName): BridgeName => dataCenterBridge(owner, name)
  const segmentOf = new Map(segments.map((segment) => [copyKey(segment.copy, segment.link), segment]))
  const segmentFor = (draft: LinkDraft): Segment | undefined => segmentOf.get(copyKey(draft.copy, draft.segment ?? ''))
  const vlanOf = (draft: LinkDraft): number | undefined => allocated.vlan(draft.copy, draft.id)

  /** What stands in the way of a link that was planned well. */
  const lacking = (draft: LinkDraft): Skip | undefined => {
    const segment = segmentFor(draft)
    if (segment !== undefined && allocated.subnet(segment) === undefined) {
      const text = `pool ${segment.pool} has no subnet left${heldBy(allocated, segment)}`
      return { code: 'EXHAUSTED', text }
    }
    return draft.wantsVlan && vlanOf(draft) === undefined
      ? { code: 'EXHAUSTED', text: `no VLAN is left${heldBy(allocated, { copy: draft.copy, link: draft.id })}` }
      : undefined
  }
  const skipped = new Map(drafts.map((draft) => [draft, draft.skipped ?? lacking(draft)]))
  const isWired = (draft: LinkDraft): boolean => skipped.get(draft) === undefined

  const names = createNames<PortName>()
  const { cookie } = allocated
  const made = makeInterfaces({ owner, copies, drafts, wired: isWired, vlanOf, addresses, cookie, names })
  const saps = createSapPatches({ owner, instance, cookie, addresses, names, vlanOf })
  const table = createFlowTable()

  const keysOf = (draft: LinkDraft): readonly string[] =>
    (draft.chain ?? []).flatMap(({ end }) => (isInterface(end) ? [copyKey(draft.copy, interfaceKey(end))] : []))
  const zones = groupZones(
    cookie,
    drafts.flatMap(keysOf).filter((key) => made.portsOf(key).length > 1),
  )
  const groups = new Map([...zones].map(([key, zone]) => [key, makeGroup(made.portsOf(key), zone, cookie)]))

  const attach = (draft: LinkDraft, { end, at }: WiredEnd): Attachment => {
    if (end.kind === 'external') return saps.attach(draft, end.external, at)
    const key = copyKey(draft.copy, interfaceKey(end))
    const group = groups.get(key)
    return { bridge: bridgeOf(at), ports: made.portsOf(key), ...(group === undefined ? {} : { group }) }
  }

  const lans: { vlan: number; links: readonly string[] }[] = []
  const passed = new Set<DataCenterName>()
  const carried = createMultiMap<LinkDraft, LinkId>()

  const wireLine = (draft: LinkDraft, [from, to]: readonly [WiredEnd, WiredEnd]): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const [first, second] = [attach(draft, from), attach(draft, to)]
    for (const hop of to.hops) passed.add(hop.from).add(hop.to)
    const way = { hops: to.hops, vlan: vlanOf(draft), bridgeOf }
    const shares = [...table.chain(flowOwner, first, second, way)]
    if (bidirectional) shares.push(...table.chain(flowOwner, second, first, { ...way, hops: reversed(to.hops) }))
    for (const { link } of shares) {
      if (link !== draft.id && !carried.of(draft).includes(link)) carried.add(draft, link)
    }
  }

  const wireLan = (draft: LinkDraft, vlan: number): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const crossed = new Set<string>()
    for (const wired of draft.ends.flatMap((end) => end.wired ?? [])) {
      const { bridge, ports } = attach(draft, wired)
      for (const port of ports) table.normal(flowOwner, bridge, port)
      for (const hop of wired.hops) {
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
    if (draft.chain !== undefined) wireLine(draft, draft.chain)
    else if (vlan !== undefined) wireLan(draft, vlan)
  }
  for (const [external, ports] of saps.switches()) {
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
          return plannedEnds(item.end, addresses, made.plannedOf).map((end) => ({
            reference: item.reference,
            ...end,
            ...more,
          }))
        }),
        ...(why === undefined ? {} : { skipped: why }),
        carriedBy: carried.of(draft),
      }
    }),
    lans,
    dataCenters: [...passed].sort(),
    interfacesOf: made.plannedOf,
  }
}

const plannedEnds = (
  end: End,
  addresses: Addresses,
  interfacesOf: Wired['interfacesOf'],
): readonly Omit<PlannedEnd, 'reference'>[] => {
  switch (end.kind) {
    case 'missing':
      return [{ vnf: '', replica: 0, interface: undefined, address: undefined }]
    case 'external': {
      const { sap } = end.external
      const address = sapAddress(addresses, end.external)?.address
      return [{ vnf: sap.key, replica: 0, interface: sap.point.interfaceName, address }]
    }
    case 'interface': {
      const { unit, name } = end
      const key = copyKey(unit.copy, interfaceKey(end))
      const base = { vnf: unit.template.vnf, interface: name }
      if (unit.containers.length === 0) return [{ ...base, replica: 0, address: addresses.get(`${key}/0`)?.address }]
      return unit.containers.flatMap(({ replica, name: container }) =>
        interfacesOf(container)
          .filter((item) => item.name === name)
          .map(({ port, address }) => ({ ...base, replica, container, port, address })),
      )
    }
  }
}
