import type { EndReference, ServiceDescriptor, VirtualLink } from '../model/package.ts'
import { isManagementLink } from './access-points.ts'
import type { Segment } from './allocate.ts'
import { type LinkDraft, type LinkPlanner, type ResolvedEnd, createLinkPlanner, skip } from './draft.ts'
import { planLan } from './lans.ts'
import { planLine } from './lines.ts'
import { linkId } from './link-ids.ts'
import { type Copy, type End, type Unit, resolveEnd, resolveInner } from './resolve.ts'
import type { Notice } from './result.ts'
import type { EffectiveSettings } from './settings.ts'
import type { Routes } from './topology.ts'

const isLine = (link: VirtualLink): boolean => link.type === 'E-Line'

const plan = (planner: LinkPlanner, link: VirtualLink, resolve: (reference: EndReference) => End): LinkDraft => {
  const ends = link.ends.map((reference): ResolvedEnd => ({ reference: reference.raw, end: resolve(reference) }))
  switch (link.type) {
    case 'E-Line':
      return planLine(planner, link, ends)
    case 'E-LAN':
      return planLan(planner, link, ends)
    case 'E-Tree':
      // References do not tell root from leaves; the format's own life-cycle manager takes it for an E-LAN too.
      planner.tell('E_TREE_AS_LAN', link, `E-Tree ${link.id} is switched like an E-LAN: its leaves reach each other`)
      return planLan(planner, link, ends)
    case 'unknown': {
      const text = `${JSON.stringify(link.typeText)} is no connectivity type; E-Line, E-LAN and E-Tree are`
      return planner.refuse(link, ends, skip('UNKNOWN_TYPE', text))
    }
  }
}

/**
 * Plans the links of one copy: what each joins, who gets an address from it and which way it goes. E-Lines come before E-LANs and both before
 * links inside VNFs, because an interface keeps the first address it gets.
 */
export const planLinks = (
  copy: Copy,
  service: ServiceDescriptor,
  links: readonly VirtualLink[],
  settings: EffectiveSettings,
  routes: Routes,
): {
  readonly drafts: readonly LinkDraft[]
  readonly segments: readonly Segment[]
  readonly notices: readonly Notice[]
} => {
  const notices: Notice[] = []
  const planner = createLinkPlanner(copy, routes, notices)

  const outer = (link: VirtualLink): LinkDraft => {
    const resolve = (reference: EndReference): End => resolveEnd(copy, service, reference)
    const unwired = (): readonly ResolvedEnd[] =>
      link.ends.map((reference) => ({ reference: reference.raw, end: resolve(reference) }))
    if (settings.requireForwardingGraphs && !service.hasForwardingGraphs) {
      const text = 'the NSD has no forwarding_graphs and chaining.requireForwardingGraphs is on'
      return planner.refuse(link, unwired(), skip('NO_FORWARDING_GRAPH', text))
    }
    if (settings.dockerManagement && isManagementLink(service, link)) {
      const why = skip('MANAGEMENT_NETWORK', "Docker's own network serves this management link")
      return planner.draft(link, unwired(), { skipped: why })
    }
    return plan(planner, link, resolve)
  }

  const numbered = links.map((link, at) => ({ link, at }))
  const order = [...numbered.filter(({ link }) => isLine(link)), ...numbered.filter(({ link }) => !isLine(link))]
  const planned = order.map(({ link, at }) => ({ draft: outer(link), at })).sort((a, b) => a.at - b.at)
  const inner = innerLinks(service, copy).map(({ link, units }) =>
    plan(planner, link, (reference) => resolveInner(units, reference)),
  )
  return {
    drafts: [...planned.map(({ draft }) => draft), ...inner],
    segments: [...planner.segments.values()],
    notices,
  }
}

/** Links inside VNFs of several units, with ids of their own. */
const innerLinks = (
  service: ServiceDescriptor,
  copy: Copy,
): readonly { readonly link: VirtualLink; readonly units: readonly Unit[] }[] =>
  service.functions.flatMap(({ vnfId, descriptor }) =>
    descriptor.internalLinks.map((link) => ({
      link: { ...link, id: linkId(`${vnfId}/${link.id}`) },
      units: copy.units.filter((unit) => unit.template.role === 'vnf' && unit.template.vnf === vnfId),
    })),
  )
