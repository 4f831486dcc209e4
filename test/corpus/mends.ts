import { parseImageRef } from '../../src/model/names.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import { cleanInterfaceName } from '../../src/parse/interface-name.ts'
import type { ExpectedPlan } from './expected.ts'
import { mendLinks, targetOf } from './mend-links.ts'
import type { ContainerOutcome, Mend, Outcome } from './outcome.ts'

type Service = ServicePackage['service']

const gibibyte = 1024 ** 3
const legacyRule = "a legacy vnf: means the function's own interface"

/** `vcpus: 2` pinned to CPU number 2; only `cores` is a set of CPU numbers. */
const mendCpuset = (name: string, item: ContainerOutcome, cores: string | undefined): Mend[] => {
  if (cores !== undefined || item.cpuset === '') return []
  const where = `${name} was pinned to ${item.cpuset}`
  item.cpuset = ''
  return [{ rule: 'a count of CPUs is no CPU set', where }]
}

/** Only the first unit was started, with the last one's image. */
const mendUnits = (outcome: Outcome, service: Service): Mend[] =>
  service.functions.flatMap(({ vnfId, descriptor }) => {
    const single = outcome.containers.get(vnfId)
    if (descriptor.units.length === 1 || single === undefined) return []
    outcome.containers.delete(vnfId)
    for (const unit of descriptor.units) {
      const bandwidth = unit.cpu.bandwidth ?? 1
      outcome.containers.set(`${vnfId}.${unit.id}`, {
        ...single,
        image: unit.image ?? '',
        cpuQuota: bandwidth * single.cpuPeriod,
        memoryBytes: unit.memoryBytes ?? 2 * gibibyte,
        interfaces: descriptor.interfaces
          .filter((item) => item.unit === unit.id)
          .map((item): string => item.name)
          .sort(),
        volumes: [`RESULTS/${vnfId}.${unit.id}:/mnt/share/`],
      })
    }
    return [{ rule: 'every unit of a function has a container', where: `${vnfId} has ${descriptor.units.length}` }]
  })

/** A docker file in the package was taken for the name of an image. */
const mendDockerfile = (name: string, item: ContainerOutcome, pack: ServicePackage, vnfName: string): Mend[] => {
  if (!item.image.startsWith('file://')) return []
  const where = `${name}: ${item.image}`
  const built = vnfName.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')
  item.image = `${built}:${pack.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`
  return [{ rule: 'an image built from the package has the name of its VNF', where }]
}

/** In the comparison "if every image were Docker" a virtual machine's disk stands for an image. */
const mendDisk = (name: string, item: ContainerOutcome, image: string | undefined): Mend[] => {
  if (parseImageRef(item.image) !== undefined || image === undefined || item.image === image) return []
  const where = `${name}: ${item.image}`
  item.image = image
  return [{ rule: "comparison only: a disk's address is no image reference", where }]
}

/** `vnf:input` means the function's own `input`; the original made `vnf-input` of it. */
const mendNames = (name: string, item: ContainerOutcome, names: readonly string[]): Mend[] =>
  item.interfaces.flatMap((text, index): Mend[] => {
    if (names.includes(text)) return []
    const own = text.replace(/^vnf-/u, '')
    const short = cleanInterfaceName(text) ?? text
    if (own !== text && names.includes(own)) {
      item.interfaces[index] = own
      return [{ rule: legacyRule, where: `${name}: ${text}` }]
    }
    if (text.length > 15 && names.includes(short)) {
      item.interfaces[index] = short
      return [{ rule: 'interface names longer than 15 characters have a short form', where: `${name}: ${text}` }]
    }
    return []
  })

const mendContainers = (outcome: Outcome, pack: ServicePackage): Mend[] => {
  const { service } = pack
  const mends = mendUnits(outcome, service)
  for (const [name, item] of outcome.containers) {
    const [vnfId = '', ...rest] = name.split('.')
    const found = item.kind === 'vnf' ? service.functions.find((entry) => entry.vnfId === vnfId) : undefined
    const units = found?.descriptor.units
    const unit = units?.find((entry) => units.length === 1 || entry.id === rest.join('.'))
    mends.push(...mendCpuset(name, item, unit?.cpu.cores))
    if (found !== undefined) {
      mends.push(...mendDisk(name, item, unit?.image))
      mends.push(...mendDockerfile(name, item, pack, found.descriptor.name))
    }
    if (found?.descriptor.interfaces.length === 0 && item.interfaces.join() === 'emu0') {
      item.interfaces = []
      mends.push({ rule: 'one interface per connection point, and none where there is none', where: name })
    }
    const names =
      found?.descriptor.interfaces.map((entry): string => entry.name) ??
      service.accessPoints.filter((point) => point.name === name).map((point): string => point.interfaceName)
    mends.push(...mendNames(name, item, names))
    item.interfaces.sort()
  }
  return mends
}

/** All rules on what the original computed. `force`: it computed no addresses, so the rules' are taken. */
export const mendOutcome = (
  outcome: Outcome,
  pack: ServicePackage,
  deploySaps: boolean,
  force: boolean,
): readonly Mend[] => {
  const mends = mendContainers(outcome, pack)
  // References to the plain name found no interface in the original.
  const renamed = mends.some((mend) => mend.rule === legacyRule)
  return [...mends, ...mendLinks(outcome, pack, deploySaps, force || renamed)]
}

/** What the original would have planned, had it not failed: the functions of the run without SAPs, and the SAPs. */
const withSaps = (off: Outcome, service: Service): Outcome => {
  const linked = (name: string): boolean =>
    service.links.some((link) => link.ends.some((end) => end.raw.replace(':', '_') === name))
  for (const point of service.accessPoints) {
    if (!linked(point.name) || (point.type !== 'internal' && point.type !== 'management')) continue
    off.containers.set(point.name, {
      kind: 'sap',
      image: 'sonatanfv/son-emu-sap',
      cpuset: '1',
      cpuPeriod: 1_000_000,
      cpuQuota: 1_000_000,
      memoryBytes: gibibyte,
      interfaces: [point.interfaceName],
      env: { VNF_NAME: point.name },
      volumes: [`RESULTS/${point.name}:/mnt/share/`],
    })
  }
  return off
}

/** Where the original failed and sond goes on: the rule, and the outcome that is then right. Undefined = no rule knows this failure. */
export const failureMend = (
  plan: ExpectedPlan,
  off: Outcome,
  pack: ServicePackage,
  deploySaps: boolean,
): { readonly mend: Mend; readonly outcome: Outcome | undefined } | undefined => {
  const { service } = pack
  const failed = plan.onboard.ok ? plan.start : plan.onboard
  const found = (rule: string, where: string): ReturnType<typeof failureMend> => ({
    mend: { rule, where },
    outcome: withSaps(off, service),
  })
  // The original computed nothing at all on these; what sond makes of them is compared with nothing.
  const alone = (rule: string): ReturnType<typeof failureMend> => ({
    mend: { rule, where: failed?.error ?? '' },
    outcome: undefined,
  })
  if (failed?.step === '_load_vnfd' && plan.notes?.includes('two VNFDs named None: the later one wins') === true) {
    return alone('the keys of 2016 (vnf_name, ns_name) are read')
  }
  if (failed?.step === '_start_vnfd' && failed.error?.startsWith('ValueError') === true) {
    const absent = service.functions.some((item) =>
      item.descriptor.units.some((unit) => unit.memoryBytes === undefined),
    )
    return absent ? alone('requirements that are absent have defaults') : undefined
  }
  if (!deploySaps) return undefined
  if (failed?.step === '_load_saps' && service.accessPoints.length === 0) {
    return found('an NSD without connection_points has no SAPs', failed.error ?? '')
  }
  if (failed?.step === '_calculate_placement') {
    const link = service.links.find(({ ends }) => {
      const targets = ends.map((end) => targetOf(pack, end.raw, true))
      const saps = targets.filter((item) => item.kind === 'external' || (item.kind === 'interface' && item.sap))
      return (
        saps.length > 0 &&
        !targets.some((item) => item.kind === 'unknown interface' || (item.kind === 'interface' && !item.sap))
      )
    })
    return link === undefined ? undefined : found('a SAP linked to no function: that link is skipped', link.id)
  }
  if (failed?.step === '_start_sap') {
    const point = service.accessPoints.find(
      (item) =>
        item.type === 'external' &&
        !service.links.some((link) => link.ends.some((end) => end.raw.replace(':', '_') === item.name)),
    )
    return point === undefined ? undefined : found('a SAP that no link names is a notice', point.id)
  }
  if (failed?.step === '_connect_elans') {
    const link = service.links.find(
      ({ type, ends }) => type === 'E-LAN' && ends.some((end) => targetOf(pack, end.raw, true).kind === 'external'),
    )
    return link === undefined ? undefined : found('an E-LAN with an external SAP starts', link.id)
  }
  return undefined
}
