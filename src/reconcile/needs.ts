import type { FabricNeeds } from '../desired/result.ts'
import type { SwitchEngine } from '../engine/ports.ts'
import type { DataCenterName, InstanceName } from '../model/names.ts'
import { parseObjectName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { LoopContext } from './context.ts'

type Seen = Pick<Awaited<ReturnType<SwitchEngine['observe']>>, 'bridges' | 'ports'>

/**
 * What ports of instances that are there now need of the fabric: the switches they are on, and their VLANs where trunks carry
 * them. So nothing is taken from under an instance that is only held: suspended, without its package, or without a document.
 */
const needsOfPorts = ({ bridges, ports }: Seen): FabricNeeds => {
  const dataCenters = new Map<string, DataCenterName>()
  for (const { name, externalIds: ids } of bridges) {
    const dataCenter =
      ids[externalIds.instance] === undefined ? parseObjectName(ids[externalIds.dataCenter] ?? '') : undefined
    if (dataCenter !== undefined) dataCenters.set(name, dataCenter)
  }
  const standing = ports.filter((port) => port.externalIds[externalIds.instance] !== undefined)
  const trunks = ports.filter((port) => port.externalIds[externalIds.role] === 'trunk')
  const vlans = new Set(standing.flatMap(({ tag }) => tag ?? []))
  return {
    dataCenters: [...new Set(standing.flatMap(({ bridge }) => dataCenters.get(bridge) ?? []))].sort(),
    lans: [...vlans].map((vlan) => ({
      vlan,
      links: [
        ...new Set(
          trunks
            .filter((port) => port.trunks.includes(vlan))
            .flatMap((port) => port.externalIds[externalIds.link] ?? []),
        ),
      ],
    })),
  }
}

/** What is to be there for one need at least, as texts. */
const claimsOf = ({ dataCenters, lans }: FabricNeeds): readonly string[] => [
  ...dataCenters,
  ...lans.flatMap(({ vlan, links }) => links.map((link) => `${vlan} on ${link}`)),
]

/** Counts the claims of instances, so that a change of one is seen without a walk over all. */
export interface Claims {
  /** True when something is claimed now that nobody claimed, or no longer by anybody. */
  change(instance: InstanceName, fabric: FabricNeeds | undefined): boolean
}

export const createClaims = (): Claims => {
  const claimed = new Map<InstanceName, readonly string[]>()
  const counts = new Map<string, number>()
  return {
    change: (instance, fabric) => {
      const before = claimed.get(instance) ?? []
      const after = fabric === undefined ? [] : claimsOf(fabric)
      const touched = new Set([...before, ...after])
      const there = [...touched].map((claim) => counts.has(claim))
      for (const claim of after) counts.set(claim, (counts.get(claim) ?? 0) + 1)
      for (const claim of before) {
        const count = (counts.get(claim) ?? 0) - 1
        if (count > 0) counts.set(claim, count)
        else counts.delete(claim)
      }
      if (after.length === 0) claimed.delete(instance)
      else claimed.set(instance, after)
      return [...touched].some((claim, index) => counts.has(claim) !== there[index])
    },
  }
}

interface Needs {
  readonly needs: readonly FabricNeeds[]
  /** Something is kept that no instance wishes for: it goes once nothing stands on it any more. */
  readonly isWider: boolean
}

/** What instances need of the fabric: those that were planned, and those that stand on it. */
export const needsOf = async ({ wishes, engines }: LoopContext): Promise<Needs> => {
  const standing = needsOfPorts(await engines.switches.observe({}, []))
  const wished = [...wishes.values()].map(({ fabric }) => fabric)
  const claims = new Set(wished.flatMap(claimsOf))
  return { needs: [...wished, standing], isWider: claimsOf(standing).some((claim) => !claims.has(claim)) }
}
