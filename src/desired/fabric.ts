import type { DesiredBridge, DesiredPatch, DesiredState, DesiredTrunk, PatchEnd } from '../model/desired.ts'
import type { DataCenterName, Owner } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import { askedOf } from '../model/shaping.ts'
import { dataCenterBridge, trunkPort } from './identity.ts'
import type { FabricNeeds, Topology } from './result.ts'
import { usableLinks } from './topology.ts'

/** The switch of a data center; the same in the fabric's scope and in that of each instance that stands on it. */
export const dataCenterState = (owner: Owner, dataCenter: DataCenterName): DesiredBridge => ({
  name: dataCenterBridge(owner, dataCenter),
  role: 'datacenter',
  dataCenter,
  externalIds: {
    [externalIds.owner]: owner,
    [externalIds.dataCenter]: dataCenter,
    [externalIds.role]: 'datacenter',
  },
})

interface FabricInput {
  readonly owner: Owner
  readonly topology: Topology
  /** Of every instance, also of those that are only held; a VLAN that is missing here is taken off the trunks. */
  readonly needs: readonly FabricNeeds[]
}

/** Switches of declared data centers and of those in use, and the trunks between them. */
export const desireFabric = ({ owner, topology, needs }: FabricInput): DesiredState => {
  const declared = topology.dataCenters.map((item) => item.metadata.name)
  const known = new Set([...declared, ...needs.flatMap((item) => item.dataCenters)])
  const patches: DesiredPatch[] = []
  const trunks: DesiredTrunk[] = []
  for (const link of usableLinks(topology.links, known)) {
    const name = link.metadata.name
    const vlans = needs.flatMap((item) => item.lans.filter((lan) => lan.links.includes(name)).map((lan) => lan.vlan))
    const carried = [...new Set(vlans)].sort((a, b) => a - b)
    const end = (at: DataCenterName): PatchEnd => ({
      port: trunkPort(owner, name, at),
      bridge: dataCenterBridge(owner, at),
      ...(carried.length === 0 ? {} : { trunks: carried }),
      externalIds: {
        [externalIds.owner]: owner,
        [externalIds.dataCenter]: at,
        [externalIds.link]: name,
        [externalIds.role]: 'trunk',
      },
    })
    const [a, b] = link.spec.endpoints
    const ends = [end(a), end(b)] as const
    const { bandwidthBitsPerSecond, delayMs, jitterMs, lossPercent } = link.spec
    if (askedOf(link.spec).length > 0) {
      const shaping = {
        ...(bandwidthBitsPerSecond === undefined ? {} : { bandwidthBitsPerSecond }),
        ...(delayMs === undefined ? {} : { delayMs }),
        ...(jitterMs === undefined ? {} : { jitterMs }),
        ...(lossPercent === undefined ? {} : { lossPercent }),
      }
      trunks.push({ link: name, ends, shaping })
    } else patches.push({ ends })
  }
  return {
    scope: { kind: 'fabric' },
    bridges: [...known].sort().map((name) => dataCenterState(owner, name)),
    containers: [],
    interfaces: [],
    patches,
    trunks,
    flows: [],
  }
}
