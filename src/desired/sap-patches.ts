import type { DesiredPatch } from '../model/desired.ts'
import type { DataCenterName, InstanceName, Owner, PortName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { LinkDraft } from './draft.ts'
import type { Attachment } from './flows.ts'
import { dataCenterBridge, sapPort } from './identity.ts'
import { type Addresses, addressMarks, sapAddress } from './interfaces.ts'
import { createMultiMap } from './multi-map.ts'
import type { ExternalSap } from './resolve.ts'

export interface SapPatches {
  /** Joins the SAP's switch to its data center's for one link; gives the port that is the link's end there. */
  readonly attach: (draft: LinkDraft, external: ExternalSap, at: DataCenterName) => Attachment
  readonly patches: () => readonly DesiredPatch[]
  /** Switches of SAPs with the ports on them. */
  readonly switches: () => readonly (readonly [ExternalSap, readonly PortName[]])[]
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
  const ports = createMultiMap<ExternalSap, PortName>()
  return {
    attach: (draft, external, at) => {
      const { sap } = external
      const name = (side: 'dc' | 'sap'): PortName =>
        names((salt) => sapPort(owner, instance, draft.copy, sap.key, draft.id, side, salt))
      const [outer, own] = [name('dc'), name('sap')]
      const bridge = dataCenterBridge(owner, at)
      const vlan = input.vlanOf(draft)
      const ids = {
        [externalIds.owner]: owner,
        [externalIds.instance]: instance,
        [externalIds.copy]: String(draft.copy),
        [externalIds.vnf]: sap.key,
        [externalIds.interface]: sap.point.interfaceName,
        [externalIds.dataCenter]: at,
        [externalIds.cookie]: String(input.cookie),
        [externalIds.role]: 'sap',
      }
      const seen = vlan === undefined ? {} : { [externalIds.vlan]: String(vlan) }
      const marks = addressMarks(sapAddress(input.addresses, external))
      patches.push({
        ends: [
          {
            port: outer,
            bridge,
            ...(draft.kind === 'lan' && vlan !== undefined ? { vlan } : {}),
            externalIds: { ...ids, [externalIds.link]: draft.id, ...seen },
          },
          { port: own, bridge: external.bridge, externalIds: { ...ids, [externalIds.link]: sap.segment, ...marks } },
        ],
      })
      ports.add(external, own)
      return { bridge, ports: [outer] }
    },
    patches: () => patches,
    switches: ports.entries,
  }
}
