import type { VirtualLink } from '../model/package.ts'
import {
  type InterfaceEnd,
  type LinkDraft,
  type LinkPlanner,
  type OpenSegment,
  type ResolvedEnd,
  dataCenterOf,
  interfaceKey,
  isInterface,
  isSap,
  replicasOf,
  skip,
  tellKept,
} from './draft.ts'

/** Host address of the end at `index`: by its place on the line, or the next one beside an external SAP. */
const give = (
  planner: LinkPlanner,
  segment: OpenSegment,
  link: VirtualLink,
  end: InterfaceEnd,
  index: number,
): void => {
  const position = segment.pool === 'sap' ? segment.next : index + 1
  const { vnf, vdu } = end.unit.template
  const replicas = replicasOf(end.unit)
  segment.members.push({ vnf, vdu, interface: end.name, link: link.id, replicas, position })
  segment.next = Math.max(segment.next, position + 1)
  planner.addressed.set(interfaceKey(end), link.id)
}

/** Hands the line a segment: that of the line the other way, of its external SAP, or one of its own where an end wants an address. */
const addressLine = (
  planner: LinkPlanner,
  link: VirtualLink,
  ends: readonly ResolvedEnd[],
): OpenSegment | undefined => {
  const external = ends.map(({ end }) => end).find((end) => end.kind === 'external')?.external.sap.segment
  const keys = ends.flatMap(({ end }) => (isInterface(end) ? [interfaceKey(end)] : []))
  const pair = [...keys, external ?? ''].sort().join(' ')
  const back = planner.pairs.get(pair)
  if (back !== undefined) return planner.segments.get(back)
  const wanting = keys.some((key) => !planner.addressed.has(key))
  const own = external === undefined ? undefined : planner.segments.get(external)
  const segment = own ?? (wanting ? planner.open(link.id, 'eline') : undefined)
  if (segment !== undefined) planner.pairs.set(pair, segment.link)
  for (const [index, { end }] of ends.entries()) {
    if (!isInterface(end)) continue
    const before = planner.addressed.get(interfaceKey(end))
    if (before !== undefined) tellKept(planner, link, end, before)
    else if (segment !== undefined) give(planner, segment, link, end, index)
  }
  return segment
}

/** An E-Line: its first two ends, a chain between them. */
export const planLine = (planner: LinkPlanner, link: VirtualLink, all: readonly ResolvedEnd[]): LinkDraft => {
  const [first, second, ...more] = all
  if (first === undefined || second === undefined) {
    const text = `an E-Line joins two ends and this one names ${all.length}`
    return planner.refuse(link, all, skip('TOO_FEW_ENDS', text))
  }
  if (more.length > 0) {
    planner.tell('EXTRA_ENDS', link, `E-Line ${link.id} names ${all.length} ends; it joins the first two`)
  }
  const ends = [first, second]
  const [here, there] = [first.end, second.end]
  if (isSap(here) && isSap(there)) return planner.refuse(link, ends, skip('SAPS_ONLY', 'both ends are SAPs'))
  if (here.kind === 'missing' || there.kind === 'missing') {
    const whys = [here, there].flatMap((end) => (end.kind === 'missing' ? [end.why] : []))
    return planner.refuse(link, ends, skip('END_MISSING', whys.join('; ')))
  }
  const [one, other] = ends.map(({ end }) => (isInterface(end) ? interfaceKey(end) : undefined))
  if (one !== undefined && one === other) {
    return planner.refuse(link, ends, skip('SELF_LINK', 'both ends are the same interface'))
  }
  const segment = addressLine(planner, link, ends)
  const base = { kind: 'line', ...(segment === undefined ? {} : { segment: segment.link }) } as const
  const [from, to] = [dataCenterOf(here), dataCenterOf(there)]
  if (from === undefined || to === undefined) {
    return planner.refuse(link, ends, skip('END_NOT_PLACED', 'an end has no container'), base)
  }
  const hops = planner.routes.path(from, to)
  if (hops === undefined) {
    const text = `no links lead from data center ${from} to ${to}`
    return planner.refuse(link, ends, skip('NO_PATH', text), base)
  }
  const chain = [
    { end: here, at: from, hops: [] },
    { end: there, at: to, hops },
  ] as const
  return planner.draft(link, ends, { ...base, chain, wantsVlan: hops.length > 0 })
}
