import type { DesiredContainer, DesiredInterface } from '../model/desired.ts'
import type { Cidr, LinkId, Owner, PortName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { Allocated, Segment } from './allocate.ts'
import { type LinkDraft, interfaceKey, isInterface } from './draft.ts'
import { hashMac } from './hash.ts'
import { dataCenterBridge, interfacePort } from './identity.ts'
import { createMultiMap } from './multi-map.ts'
import type { Copy, ExternalSap, Unit } from './resolve.ts'
import type { PlannedInterface } from './result.ts'

/** An address as it was handed out. */
export interface HeldAddress {
  readonly address: Cidr
  /** The link that gave it. */
  readonly link: LinkId
  readonly pool: string
}

/** Addresses by `COPY/VNF/VDU/INTERFACE/REPLICA`. */
export type Addresses = ReadonlyMap<string, HeldAddress>

export const addressesOf = (segments: readonly Segment[], allocated: Allocated): Addresses => {
  const addresses = new Map<string, HeldAddress>()
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
  return addresses
}

/** The address of an external SAP's switch. */
export const sapAddress = (addresses: Addresses, { copy, sap }: ExternalSap): HeldAddress | undefined =>
  addresses.get(`${copy}/${sap.key}//${sap.point.interfaceName}/0`)

/** What a port or bridge says of an address. */
export const addressMarks = (held: HeldAddress | undefined): Readonly<Record<string, string>> =>
  held === undefined ? {} : { [externalIds.address]: held.address, [externalIds.pool]: held.pool }

/** That an interface is on a link. */
interface Membership {
  readonly link: LinkId
  readonly vlan: number | undefined
  readonly kind: LinkDraft['kind']
  readonly wired: boolean
}

export interface Interfaces {
  readonly interfaces: readonly DesiredInterface[]
  /** Ports by `COPY/VNF/VDU/INTERFACE`, replicas in order. */
  readonly portsOf: (key: string) => readonly PortName[]
  /** By container name. */
  readonly plannedOf: (container: string) => readonly PlannedInterface[]
}

export const copyKey = (copy: number, key: string): string => `${copy}/${key}`

/** Every interface of every container with its port, whether a link is on it or not. */
export const makeInterfaces = (input: {
  readonly owner: Owner
  readonly copies: readonly Copy[]
  readonly drafts: readonly LinkDraft[]
  readonly wired: (draft: LinkDraft) => boolean
  readonly vlanOf: (draft: LinkDraft) => number | undefined
  readonly addresses: Addresses
  readonly cookie: number
  readonly names: (make: (salt: number) => PortName) => PortName
}): Interfaces => {
  const { owner, drafts, addresses } = input
  const memberships = createMultiMap<string, Membership>()
  for (const draft of drafts) {
    for (const { end, skipped } of draft.ends) {
      if (!isInterface(end)) continue
      const key = copyKey(draft.copy, interfaceKey(end))
      const wired = skipped === undefined && input.wired(draft)
      memberships.add(key, { link: draft.id, vlan: input.vlanOf(draft), kind: draft.kind, wired })
    }
  }

  const interfaces: DesiredInterface[] = []
  const ports = createMultiMap<string, PortName>()
  const planned = createMultiMap<string, PlannedInterface>()

  const add = (unit: Unit, container: DesiredContainer, name: Unit['template']['interfaces'][number]): void => {
    const { vnf, vdu, role } = unit.template
    const key = copyKey(unit.copy, interfaceKey({ unit, name: name.name }))
    const on = memberships.of(key)
    const held = addresses.get(`${key}/${container.replica}`)
    const link = held?.link ?? on[0]?.link
    const linkVlan = on.find((item) => item.link === link)?.vlan
    const lanVlan = on.find((item) => item.kind === 'lan' && item.wired)?.vlan
    const also = on.filter((item) => item.link !== link).map((item) => [item.link, item.vlan ?? 0] as const)
    // Replicas on an E-Line answer for one address with one MAC.
    const macReplica = on.some((item) => item.kind === 'line') ? 0 : container.replica
    const mac = hashMac(owner, container.instance, unit.copy, vnf, vdu, macReplica, name.name)
    const port = input.names((salt) => interfacePort(owner, container, name.name, salt))
    interfaces.push({
      container: container.name,
      name: name.name,
      mac,
      ...(held === undefined ? {} : { address: held.address }),
      port,
      bridge: dataCenterBridge(owner, container.dataCenter),
      ...(lanVlan === undefined ? {} : { vlan: lanVlan }),
      ...(link === undefined ? {} : { link }),
      externalIds: {
        [externalIds.owner]: owner,
        [externalIds.instance]: container.instance,
        [externalIds.copy]: String(unit.copy),
        [externalIds.vnf]: vnf,
        ...(vdu === '' ? {} : { [externalIds.vdu]: vdu }),
        [externalIds.replica]: String(container.replica),
        [externalIds.interface]: name.name,
        [externalIds.dataCenter]: container.dataCenter,
        [externalIds.cookie]: String(input.cookie),
        [externalIds.role]: role,
        ...(link === undefined ? {} : { [externalIds.link]: link }),
        ...(linkVlan === undefined ? {} : { [externalIds.vlan]: String(linkVlan) }),
        ...addressMarks(held),
        ...(also.length === 0 ? {} : { [externalIds.also]: JSON.stringify(also) }),
      },
    })
    ports.add(key, port)
    planned.add(container.name, { name: name.name, declared: name.declared, mac, port, address: held?.address, link })
  }

  for (const { units } of input.copies) {
    for (const unit of units) {
      for (const container of unit.containers) {
        for (const name of unit.template.interfaces) add(unit, container, name)
      }
    }
  }
  return { interfaces, portsOf: ports.of, plannedOf: planned.of }
}
