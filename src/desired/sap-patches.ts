import type { DesiredPatch } from '../model/desired.ts'
import type { InstanceName, Owner, PortName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { LinkDraft } from './draft.ts'
import type { Attachment } from './flows.ts'
import { dataCenterBridge, sapPort } from './identity.ts'
import type { Addresses } from './interfaces.ts'
import type { ExternalSap } from './resolve.ts'

export interface SapPatches {
  /** Joins the SAP's switch to its data center's for one link; gives the port that is the link's end there. */
  readonly attach: (draft: LinkDraft, external: ExternalSap) => Attachment | undefined
  readonly patches: () => readonly DesiredPatch[]
  /** Switches of SAPs with the ports on them. */
  readonly switches: () => readonly { readonly external: ExternalSap; readonly ports: readonly PortName[] }[]
}

/** Patches between the switches of external SAPs and those of data centers, one for each link on a SAP. */
export const createSapPatches = (input: {
  readonly owner: Owner
  readonly instance: InstanceName
  readonly cookie: number
  readonly addresses: Addresses
  readonly names: (make: (salt: number) => PortName) => PortName
  readonly vlanOf: (draft: LinkDraft) => number | undefined
}): SapPatches => {
  const { owner, instance, names } = input
  const patches: DesiredPatch[] = []
  const ports = new Map<ExternalSap, PortName[]>()
  return {
    attach: (draft, external) => {
      const { sap, dataCenter } = external
      if (dataCenter === undefined) return undefined
      const name = (side: 'dc' | 'sap'): PortName =>
        names((salt) => sapPort(owner, instance, draft.copy, sap.key, draft.id, side, salt))
      const [outer, own] = [name('dc'), name('sap')]
      const bridge = dataCenterBridge(owner, dataCenter)
      const vlan = input.vlanOf(draft)
      const held = input.addresses.get(`${draft.copy}/${sap.key}//${sap.point.interfaceName}/0`)
      const ids = {
        [externalIds.owner]: owner,
        [externalIds.instance]: instance,
        [externalIds.copy]: String(draft.copy),
        [externalIds.vnf]: sap.key,
        [externalIds.interface]: sap.point.interfaceName,
        [externalIds.dataCenter]: dataCenter,
        [externalIds.cookie]: String(input.cookie),
        [externalIds.role]: 'sap',
      }
      patches.push({
        ends: [
          {
            port: outer,
            bridge,
            ...(draft.kind === 'lan' && vlan !== undefined ? { vlan } : {}),
            externalIds: {
              ...ids,
              [externalIds.link]: draft.id,
              ...(vlan === undefined ? {} : { [externalIds.vlan]: String(vlan) }),
            },
          },
          {
            port: own,
            bridge: external.bridge,
            externalIds: {
              ...ids,
              [externalIds.link]: sap.segment,
              ...(held === undefined ? {} : { [externalIds.address]: held.address, [externalIds.pool]: held.pool }),
            },
          },
        ],
      })
      ports.set(external, [...(ports.get(external) ?? []), own])
      return { bridge, ports: [outer] }
    },
    patches: () => patches,
    switches: () => [...ports].map(([external, list]) => ({ external, ports: list })),
  }
}
