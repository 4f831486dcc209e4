import type { VirtualLink } from '../model/package.ts'
import type { Member } from './allocate.ts'
import {
  type DraftEnd,
  type InterfaceEnd,
  type LinkDraft,
  type LinkPlanner,
  type OpenSegment,
  type PresentEnd,
  type ResolvedEnd,
  dataCenterOf,
  interfaceKey,
  interfaceText,
  replicasOf,
  skip,
  tellKept,
} from './draft.ts'
import type { End, ExternalSap } from './resolve.ts'
import type { Skip } from './result.ts'

/** Why an interface can't be on this LAN. An access port has one VLAN. */
const taken = (planner: LinkPlanner, link: VirtualLink, end: InterfaceEnd): Skip | undefined => {
  const lan = planner.lanOf.get(interfaceKey(end))
  if (lan === undefined) return undefined
  return lan === link.id
    ? skip('REPEATED_END', 'it is named twice')
    : skip('INTERFACE_TAKEN', `${interfaceText(end)} is on E-LAN ${lan} already`)
}

/** Addresses of an interface's replicas: the first by its position, the others whatever is free after all positions. */
const membersOf = (link: VirtualLink, end: InterfaceEnd, position: number): readonly Member[] => {
  const { vnf, vdu } = end.unit.template
  const member = { vnf, vdu, interface: end.name, link: link.id }
  const [first, ...rest] = replicasOf(end.unit)
  return [{ ...member, replicas: [first], position }, ...rest.map((replica) => ({ ...member, replicas: [replica] }))]
}

/**
 * The end, or why it takes no part. Every reference but the SAP's own takes a position, also one that exists nowhere: addresses
 * in people's scripts depend on it.
 */
const admit = (
  planner: LinkPlanner,
  link: VirtualLink,
  segment: OpenSegment,
  external: ExternalSap | undefined,
  end: End,
): PresentEnd | Skip => {
  if (end.kind === 'external') {
    return end.external === external ? end : skip('SECOND_EXTERNAL_SAP', 'the link has an external SAP already')
  }
  const position = segment.next
  segment.next += 1
  if (end.kind === 'missing') {
    segment.usedUp.push(position)
    return skip('END_MISSING', end.why)
  }
  const why = taken(planner, link, end)
  const key = interfaceKey(end)
  const before = planner.addressed.get(key)
  if (why !== undefined || before !== undefined) segment.usedUp.push(position)
  if (why !== undefined) return why
  planner.lanOf.set(key, link.id)
  if (before !== undefined) tellKept(planner, link, end, before)
  else {
    segment.members.push(...membersOf(link, end, position))
    planner.addressed.set(key, link.id)
  }
  return end
}

/** An E-LAN: all ends on one VLAN, over a tree of trunks from the first end that stands. */
export const planLan = (planner: LinkPlanner, link: VirtualLink, all: readonly ResolvedEnd[]): LinkDraft => {
  if (all.length === 0) return planner.refuse(link, all, skip('TOO_FEW_ENDS', 'it names no ends'))
  const external = all.map(({ end }) => end).find((end) => end.kind === 'external')?.external
  const own = external === undefined ? undefined : planner.segments.get(external.sap.segment)
  const segment = own ?? planner.open(link.id, 'elan')
  const present = all.flatMap(({ end }) => (end.kind === 'missing' ? [] : [end]))
  const root = present.map(dataCenterOf).find((name) => name !== undefined)

  const reach = (end: PresentEnd): Pick<DraftEnd, 'wired' | 'skipped'> => {
    const at = dataCenterOf(end)
    if (root === undefined || at === undefined) return { skipped: skip('END_NOT_PLACED', 'it has no container') }
    const hops = planner.routes.path(root, at)
    return hops === undefined
      ? { skipped: skip('NO_PATH', `no links lead from data center ${root} to ${at}`) }
      : { wired: { end, at, hops } }
  }
  const ends = all.map((item): DraftEnd => {
    const admitted = admit(planner, link, segment, external, item.end)
    const end = { ...item, ...('code' in admitted ? { skipped: admitted } : reach(admitted)) }
    if (end.skipped !== undefined) {
      planner.tell('MEMBER_SKIPPED', link, `${item.reference} takes no part in link ${link.id}: ${end.skipped.text}`)
    }
    return end
  })
  const base = { kind: 'lan', segment: segment.link } as const
  const skips = ends.flatMap(({ skipped }) => skipped ?? [])
  const [reason] = skips
  if (reason !== undefined && skips.length === ends.length) {
    return planner.refuse(link, ends, skip(reason.code, 'none of its ends takes part in it'), base)
  }
  return planner.draft(link, ends, { ...base, wantsVlan: true })
}
