import type { LinkId } from '../model/names.ts'
import type { ServiceDescriptor, VirtualLink } from '../model/package.ts'
import { isManagementLink } from './access-points.ts'
import { linkId } from './link-ids.ts'
import type { Member, Segment } from './allocate.ts'
import { type Copy, type End, type Unit, resolveEnd, resolveInner } from './resolve.ts'
import { type Notice, type Skip, notice } from './result.ts'
import type { EffectiveSettings } from './settings.ts'
import type { Hop, Routes } from './topology.ts'

/** An end of a link, and the address that it is to get from this link. */
export interface DraftEnd {
  readonly reference: string
  readonly end: End
  /** By replica; empty where the interface has its address from another link. */
  readonly members: readonly Member[]
  /** Address number that it uses up without having it. */
  readonly usedUp?: number
  readonly skipped?: Skip
  /** Where the end's switch is reached from the first end's; set where the link is wired. */
  readonly hops?: readonly Hop[]
}

/** A link as it shall be, before anything is handed out. */
export interface LinkDraft {
  readonly id: LinkId
  readonly copy: number
  readonly link: VirtualLink
  readonly kind: 'line' | 'lan' | 'none'
  readonly ends: readonly DraftEnd[]
  /** Key of the segment that its addresses are of. */
  readonly segment?: LinkId
  readonly wantsVlan: boolean
  readonly skipped?: Skip
}

interface OpenSegment extends Segment {
  readonly members: Member[]
  readonly usedUp: number[]
  next: number
}

const skip = (code: Skip['code'], text: string): Skip => ({ code, text })

const isSap = (end: End): boolean =>
  end.kind === 'external' || (end.kind === 'interface' && end.unit.template.role === 'sap')

const interfaceKey = (end: End & { kind: 'interface' }): string =>
  `${end.unit.template.vnf}/${end.unit.template.vdu}/${end.name}`

const interfaceText = (end: End & { kind: 'interface' }): string =>
  `${end.unit.template.vnf}${end.unit.template.vdu === '' ? '' : `.${end.unit.template.vdu}`}:${end.declared}`

const dataCenterOf = (end: End): Unit['dataCenter'] => {
  switch (end.kind) {
    case 'external':
      return end.external.dataCenter
    case 'interface':
      return end.unit.containers.length === 0 ? undefined : end.unit.dataCenter
    case 'missing':
      return undefined
  }
}

/** Replica numbers; the first keeps its address also while it has no place. */
const replicasOf = (unit: Unit): readonly number[] =>
  unit.containers.length === 0 ? [0] : unit.containers.map((container) => container.replica)

/**
 * Plans the links of one copy: what each joins, who gets an address from it and which way it goes. E-Lines come before E-LANs and both before
 * links inside VNFs, because an interface keeps the first address it gets.
 */
export const planLinks = (
  copy: Copy,
  service: ServiceDescriptor,
  links: readonly VirtualLink[],
  inner: readonly { readonly link: VirtualLink; readonly units: readonly Unit[] }[],
  settings: EffectiveSettings,
  routes: Routes,
): {
  readonly drafts: readonly LinkDraft[]
  readonly segments: readonly Segment[]
  readonly notices: readonly Notice[]
} => {
  const notices: Notice[] = []
  const segments = new Map<LinkId, OpenSegment>()
  /** Interfaces that have an address, with the link that gave it. */
  const addressed = new Map<string, LinkId>()
  const lanOf = new Map<string, LinkId>()
  const pairs = new Map<string, LinkId>()

  const open = (link: LinkId, pool: Segment['pool']): OpenSegment => {
    const segment: OpenSegment = { copy: copy.copy, link, pool, members: [], usedUp: [], next: 1 }
    segments.set(link, segment)
    return segment
  }
  for (const external of copy.externals) {
    const { sap } = external
    const segment = open(sap.segment, 'sap')
    const name = sap.point.interfaceName
    segment.members.push({ vnf: sap.key, vdu: '', interface: name, link: sap.segment, replicas: [0], position: 1 })
    segment.next = 2
  }

  const draft = (link: VirtualLink, rest: Partial<LinkDraft>): LinkDraft => ({
    id: link.id,
    copy: copy.copy,
    link,
    kind: 'none',
    ends: link.ends.map((reference) => ({
      reference: reference.raw,
      end: { kind: 'missing', why: '' },
      members: [],
    })),
    wantsVlan: false,
    ...rest,
  })

  const refuse = (link: VirtualLink, why: Skip, ends?: readonly DraftEnd[]): LinkDraft => {
    notices.push(notice('LINK_SKIPPED', `${link.file}:${link.line}: link ${link.id} is not chained: ${why.text}.`))
    return draft(link, { skipped: why, ...(ends === undefined ? {} : { ends }) })
  }

  const give = (segment: OpenSegment, end: End & { kind: 'interface' }, link: LinkId, position: number): Member => {
    const { vnf, vdu } = end.unit.template
    const member: Member = { vnf, vdu, interface: end.name, link, replicas: replicasOf(end.unit), position }
    segment.members.push(member)
    segment.next = Math.max(segment.next, position + 1)
    addressed.set(interfaceKey(end), link)
    return member
  }

  const keeps = (end: End & { kind: 'interface' }, link: VirtualLink): void => {
    const from = addressed.get(interfaceKey(end)) ?? link.id
    notices.push(
      notice(
        'ADDRESS_KEPT',
        `${link.file}:${link.line}: ${interfaceText(end)} keeps its address of link ${from} on link ${link.id} too.`,
      ),
    )
  }

  const planLine = (link: VirtualLink, resolve: (index: number) => End | undefined): LinkDraft => {
    const [first, second] = [resolve(0), resolve(1)]
    if (first === undefined || second === undefined) {
      return refuse(link, skip('TOO_FEW_ENDS', `an E-Line joins two ends and this one names ${link.ends.length}`))
    }
    if (link.ends.length > 2) {
      notices.push(
        notice(
          'EXTRA_ENDS',
          `${link.file}:${link.line}: E-Line ${link.id} names ${link.ends.length} ends; it joins the first two.`,
        ),
      )
    }
    const both = [first, second] as const
    const bare = both.map((end, index) => ({ reference: link.ends[index]?.raw ?? '', end, members: [] }))
    const whys = both.flatMap((end) => (end.kind === 'missing' ? [end.why] : []))
    if (both.every(isSap)) return refuse(link, skip('SAPS_ONLY', 'both ends are SAPs'), bare)
    if (whys.length > 0) return refuse(link, skip('END_MISSING', whys.join('; ')), bare)
    const functions = both.filter((end) => end.kind === 'interface')
    const keys = functions.map(interfaceKey)
    if (keys.length === 2 && keys[0] === keys[1]) {
      return refuse(link, skip('SELF_LINK', 'both ends are the same interface'), bare)
    }
    const external = both.find((end) => end.kind === 'external')?.external
    const pair = [...keys, ...(external === undefined ? [] : [external.sap.segment])].sort().join(' ')
    const back = pairs.get(pair)
    const fresh = functions.filter((end) => !addressed.has(interfaceKey(end)))
    const segment = back ?? external?.sap.segment ?? (fresh.length === 0 ? undefined : open(link.id, 'eline').link)
    if (segment !== undefined && back === undefined) pairs.set(pair, segment)
    const opened = segment === undefined ? undefined : segments.get(segment)
    const ends = both.map((end, index): DraftEnd => {
      const reference = link.ends[index]?.raw ?? ''
      if (end.kind !== 'interface' || opened === undefined) return { reference, end, members: [] }
      if (fresh.includes(end)) {
        return {
          reference,
          end,
          members: [give(opened, end, link.id, external === undefined ? index + 1 : opened.next)],
        }
      }
      if (back === undefined) keeps(end, link)
      return { reference, end, members: [] }
    })
    const rest = { kind: 'line', ...(segment === undefined ? {} : { segment }) } as const
    const [from, to] = [dataCenterOf(first), dataCenterOf(second)]
    if (from === undefined || to === undefined) {
      return { ...refuse(link, skip('END_NOT_PLACED', 'an end has no container'), ends), ...rest }
    }
    const hops = routes.path(from, to)
    if (hops === undefined) {
      return { ...refuse(link, skip('NO_PATH', `no links lead from data center ${from} to ${to}`), ends), ...rest }
    }
    const wired = ends.map((end, index) => ({ ...end, hops: index === 0 ? [] : hops }))
    return draft(link, { ...rest, ends: wired, wantsVlan: hops.length > 0 })
  }

  const planLan = (link: VirtualLink, resolve: (index: number) => End | undefined): LinkDraft => {
    const resolved = link.ends.flatMap((reference, index) => {
      const end = resolve(index)
      return end === undefined ? [] : [{ reference: reference.raw, end }]
    })
    if (resolved.length === 0) return refuse(link, skip('TOO_FEW_ENDS', 'it names no ends'))
    const external = resolved.map((item) => item.end).find((end) => end.kind === 'external')?.external
    const known = external === undefined ? undefined : segments.get(external.sap.segment)
    const segment = known ?? open(link.id, 'elan')
    const root = resolved.map((item) => dataCenterOf(item.end)).find((name) => name !== undefined)
    const left = (reference: string, why: Skip): Skip => {
      notices.push(
        notice(
          'MEMBER_SKIPPED',
          `${link.file}:${link.line}: ${reference} takes no part in link ${link.id}: ${why.text}.`,
        ),
      )
      return why
    }
    const more: (() => void)[] = []
    const ends = resolved.map(({ reference, end }): DraftEnd => {
      if (end.kind === 'external') {
        const wired = { reference, end, members: [] }
        if (end.external !== external) {
          return {
            ...wired,
            skipped: left(reference, skip('SECOND_EXTERNAL_SAP', 'the link has an external SAP already')),
          }
        }
        const hops = path(root, end)
        return hops.skipped === undefined
          ? { ...wired, hops: hops.hops }
          : { ...wired, skipped: left(reference, hops.skipped) }
      }
      const position = segment.next
      segment.next += 1
      const spend = (): number => {
        segment.usedUp.push(position)
        return position
      }
      if (end.kind === 'missing') {
        return { reference, end, members: [], usedUp: spend(), skipped: left(reference, skip('END_MISSING', end.why)) }
      }
      const key = interfaceKey(end)
      const lan = lanOf.get(key)
      if (lan !== undefined) {
        const why =
          lan === link.id
            ? skip('REPEATED_END', 'it is named twice')
            : skip('INTERFACE_TAKEN', `${interfaceText(end)} is on E-LAN ${lan} already`)
        return { reference, end, members: [], usedUp: spend(), skipped: left(reference, why) }
      }
      lanOf.set(key, link.id)
      const members: Member[] = []
      const usedUp = addressed.has(key) ? spend() : undefined
      if (usedUp === undefined) {
        const [head = 0, ...rest] = replicasOf(end.unit)
        const { vnf, vdu } = end.unit.template
        const member = { vnf, vdu, interface: end.name, link: link.id }
        members.push({ ...member, replicas: [head], position })
        more.push(() => {
          for (const replica of rest) members.push({ ...member, replicas: [replica] })
          segment.members.push(...members)
        })
        addressed.set(key, link.id)
      } else keeps(end, link)
      const base = { reference, end, members, ...(usedUp === undefined ? {} : { usedUp }) }
      const hops = path(root, end)
      return hops.skipped === undefined
        ? { ...base, hops: hops.hops }
        : { ...base, skipped: left(reference, hops.skipped) }
    })
    for (const add of more) add()
    const rest = { kind: 'lan', segment: segment.link, ends } as const
    const wired = ends.filter((end) => end.skipped === undefined)
    if (wired.length === 0) {
      const why = ends.find((end) => end.skipped !== undefined)?.skipped ?? skip('END_MISSING', 'no end exists')
      return { ...refuse(link, { code: why.code, text: 'none of its ends is there' }), ...rest }
    }
    return draft(link, { ...rest, wantsVlan: true })
  }

  const path = (
    root: Unit['dataCenter'],
    end: End,
  ): { readonly hops: readonly Hop[]; readonly skipped?: undefined } | { readonly skipped: Skip } => {
    const at = dataCenterOf(end)
    if (root === undefined || at === undefined) return { skipped: skip('END_NOT_PLACED', 'it has no container') }
    const hops = routes.path(root, at)
    return hops === undefined
      ? { skipped: skip('NO_PATH', `no links lead from data center ${root} to ${at}`) }
      : { hops }
  }

  const plan = (link: VirtualLink, resolve: (index: number) => End | undefined): LinkDraft => {
    switch (link.type) {
      case 'E-Line':
        return planLine(link, resolve)
      case 'E-Tree':
        notices.push(
          notice(
            'E_TREE_AS_LAN',
            `${link.file}:${link.line}: E-Tree ${link.id} is switched like an E-LAN: its leaves reach each other.`,
          ),
        )
        return planLan(link, resolve)
      case 'E-LAN':
        return planLan(link, resolve)
      case 'unknown': {
        const text = `${JSON.stringify(link.typeText)} is no connectivity type; E-Line, E-LAN and E-Tree are`
        return refuse(link, skip('UNKNOWN_TYPE', text))
      }
    }
  }

  const outer = (link: VirtualLink): LinkDraft => {
    if (settings.requireForwardingGraphs && !service.hasForwardingGraphs) {
      return refuse(
        link,
        skip('NO_FORWARDING_GRAPH', 'the NSD has no forwarding_graphs and chaining.requireForwardingGraphs is on'),
      )
    }
    if (settings.dockerManagement && isManagementLink(service, link)) {
      return draft(link, { skipped: skip('MANAGEMENT_NETWORK', "Docker's own network serves this management link") })
    }
    return plan(link, (index) => {
      const reference = link.ends[index]
      return reference === undefined ? undefined : resolveEnd(copy, service, reference)
    })
  }

  const isLine = (link: VirtualLink): boolean => link.type === 'E-Line'
  const byId = new Map<LinkId, LinkDraft>()
  for (const link of [...links.filter(isLine), ...links.filter((item) => !isLine(item))]) byId.set(link.id, outer(link))
  const innerDrafts = inner.map(({ link, units }) =>
    plan(link, (index) => {
      const reference = link.ends[index]
      return reference === undefined ? undefined : resolveInner(units, reference)
    }),
  )
  return {
    drafts: [...links.flatMap((link) => byId.get(link.id) ?? []), ...innerDrafts],
    segments: [...segments.values()],
    notices,
  }
}

/** Links inside VNFs of several units, with ids of their own. */
export const innerLinks = (
  service: ServiceDescriptor,
  copy: Copy,
): readonly { readonly link: VirtualLink; readonly units: readonly Unit[] }[] =>
  service.functions.flatMap(({ vnfId, descriptor }) =>
    descriptor.internalLinks.map((link) => ({
      link: { ...link, id: linkId(`${vnfId}/${link.id}`) },
      units: copy.units.filter((unit) => unit.template.role === 'vnf' && unit.template.vnf === vnfId),
    })),
  )
