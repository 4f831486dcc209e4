import type { DesireResult } from '../../src/desired/result.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import type { ContainerOutcome, Outcome } from './outcome.ts'

/** What sond makes of a package, in the predecessor's form. */
export const actualOutcome = (pack: ServicePackage, result: DesireResult, resultsDirectory: string): Outcome => {
  const unitName = (vnf: string, vdu: string): string => (vdu === '' ? vnf : `${vnf}.${vdu}`)
  // Those of the NSD come first, in its order; links inside functions follow.
  const links = result.links.slice(0, pack.service.links.length)
  const references = new Map(
    links.map((link, index) => [link, pack.service.links[index]?.ends.map((end) => end.raw) ?? []]),
  )
  const ignored = links.filter((link) => link.skipped?.code === 'NO_FORWARDING_GRAPH')
  const wired = links.filter((link) => !ignored.includes(link))
  const external = new Set(result.saps.filter((sap) => sap.type === 'external').map((sap) => sap.name))
  return {
    containers: new Map(
      result.desired.containers.map((item): [string, ContainerOutcome] => [
        unitName(item.vnf, item.vdu),
        {
          kind: item.role,
          image: item.image,
          cpuset: item.limits.cpuset,
          cpuPeriod: item.limits.cpuPeriod,
          cpuQuota: item.limits.cpuQuota,
          memoryBytes: item.limits.memoryBytes,
          interfaces: result.desired.interfaces
            .filter((wire) => wire.container === item.name)
            .map((wire): string => wire.name)
            .sort(),
          env: { ...item.env },
          volumes: item.volumes.map(
            (volume) =>
              `${volume.host.replace(`${resultsDirectory}/${item.instance}/${item.copy}/`, 'RESULTS/')}:${volume.container}`,
          ),
        },
      ]),
    ),
    lines: wired
      .filter((link) => link.type === 'E-Line')
      .map((link) => {
        const skipped = link.skipped?.code ?? ''
        if (skipped !== '' && skipped !== 'END_MISSING' && skipped !== 'SAPS_ONLY')
          throw new Error(`unexpected skip ${skipped}`)
        return {
          id: link.id,
          references: references.get(link) ?? [],
          skipped,
          subnet: link.subnet ?? '',
          addresses: skipped === '' ? link.endpoints.slice(0, 2).map((end): string => end.address ?? '') : [],
        }
      }),
    lans: wired
      .filter((link) => link.type !== 'E-Line')
      .map((link) => ({
        id: link.id,
        references: link.endpoints.map((end) => end.reference),
        subnet: link.subnet ?? '',
        members: link.endpoints
          .filter((end) => !external.has(end.vnf))
          .map((end) => {
            const present = end.skipped === undefined
            return { reference: end.reference, present, address: present ? (end.address ?? '') : '' }
          }),
      })),
    externalSaps: new Map(
      result.saps
        .filter((sap) => sap.type === 'external')
        .map((sap) => [sap.name, { address: sap.address ?? '', subnet: sap.subnet ?? '' }]),
    ),
    addresses: new Map(
      result.functions.flatMap((item) =>
        item.interfaces.flatMap((wire): [string, string][] =>
          wire.address === undefined ? [] : [[`${unitName(item.vnf, item.vdu)}:${wire.name}`, wire.address]],
        ),
      ),
    ),
    ignored: ignored.map((link) => link.id),
  }
}
