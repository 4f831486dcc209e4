import type { DesiredBridge } from '../model/desired.ts'
import type { InstanceName, Owner } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { ServiceDescriptor, VirtualLink } from '../model/package.ts'
import { type Sap, meansPoint } from './access-points.ts'
import type { Allocated, Segment } from './allocate.ts'
import type { PlacementRequest } from './place.ts'
import type { Copy, ExternalSap } from './resolve.ts'
import type { PlannedSap } from './result.ts'
import type { Wired } from './wire.ts'

/** The function that a SAP stands beside: at the other end of its first E-Line, else the first on its first other link. */
export const neighbourOf = (service: ServiceDescriptor, sap: Sap): string | undefined => {
  const isFunction = (owner: string): boolean => service.functions.some((item) => item.vnfId === owner)
  const functionOn = (link: VirtualLink): string | undefined =>
    link.ends.some((end) => meansPoint(end.raw, sap.point))
      ? link.ends.find((end) => !meansPoint(end.raw, sap.point) && isFunction(end.owner))?.owner
      : undefined
  const lines = service.links.filter((link) => link.type === 'E-Line')
  const others = service.links.filter((link) => link.type !== 'E-Line')
  return [...lines, ...others].map(functionOn).find((owner) => owner !== undefined)
}

/** Where a SAP would stand, by policy. */
export const preferSap = (service: ServiceDescriptor, sap: Sap, copy: number): PlacementRequest['prefer'] => {
  const neighbour = neighbourOf(service, sap)
  return (placed) => (neighbour === undefined ? undefined : placed(copy, neighbour))
}

/** The switches of external SAPs: each with its address on the host, and its subnet masqueraded to the outside. */
export const sapBridges = (
  owner: Owner,
  instance: InstanceName,
  copies: readonly Copy[],
  segments: readonly Segment[],
  allocated: Allocated,
): readonly DesiredBridge[] =>
  copies.flatMap(({ externals }) =>
    externals.flatMap((external) => {
      const { sap, copy, dataCenter } = external
      const { subnet, address } = held(external, segments, allocated)
      if (dataCenter === undefined || subnet === undefined || address === undefined) return []
      return {
        name: external.bridge,
        role: 'sap',
        dataCenter,
        instance,
        externalIds: {
          [externalIds.owner]: owner,
          [externalIds.instance]: instance,
          [externalIds.copy]: String(copy),
          [externalIds.vnf]: sap.key,
          [externalIds.replica]: '0',
          [externalIds.interface]: sap.point.interfaceName,
          [externalIds.dataCenter]: dataCenter,
          [externalIds.link]: sap.segment,
          [externalIds.address]: address,
          [externalIds.pool]: 'sap',
          [externalIds.cookie]: String(allocated.cookie),
          [externalIds.role]: 'sap',
        },
        address,
        nat: subnet,
      } as const
    }),
  )

const held = (
  external: ExternalSap,
  segments: readonly Segment[],
  allocated: Allocated,
): Pick<PlannedSap, 'subnet' | 'address'> => {
  const segment = segments.find((item) => item.copy === external.copy && item.link === external.sap.segment)
  const member = segment?.members[0]
  if (segment === undefined || member === undefined) return { subnet: undefined, address: undefined }
  return { subnet: allocated.subnet(segment), address: allocated.address(segment, member) }
}

/** SAPs as users read them. */
export const plannedSaps = (
  copies: readonly Copy[],
  segments: readonly Segment[],
  allocated: Allocated,
  wired: Wired,
): readonly PlannedSap[] =>
  copies.flatMap((copy) =>
    copy.saps.flatMap((sap): readonly PlannedSap[] => {
      const base = { name: sap.point.name, copy: copy.copy, type: sap.type }
      const external = copy.externals.find((item) => item.sap === sap)
      if (external !== undefined) {
        const { subnet, address } = held(external, segments, allocated)
        const problem = subnet === undefined ? 'pool sap has no subnet left' : undefined
        const more = problem === undefined ? {} : { problem }
        return [{ ...base, dataCenter: external.dataCenter, subnet, address, ...more }]
      }
      const unit = copy.units.find((item) => item.template.role === 'sap' && item.template.vnf === sap.key)
      if (unit === undefined) return []
      const [container] = unit.containers
      const [first] = container === undefined ? [] : wired.interfacesOf(container.name)
      const link = wired.links.find((item) => item.copy === copy.copy && item.id === first?.link)
      return [
        {
          ...base,
          dataCenter: unit.dataCenter,
          subnet: link?.subnet,
          address: first?.address,
          ...(container === undefined ? {} : { container: container.name }),
          ...(unit.problem === undefined ? {} : { problem: unit.problem }),
        },
      ]
    }),
  )
