import type { ServiceInstance } from '../model/documents.ts'
import type { InstanceName, InterfaceName, Owner, VnfId } from '../model/names.ts'
import type { NetworkFunction, ServiceDescriptor, ServicePackage } from '../model/package.ts'
import { type Sap, isManagementLink } from './access-points.ts'
import { type UnitTemplate, functionTemplates, sapTemplate } from './containers.ts'
import { containerName } from './identity.ts'
import { isImageAllowed } from './images.ts'
import type { Copy } from './resolve.ts'
import { type Notice, type PlannedFunction, notice } from './result.ts'
import type { EffectiveSettings } from './settings.ts'
import type { Wired } from './wire.ts'

/** What one function or SAP container of the service is made of, the same in every copy. */
export interface FunctionPlan {
  readonly vnf: VnfId
  readonly sap?: Sap
  readonly units: readonly UnitTemplate[]
  readonly replicas: number
  readonly pinned?: ServiceInstance['spec']['functions'][number]['dataCenter']
}

/** Interfaces of type management that a management link of the NSD names: Docker's own network takes their place. */
const managementInterfaces = (
  service: ServiceDescriptor,
  item: NetworkFunction,
  settings: EffectiveSettings,
): ReadonlySet<InterfaceName> => {
  if (!settings.dockerManagement) return new Set()
  const links = service.links.filter((link) => isManagementLink(service, link))
  const named = new Set(
    links.flatMap((link) => link.ends.filter((end) => end.owner === item.vnfId).map((end) => end.interface)),
  )
  return new Set(
    item.descriptor.interfaces
      .filter((entry) => entry.type === 'management' && named.has(entry.name))
      .map((entry) => entry.name),
  )
}

/** Functions in the order of the NSD, then containers of SAPs in the order of its connection points. */
export const templatesOf = (
  pack: ServicePackage,
  instance: ServiceInstance,
  saps: readonly Sap[],
  settings: EffectiveSettings,
  cpus: number,
): { readonly templates: readonly FunctionPlan[]; readonly notices: readonly Notice[] } => {
  const { service } = pack
  const notices: Notice[] = []
  const overrides = new Map(instance.spec.functions.map((item) => [item.vnfId, item]))
  for (const id of overrides.keys()) {
    if (service.functions.some((item) => item.vnfId === id)) continue
    const names = service.functions.map((item) => item.vnfId).join(', ')
    notices.push(notice('FUNCTION_UNKNOWN', `spec.functions names ${id}, but the service has only ${names}.`))
  }
  const functions = service.functions.map((item): FunctionPlan => {
    const override = overrides.get(item.vnfId)
    const management = managementInterfaces(service, item, settings)
    const made = functionTemplates(pack, item, override, settings, cpus, management)
    notices.push(...made.notices)
    return {
      vnf: item.vnfId,
      units: made.templates,
      replicas: override?.replicas ?? 1,
      ...(override?.dataCenter === undefined ? {} : { pinned: override.dataCenter }),
    }
  })
  const containers = saps
    .filter((sap) => sap.type !== 'external')
    .map((sap): FunctionPlan => ({ vnf: sap.key, sap, units: [sapTemplate(sap, settings, cpus)], replicas: 1 }))
  const templates = [...functions, ...containers]
  for (const { vnf, units } of templates) {
    const images = units.flatMap(({ image }) => image ?? [])
    for (const image of new Set(images)) {
      if (isImageAllowed(image, settings.allowedImages)) continue
      notices.push(notice('IMAGE_REFUSED', `${vnf}: images.allow of the daemon does not allow the image ${image}.`))
    }
  }
  return { templates, notices }
}

/** Containers as users read them: those that shall be, and those that have no place or no image. */
export const plannedFunctions = (
  owner: Owner,
  instance: InstanceName,
  copies: readonly Copy[],
  wired: Wired,
): readonly PlannedFunction[] =>
  copies.flatMap(({ copy, units }) =>
    units.flatMap((unit) => {
      const { vnf, vdu, role } = unit.template
      const base = { instance, copy, vnf, vdu, role }
      const there = unit.containers.map((container) => ({
        ...base,
        replica: container.replica,
        container: container.name,
        dataCenter: container.dataCenter,
        interfaces: wired.interfacesOf(container.name),
        ...(container.network.kind === 'none' ? {} : { management: container.network.interface }),
      }))
      if (unit.problem === undefined) return there
      const replica = unit.containers.length
      const key = { instance, copy, vnf, vdu, replica }
      const lacking: PlannedFunction = {
        ...base,
        replica,
        container: containerName(owner, key),
        dataCenter: undefined,
        interfaces: [],
        problem: unit.problem,
      }
      return [...there, lacking]
    }),
  )
