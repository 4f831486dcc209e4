import type { DesiredContainer, Limits, UnitKey } from '../model/desired.ts'
import type { FunctionOverride } from '../model/documents.ts'
import {
  type DataCenterName,
  type ImageRef,
  type InstanceName,
  type InterfaceName,
  type Owner,
  type VnfId,
  must,
  parseImageRef,
} from '../model/names.ts'
import { labels } from '../model/ownership.ts'
import type { DeploymentUnit, NetworkFunction, ServicePackage } from '../model/package.ts'
import type { Sap } from './access-points.ts'
import { hashJson } from './hash.ts'
import { containerName, resultsMount, resultsPath } from './identity.ts'
import { cpuDemand, limitsOf } from './limits.ts'
import { type Notice, type Usage, notice } from './result.ts'
import type { EffectiveSettings } from './settings.ts'

/** A container in the making: everything but which instance, copy, replica and data center it is for. */
export interface UnitTemplate {
  readonly role: 'vnf' | 'sap'
  readonly vnf: VnfId
  /** Empty for the only unit of a VNF. */
  readonly vdu: string
  /** Id of the unit in its descriptor. */
  readonly unitId: string
  /** Interfaces with a port on a switch. */
  readonly interfaces: readonly { readonly name: InterfaceName; readonly declared: string }[]
  /** Interface that is Docker's own. */
  readonly management?: InterfaceName
  readonly image: ImageRef | undefined
  readonly imageSource: DesiredContainer['imageSource']
  readonly env: Readonly<Record<string, string>>
  readonly limits: Limits
  readonly privileged: boolean
  readonly demand: Usage
}

const imageNamePart = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-+|-+$/gu, '')
    .slice(0, 100)

/** Name of an image that is built from a package: the VNF's, with the package's digest as tag so that no two packages share one. */
const builtImage = (pack: ServicePackage, item: NetworkFunction, vdu: string): ImageRef => {
  const name = [item.descriptor.name, vdu]
    .map(imageNamePart)
    .filter((part) => part !== '')
    .join('-')
  const text = `${name === '' ? 'vnf' : name}:${pack.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`
  return must(parseImageRef(text), text)
}

const imageOf = (
  pack: ServicePackage,
  item: NetworkFunction,
  unit: DeploymentUnit,
  vdu: string,
  override: FunctionOverride | undefined,
  settings: EffectiveSettings,
): { image: ImageRef | undefined; source: DesiredContainer['imageSource']; notice?: Notice } => {
  const pull = { kind: 'pull', force: settings.forcePull } as const
  if (override?.image !== undefined) return { image: override.image, source: pull }
  if (unit.dockerfile !== undefined && settings.buildDockerfiles) {
    const source = { kind: 'build', package: pack.digest, folder: unit.dockerfile } as const
    return { image: builtImage(pack, item, vdu), source }
  }
  if (unit.image !== undefined) return { image: unit.image, source: pull }
  if (unit.dockerfile !== undefined) {
    const text = `${item.vnfId}: its image is to be built from ${unit.dockerfile} of the package, which images.buildDockerfiles does not allow.`
    return { image: builtImage(pack, item, vdu), source: pull, notice: notice('IMAGE_NEEDS_BUILD', text) }
  }
  const text = `${item.vnfId} is not started: unit ${unit.id} has no container image; name one in spec.functions.`
  return { image: undefined, source: pull, notice: notice('IMAGE_MISSING', text) }
}

/** The units of one function. `managementInterfaces`: those that Docker's own network serves. */
export const functionTemplates = (
  pack: ServicePackage,
  item: NetworkFunction,
  override: FunctionOverride | undefined,
  settings: EffectiveSettings,
  cpus: number,
  managementInterfaces: ReadonlySet<InterfaceName>,
): { readonly templates: readonly UnitTemplate[]; readonly notices: readonly Notice[] } => {
  const notices: Notice[] = []
  const several = item.descriptor.units.length > 1
  const privileged = override?.privileged === true
  if (privileged && !settings.allowPrivileged) {
    notices.push(
      notice(
        'PRIVILEGED_REFUSED',
        `${item.vnfId} runs unprivileged: policy.privileged of the daemon does not allow more.`,
      ),
    )
  }
  const templates = item.descriptor.units.map((unit): UnitTemplate => {
    const vdu = several ? unit.id : ''
    const image = imageOf(pack, item, unit, vdu, override, settings)
    if (image.notice !== undefined) notices.push(image.notice)
    const cpu = { ...unit.cpu, ...override?.resources?.cpu }
    const memory = override?.resources?.memoryBytes ?? unit.memoryBytes
    const { limits, notices: more } = limitsOf(several ? `${item.vnfId}.${vdu}` : item.vnfId, cpu, memory, cpus)
    notices.push(...more)
    const interfaces = item.descriptor.interfaces.filter((entry) => entry.unit === unit.id)
    const management = interfaces.find((entry) => managementInterfaces.has(entry.name))?.name
    return {
      role: 'vnf',
      vnf: item.vnfId,
      vdu,
      unitId: unit.id,
      interfaces: interfaces
        .filter((entry) => !managementInterfaces.has(entry.name))
        .map((entry) => ({ name: entry.name, declared: entry.id })),
      ...(management === undefined ? {} : { management }),
      image: image.image,
      imageSource: image.source,
      env: { VNF_NAME: item.vnfId, ...override?.env },
      limits,
      privileged: privileged && settings.allowPrivileged,
      demand: { cpu: cpuDemand(limits, cpu.vcpus), memoryBytes: limits.memoryBytes },
    }
  })
  return { templates, notices }
}

/** The container of an internal or management SAP. */
export const sapTemplate = (sap: Sap, settings: EffectiveSettings, cpus: number): UnitTemplate => {
  const { limits } = limitsOf(sap.key, { bandwidth: settings.sap.bandwidth }, settings.sap.memoryBytes, cpus)
  return {
    role: 'sap',
    vnf: sap.key,
    vdu: '',
    unitId: '',
    interfaces: [{ name: sap.point.interfaceName, declared: sap.point.interfaceName }],
    image: settings.sap.image,
    imageSource: { kind: 'pull', force: settings.forcePull },
    env: { VNF_NAME: sap.key },
    limits,
    privileged: false,
    demand: { cpu: cpuDemand(limits, undefined), memoryBytes: limits.memoryBytes },
  }
}

/** Raise it only where the same template must give a new container: every running container is then made anew. */
const specHashVersion = 1

export const makeContainer = (
  template: UnitTemplate & { readonly image: ImageRef },
  place: { owner: Owner; instance: InstanceName; copy: number; replica: number; dataCenter: DataCenterName },
  resultsDirectory: string,
): DesiredContainer => {
  const unit: UnitKey = {
    instance: place.instance,
    copy: place.copy,
    vnf: template.vnf,
    vdu: template.vdu,
    replica: place.replica,
  }
  const definition = {
    role: template.role,
    dataCenter: place.dataCenter,
    hostname: template.vnf,
    image: template.image,
    env: template.env,
    volumes: [{ host: resultsPath(resultsDirectory, unit), container: resultsMount }],
    network:
      template.management === undefined
        ? ({ kind: 'none' } as const)
        : ({ kind: 'bridge', interface: template.management } as const),
    privileged: template.privileged,
  }
  // Where an image is pulled from or whether it is pulled anew makes no other container; what it is built from does.
  const built = template.imageSource.kind === 'build' ? template.imageSource : undefined
  const specHash = `${specHashVersion}-${hashJson({ ...definition, built })}`
  return {
    ...unit,
    ...definition,
    name: containerName(place.owner, unit),
    imageSource: template.imageSource,
    limits: template.limits,
    labels: {
      [labels.owner]: place.owner,
      [labels.instance]: place.instance,
      [labels.copy]: String(place.copy),
      [labels.vnf]: template.vnf,
      ...(template.vdu === '' ? {} : { [labels.vdu]: template.vdu }),
      [labels.replica]: String(place.replica),
      [labels.dataCenter]: place.dataCenter,
      [labels.role]: template.role,
      [labels.specHash]: specHash,
    },
    specHash,
  }
}
