import type { DesiredBridge } from '../model/desired.ts'
import type { InstanceName, Owner } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { ServiceDescriptor, VirtualLink } from '../model/package.ts'
import { type Sap, meansPoint } from './access-points.ts'
import { type Addresses, addressMarks, sapAddress } from './interfaces.ts'
import type { PlacementRequest } from './place.ts'
import { type Copy, externalsOf } from './resolve.ts'
import type { PlannedSap } from './result.ts'
import { subnetOf } from './subnets.ts'
import type { Wired } from './wire.ts'

/** The function that a SAP stands beside: at the other end of its first E-Line, else the first on its first other link. */
const neighbourOf = (service: ServiceDescriptor, sap: Sap): string | undefined => {
  const isFunction = (owner: string): boolean => service.functions.some((item) => item.vnfId === owner)
  const functionOn = (link: VirtualLink): string | undefined =>
    link.ends.some((end) => meansPoint(end.raw, sap.point))
      ? link.ends.find((end) => !meansPoint(end.raw, sap.point) && isFunction(end.owner))?.owner
      : undefined
  const lines = service.links.filter((link) => link.type === 'E-Line')
  const others = service.links.filter((link) => link.type !== 'E-Line')
  return [...lines, ...others].map(functionOn).find((owner) => owner !== undefined)
}

/** Where a SAP would best stand. */
export const preferSap = (service: ServiceDescriptor, sap: Sap, copy: number): PlacementRequest['prefer'] => {
  const neighbour = neighbourOf(service, sap)
  return (placed) => (neighbour === undefined ? undefined : placed(copy, neighbour))
}

/** The switches of external SAPs: each with its address on the host, and its subnet masqueraded to the outside. */
export const sapBridges = (
  owner: Owner,
  instance: InstanceName,
  copies: readonly Copy[],
  addresses: Addresses,
  cookie: number,
): readonly DesiredBridge[] =>
  copies.flatMap(externalsOf).flatMap((external): readonly DesiredBridge[] => {
    const { sap, copy, bridge, dataCenter } = external
    const held = sapAddress(addresses, external)
    if (dataCenter === undefined || held === undefined) return []
    return [
      {
        name: bridge,
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
          [externalIds.cookie]: String(cookie),
          [externalIds.role]: 'sap',
          ...addressMarks(held),
        },
        address: held.address,
        nat: subnetOf(held.address),
      },
    ]
  })

/** SAPs as users read them. */
export const plannedSaps = (copies: readonly Copy[], addresses: Addresses, wired: Wired): readonly PlannedSap[] =>
  copies.flatMap((copy) =>
    copy.saps.map((placed): PlannedSap => {
      const base = { name: placed.sap.point.name, copy: copy.copy, type: placed.sap.type }
      if (placed.kind === 'external') {
        const { dataCenter } = placed.external
        const address = sapAddress(addresses, placed.external)?.address
        return address === undefined
          ? { ...base, dataCenter, address, subnet: undefined, problem: 'pool sap has no subnet left' }
          : { ...base, dataCenter, address, subnet: subnetOf(address) }
      }
      const { dataCenter, containers, problem } = placed.unit
      const [container] = containers
      const address = container === undefined ? undefined : wired.interfacesOf(container.name)[0]?.address
      return {
        ...base,
        dataCenter,
        address,
        subnet: address === undefined ? undefined : subnetOf(address),
        ...(container === undefined ? {} : { container: container.name }),
        ...(problem === undefined ? {} : { problem }),
      }
    }),
  )
