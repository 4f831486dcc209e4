import type { VirtualLink } from '../model/package.ts'
import type { AccessPoint, ServiceDescriptor } from '../model/package.ts'
import type { LinkId, VnfId } from '../model/names.ts'
import { linkId } from './link-ids.ts'
import { sapKey } from './identity.ts'
import { type Notice, notice } from './result.ts'
import type { EffectiveSettings } from './settings.ts'

/** A service access point that is made. */
export interface Sap {
  readonly point: AccessPoint
  readonly type: 'internal' | 'management' | 'external'
  /** Name of its container or its part in names; the SAP's name unless a function has that. */
  readonly key: VnfId
  /** Under which an external SAP's subnet is held. */
  readonly segment: LinkId
}

/** A reference as written means this point of the NSD. */
export const meansPoint = (raw: string, point: AccessPoint): boolean =>
  raw === point.id || raw.replace(':', '_') === point.name

/** Links that reach a management point of the NSD; with Docker's network for management they are not wired. */
export const isManagementLink = (service: ServiceDescriptor, link: VirtualLink): boolean =>
  service.accessPoints.some(
    (point) => point.type === 'management' && link.ends.some((end) => meansPoint(end.raw, point)),
  )

/** The SAPs to make, in the order of the NSD's connection points. */
export const accessPoints = (
  service: ServiceDescriptor,
  settings: EffectiveSettings,
): { readonly saps: readonly Sap[]; readonly notices: readonly Notice[] } => {
  if (!settings.deploySaps) return { saps: [], notices: [] }
  const notices: Notice[] = []
  const saps: Sap[] = []
  const keys = new Set<string>(service.functions.map((item) => item.vnfId))
  for (const point of service.accessPoints) {
    const type = point.type
    if (type === 'none') {
      notices.push(
        notice(
          'SAP_TYPE',
          `Connection point ${point.id} makes no SAP: its type is neither internal, external nor management.`,
        ),
      )
      continue
    }
    if (type === 'management' && settings.dockerManagement) continue
    if (!service.links.some((link) => link.ends.some((end) => meansPoint(end.raw, point)))) {
      notices.push(notice('SAP_UNLINKED', `SAP ${point.name} is not made: no link names ${point.id}.`))
      continue
    }
    const plain = sapKey(point.name)
    const key = keys.has(plain) ? sapKey(`sap:${point.name}`) : plain
    if (key !== plain) {
      notices.push(notice('SAP_RENAMED', `SAP ${point.name} goes by ${key}, because a function has its name.`))
    }
    keys.add(key)
    saps.push({ point, type, key, segment: linkId(`sap:${point.name}`) })
  }
  return { saps, notices }
}
