import type { DataCenterName, InterfaceName, LinkId } from '../model/names.ts'
import type { VirtualLink } from '../model/package.ts'
import type { Member, Segment } from './allocate.ts'
import { type Copy, type End, type Unit, externalsOf } from './resolve.ts'
import { type Notice, type NoticeCode, type Skip, notice } from './result.ts'
import type { Hop, Routes } from './topology.ts'

/** One end of a link, and whether it takes part. */
export interface DraftEnd {
  readonly reference: string
  readonly end: End
  readonly skipped?: Skip
  /** Set where the end takes part. */
  readonly wired?: WiredEnd
}

/** An end that is there, where it stands, and the way to there from the link's first end. */
export interface WiredEnd {
  readonly end: PresentEnd
  readonly at: DataCenterName
  readonly hops: readonly Hop[]
}

export type PresentEnd = Exclude<End, { readonly kind: 'missing' }>

/** A link as it shall be, before anything is handed out. */
export interface LinkDraft {
  readonly id: LinkId
  readonly copy: number
  readonly link: VirtualLink
  readonly kind: 'line' | 'lan' | 'none'
  readonly ends: readonly DraftEnd[]
  /** Both ends of an E-Line that can be chained. */
  readonly chain?: readonly [WiredEnd, WiredEnd]
  /** Segment that its addresses are of. */
  readonly segment?: LinkId
  readonly wantsVlan: boolean
  readonly skipped?: Skip
}

/** A reference and what it means. */
export interface ResolvedEnd {
  readonly reference: string
  readonly end: End
}

export type InterfaceEnd = End & { readonly kind: 'interface' }

export const isInterface = (end: End): end is InterfaceEnd => end.kind === 'interface'

export const skip = (code: Skip['code'], text: string): Skip => ({ code, text })

export const isSap = (end: End): boolean =>
  end.kind === 'external' || (isInterface(end) && end.unit.template.role === 'sap')

/** Tells the interfaces of one copy apart. */
export const interfaceKey = ({ unit, name }: { readonly unit: Unit; readonly name: InterfaceName }): string =>
  `${unit.template.vnf}/${unit.template.vdu}/${name}`

export const interfaceText = ({ unit: { template }, declared }: InterfaceEnd): string =>
  `${template.vnf}${template.vdu === '' ? '' : `.${template.vdu}`}:${declared}`

/** Where an end stands; undefined while it has no container. */
export const dataCenterOf = (end: PresentEnd): DataCenterName | undefined =>
  end.kind === 'external' ? end.external.dataCenter : end.unit.containers[0]?.dataCenter

/** Replica numbers; the first keeps its address also while it has no place. */
export const replicasOf = (unit: Unit): readonly [number, ...number[]] => {
  const [, ...rest] = unit.containers
  return [0, ...rest.map((container) => container.replica)]
}

/** A segment while links still add to it. */
export interface OpenSegment extends Segment {
  readonly members: Member[]
  readonly usedUp: number[]
  /** Position of the next reference. */
  next: number
}

/** What links of one copy share while they are planned. */
export interface LinkPlanner {
  readonly copy: number
  readonly routes: Routes
  readonly segments: Map<LinkId, OpenSegment>
  /** Interfaces that have an address, with the link that gave it. */
  readonly addressed: Map<string, LinkId>
  /** Interfaces that are on an E-LAN. */
  readonly lanOf: Map<string, LinkId>
  /** Pairs of interfaces that an E-Line joins, with its segment. */
  readonly pairs: Map<string, LinkId>
  readonly open: (link: LinkId, pool: Segment['pool']) => OpenSegment
  readonly tell: (code: NoticeCode, link: VirtualLink, text: string) => void
  readonly draft: (link: VirtualLink, ends: readonly DraftEnd[], more?: Partial<LinkDraft>) => LinkDraft
  /** A link that is not chained; its user is told why. */
  readonly refuse: (link: VirtualLink, ends: readonly DraftEnd[], why: Skip, more?: Partial<LinkDraft>) => LinkDraft
}

export const createLinkPlanner = (copy: Copy, routes: Routes, notices: Notice[]): LinkPlanner => {
  const segments = new Map<LinkId, OpenSegment>()
  const open: LinkPlanner['open'] = (link, pool) => {
    const segment: OpenSegment = { copy: copy.copy, link, pool, members: [], usedUp: [], next: 1 }
    segments.set(link, segment)
    return segment
  }
  for (const { sap } of externalsOf(copy)) {
    const segment = open(sap.segment, 'sap')
    const { interfaceName } = sap.point
    const self = { vnf: sap.key, vdu: '', interface: interfaceName, link: sap.segment, replicas: [0], position: 1 }
    segment.members.push(self)
    segment.next = 2
  }
  const tell: LinkPlanner['tell'] = (code, link, text) => {
    notices.push(notice(code, `${link.file}:${link.line}: ${text}.`))
  }
  const draft: LinkPlanner['draft'] = (link, ends, more = {}) => ({
    id: link.id,
    copy: copy.copy,
    link,
    kind: 'none',
    ends,
    wantsVlan: false,
    ...more,
  })
  return {
    copy: copy.copy,
    routes,
    segments,
    addressed: new Map(),
    lanOf: new Map(),
    pairs: new Map(),
    open,
    tell,
    draft,
    refuse: (link, ends, why, more = {}) => {
      tell('LINK_SKIPPED', link, `link ${link.id} is not chained: ${why.text}`)
      return draft(link, ends, { ...more, skipped: why })
    },
  }
}

/** Says that an interface has its address from an earlier link. */
export const tellKept = (planner: LinkPlanner, link: VirtualLink, end: InterfaceEnd, from: LinkId): void =>
  planner.tell('ADDRESS_KEPT', link, `${interfaceText(end)} keeps its address of link ${from} on link ${link.id} too`)
