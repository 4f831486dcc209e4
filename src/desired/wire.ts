import type { DesiredFlow, DesiredInterface, DesiredPatch } from '../model/desired.ts'
import type { BridgeName, Cidr, DataCenterName, InstanceName, LinkId, Owner, PortName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { Allocated, Segment } from './allocate.ts'
import { type Attachment, createFlowTable } from './flows.ts'
import { hashMac } from './hash.ts'
import { createNames, dataCenterBridge, flowCookie, interfacePort, linkNumbers, sapPort } from './identity.ts'
import type { DraftEnd, LinkDraft } from './links.ts'
import type { Copy, End, ExternalSap, Unit } from './resolve.ts'
import type { FabricNeeds, PlannedEnd, PlannedInterface, PlannedLink, Skip } from './result.ts'

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
  readonly interfacesOf: (unit: Unit, replica: number) => readonly PlannedInterface[]
}

interface Membership {
  readonly link: LinkId
  readonly vlan: number | undefined
  readonly kind: LinkDraft['kind']
  readonly wired: boolean
}

type InterfaceEnd = End & { kind: 'interface' }

const memberKey = (unit: Unit, name: string): string => `${unit.copy}/${unit.template.vnf}/${unit.template.vdu}/${name}`

/** Turns planned links and what was handed out into interfaces, patches and flow rules. */
export const wire = ({ owner, instance, copies, drafts, segments, allocated, bidirectional }: WireInput): Wired => {
  const bridgeOf = (name: DataCenterName): BridgeName => dataCenterBridge(owner, name)
  const segmentOf = new Map(segments.map((segment) => [`${segment.copy}/${segment.link}`, segment]))
  const names = createNames<PortName>()
  const table = createFlowTable()

  // Which links each interface is on, and its address, by replica.
  const memberships = new Map<string, Membership[]>()
  const addresses = new Map<string, { readonly address: Cidr; readonly link: LinkId; readonly pool: string }>()
  for (const segment of segments) {
    for (const member of segment.members) {
      const address = allocated.address(segment, member)
      if (address === undefined) continue
      for (const replica of member.replicas) {
        const key = `${segment.copy}/${member.vnf}/${member.vdu}/${member.interface}/${replica}`
        addresses.set(key, { address, link: member.link, pool: segment.pool })
      }
    }
  }

  const vlanOf = (draft: LinkDraft): number | undefined =>
    draft.wantsVlan ? allocated.vlan(draft.copy, draft.id) : undefined

  /** What stands in the way of a link that was planned well. */
  const lacking = (draft: LinkDraft): Skip | undefined => {
    const segment = draft.segment === undefined ? undefined : segmentOf.get(`${draft.copy}/${draft.segment}`)
    if (segment !== undefined && allocated.subnet(segment) === undefined) {
      return { code: 'EXHAUSTED', text: `pool ${segment.pool} has no subnet left` }
    }
    if (draft.wantsVlan && vlanOf(draft) === undefined) return { code: 'EXHAUSTED', text: 'no VLAN is left' }
    return undefined
  }
  const skipped = new Map(drafts.map((draft) => [draft, draft.skipped ?? lacking(draft)]))

  for (const draft of drafts) {
    for (const end of draft.ends) {
      if (end.end.kind !== 'interface') continue
      const key = memberKey(end.end.unit, end.end.name)
      const list = memberships.get(key) ?? []
      const wired = end.skipped === undefined && skipped.get(draft) === undefined
      list.push({ link: draft.id, vlan: vlanOf(draft), kind: draft.kind, wired })
      memberships.set(key, list)
    }
  }

  // Ports of interfaces.
  const ports = new Map<string, PortName[]>()
  const planned = new Map<string, PlannedInterface[]>()
  const interfaces: DesiredInterface[] = []
  for (const { units } of copies) {
    for (const unit of units) {
      for (const { name, declared } of unit.template.interfaces) {
        const key = memberKey(unit, name)
        const on = memberships.get(key) ?? []
        const shared = on.some((item) => item.kind === 'line')
        const vlan = on.find((item) => item.kind === 'lan' && item.wired)?.vlan
        for (const container of unit.containers) {
          const port = names((salt) => interfacePort(owner, container, name, salt))
          ports.set(key, [...(ports.get(key) ?? []), port])
          const held = addresses.get(`${key}/${container.replica}`)
          const first = held?.link ?? on[0]?.link
          const firstVlan = on.find((item) => item.link === first)?.vlan
          const also = on.filter((item) => item.link !== first).map((item) => [item.link, item.vlan ?? 0] as const)
          const mac = hashMac(
            owner,
            instance,
            unit.copy,
            unit.template.vnf,
            unit.template.vdu,
            shared ? 0 : container.replica,
            name,
          )
          interfaces.push({
            container: container.name,
            name,
            mac,
            ...(held === undefined ? {} : { address: held.address }),
            port,
            bridge: bridgeOf(container.dataCenter),
            ...(vlan === undefined ? {} : { vlan }),
            ...(first === undefined ? {} : { link: first }),
            externalIds: {
              [externalIds.owner]: owner,
              [externalIds.instance]: instance,
              [externalIds.copy]: String(unit.copy),
              [externalIds.vnf]: unit.template.vnf,
              ...(unit.template.vdu === '' ? {} : { [externalIds.vdu]: unit.template.vdu }),
              [externalIds.replica]: String(container.replica),
              [externalIds.interface]: name,
              [externalIds.dataCenter]: container.dataCenter,
              [externalIds.cookie]: String(allocated.cookie),
              [externalIds.role]: unit.template.role,
              ...(first === undefined ? {} : { [externalIds.link]: first }),
              ...(firstVlan === undefined ? {} : { [externalIds.vlan]: String(firstVlan) }),
              ...(held === undefined ? {} : { [externalIds.address]: held.address, [externalIds.pool]: held.pool }),
              ...(also.length === 0 ? {} : { [externalIds.also]: JSON.stringify(also) }),
            },
          })
          const list = planned.get(container.name) ?? []
          list.push({ name, declared, mac, port, address: held?.address, link: first })
          planned.set(container.name, list)
        }
      }
    }
  }

  // Patches of external SAPs, one for each link on them.
  const patches: DesiredPatch[] = []
  const sapPorts = new Map<ExternalSap, PortName[]>()
  const patch = (draft: LinkDraft, external: ExternalSap, at: DataCenterName): PortName => {
    const { sap } = external
    const [dc, own] = (['dc', 'sap'] as const).map((side) =>
      names((salt) => sapPort(owner, instance, draft.copy, sap.key, draft.id, side, salt)),
    ) as [PortName, PortName] // two sides in, two names out
    const vlan = vlanOf(draft)
    const ids = {
      [externalIds.owner]: owner,
      [externalIds.instance]: instance,
      [externalIds.copy]: String(draft.copy),
      [externalIds.vnf]: sap.key,
      [externalIds.interface]: sap.point.interfaceName,
      [externalIds.dataCenter]: at,
      [externalIds.cookie]: String(allocated.cookie),
      [externalIds.role]: 'sap',
    }
    const held = addresses.get(`${draft.copy}/${sap.key}//${sap.point.interfaceName}/0`)
    patches.push({
      ends: [
        {
          port: dc,
          bridge: bridgeOf(at),
          ...(draft.kind === 'lan' && vlan !== undefined ? { vlan } : {}),
          externalIds: {
            ...ids,
            [externalIds.link]: draft.id,
            ...(vlan === undefined ? {} : { [externalIds.vlan]: String(vlan) }),
          },
        },
        {
          port: own,
          bridge: external.bridge,
          externalIds: {
            ...ids,
            [externalIds.link]: sap.segment,
            ...(held === undefined ? {} : { [externalIds.address]: held.address, [externalIds.pool]: held.pool }),
          },
        },
      ],
    })
    sapPorts.set(external, [...(sapPorts.get(external) ?? []), own])
    return dc
  }

  const attach = (draft: LinkDraft, end: End): Attachment | undefined => {
    switch (end.kind) {
      case 'external': {
        const at = end.external.dataCenter
        return at === undefined ? undefined : { bridge: bridgeOf(at), ports: [patch(draft, end.external, at)] }
      }
      case 'interface': {
        const at = end.unit.dataCenter
        const list = ports.get(memberKey(end.unit, end.name))
        return at === undefined || list === undefined ? undefined : { bridge: bridgeOf(at), ports: list }
      }
      case 'missing':
        return undefined
    }
  }

  const lans: { vlan: number; links: string[] }[] = []
  const passed = new Set<DataCenterName>()
  const carried = new Map<LinkDraft, Set<LinkId>>()

  const wireLine = (draft: LinkDraft): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const [first, second] = draft.ends.map((end) => attach(draft, end.end))
    if (first === undefined || second === undefined) return
    const hops = draft.ends[1]?.hops ?? []
    const vlan = vlanOf(draft)
    for (const hop of hops) passed.add(hop.from).add(hop.to)
    const shares = [...table.chain(flowOwner, first, second, hops, vlan, bridgeOf)]
    if (bidirectional) {
      const back = hops.toReversed().map((hop) => ({ ...hop, from: hop.to, to: hop.from, out: hop.in, in: hop.out }))
      shares.push(...table.chain(flowOwner, second, first, back, vlan, bridgeOf))
    }
    carried.set(draft, new Set(shares.map((item) => item.link).filter((link) => link !== draft.id)))
  }

  const wireLan = (draft: LinkDraft): void => {
    const flowOwner = { copy: draft.copy, link: draft.id }
    const vlan = vlanOf(draft)
    if (vlan === undefined) return
    const crossed = new Set<string>()
    for (const end of draft.ends) {
      if (end.hops === undefined) continue
      const attached = attach(draft, end.end)
      for (const port of attached?.ports ?? []) if (attached) table.normal(flowOwner, attached.bridge, port)
      for (const hop of end.hops) {
        crossed.add(hop.link)
        passed.add(hop.from).add(hop.to)
        table.normal(flowOwner, bridgeOf(hop.from), hop.out, vlan)
        table.normal(flowOwner, bridgeOf(hop.to), hop.in, vlan)
      }
    }
    lans.push({ vlan, links: [...crossed].sort() })
  }

  for (const draft of drafts) {
    if (skipped.get(draft) !== undefined) continue
    if (draft.kind === 'line') wireLine(draft)
    else wireLan(draft)
  }
  for (const [external, list] of sapPorts) {
    table.hub({ copy: external.copy, link: external.sap.segment }, external.bridge, list)
  }

  const plannedEnds = (end: DraftEnd): readonly PlannedEnd[] => {
    const subject = end.end
    const base = { reference: end.reference, ...(end.skipped === undefined ? {} : { skipped: end.skipped }) }
    const addressAt = (key: string): Cidr | undefined => addresses.get(key)?.address
    switch (subject.kind) {
      case 'missing':
        return [{ ...base, vnf: '', replica: 0, interface: undefined, address: undefined }]
      case 'external': {
        const { sap, copy } = subject.external
        const name = sap.point.interfaceName
        return [
          { ...base, vnf: sap.key, replica: 0, interface: name, address: addressAt(`${copy}/${sap.key}//${name}/0`) },
        ]
      }
      case 'interface':
        return interfaceEnds(base, subject)
    }
  }

  const interfaceEnds = (base: Pick<PlannedEnd, 'reference' | 'skipped'>, end: InterfaceEnd): readonly PlannedEnd[] => {
    const key = memberKey(end.unit, end.name)
    const { vnf } = end.unit.template
    if (end.unit.containers.length === 0) {
      return [{ ...base, vnf, replica: 0, interface: end.name, address: addresses.get(`${key}/0`)?.address }]
    }
    return end.unit.containers.map((container, index) => {
      const port = ports.get(key)?.[index]
      return {
        ...base,
        vnf,
        replica: container.replica,
        interface: end.name,
        container: container.name,
        ...(port === undefined ? {} : { port }),
        address: addresses.get(`${key}/${container.replica}`)?.address,
      }
    })
  }

  const number = linkNumbers([
    ...drafts.map((draft) => ({ copy: draft.copy, link: draft.id })),
    ...segments.filter((segment) => segment.pool === 'sap').map(({ copy, link }) => ({ copy, link })),
  ])
  return {
    interfaces,
    patches,
    flows: table.flows((item) => flowCookie(allocated.cookie, number(item.copy, item.link))),
    links: drafts.map((draft): PlannedLink => {
      const segment = draft.segment === undefined ? undefined : segmentOf.get(`${draft.copy}/${draft.segment}`)
      const why = skipped.get(draft)
      return {
        id: draft.id,
        copy: draft.copy,
        type: draft.link.typeText,
        subnet: segment === undefined ? undefined : allocated.subnet(segment),
        vlan: vlanOf(draft),
        endpoints: draft.ends.flatMap((end) => plannedEnds(end)),
        ...(why === undefined ? {} : { skipped: why }),
        carriedBy: [...(carried.get(draft) ?? [])],
      }
    }),
    lans,
    dataCenters: [...passed].sort(),
    interfacesOf: (unit, replica) =>
      planned.get(unit.containers.find((item) => item.replica === replica)?.name ?? '') ?? [],
  }
}
