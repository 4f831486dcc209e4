import type { DesiredFlow } from '../model/desired.ts'
import type { BridgeName, Cookie, DataCenterName, LinkId, PortName } from '../model/names.ts'
import type { Hop } from './topology.ts'

/** Whose flow it is. */
export interface FlowOwner {
  readonly copy: number
  readonly link: LinkId
}

/** One end of a chain: its ports on one switch; several = replicas, in the same order wherever they are named. */
export interface Attachment {
  readonly bridge: BridgeName
  readonly ports: readonly PortName[]
}

/** The way of a chain; with hops it has a VLAN of its own. */
export interface Way {
  readonly hops: readonly Hop[]
  readonly vlan: number | undefined
  readonly bridgeOf: (name: DataCenterName) => BridgeName
}

/** The switch's own device on the host, by OpenFlow's name for it. */
type FlowPort = PortName | 'LOCAL'

interface Entry {
  readonly owner: FlowOwner
  readonly bridge: BridgeName
  readonly inPort: FlowPort
  /** Tag that the frames come with, over a trunk. */
  readonly vlan?: number
  /** Local ends, each a list of replicas. */
  readonly groups: FlowPort[][]
  /** Trunks to send on over, with the tag of the chain. */
  readonly onward: { readonly vlan: number; readonly port: PortName }[]
  switched: boolean
}

/** Priority of all flows; ARP towards replicas lies above. */
const chainPriority = 10
const arpPriority = 11
/** OFPVID_PRESENT of OpenFlow 1.2 and later: set in `vlan_vid` of every tagged frame. */
const vlanPresent = 4096

const isPort = (port: FlowPort): port is PortName => port !== 'LOCAL'

const output = (port: FlowPort): string => (port === 'LOCAL' ? 'LOCAL' : `output:${port}`)

const spread = (group: readonly FlowPort[]): string =>
  group.length === 1 ? group.map(output).join(',') : `bundle(symmetric_l3l4,0,hrw,ofport,members:${group.join(',')})`

const everyOne = (group: readonly FlowPort[]): string => group.map(output).join(',')

const actions = (entry: Entry, deliver: (group: readonly FlowPort[]) => string): string => {
  const local = [...entry.groups.map(deliver), ...(entry.switched ? ['NORMAL'] : [])]
  if (entry.vlan !== undefined) {
    const on = entry.onward.map((item) => output(item.port))
    // A tag that comes in over a trunk goes on as it is, and away before the frame reaches a function.
    return [...on, ...(entry.groups.length > 0 ? ['pop_vlan'] : []), ...local].join(',')
  }
  const on = entry.onward.map(
    (item, index) =>
      `${index === 0 ? 'push_vlan:0x8100,' : ''}set_field:${vlanPresent + item.vlan}->vlan_vid,${output(item.port)}`,
  )
  return [...local, ...on].join(',')
}

export interface FlowTable {
  /** One direction of a chain. Gives the owners of the flows that it is part of. */
  readonly chain: (owner: FlowOwner, from: Attachment, to: Attachment, way: Way) => readonly FlowOwner[]
  /** Frames from this port are switched within its VLAN. */
  readonly normal: (owner: FlowOwner, bridge: BridgeName, port: PortName, vlan?: number) => void
  /** Every port of a SAP's own switch, and the switch's device, reach each other. */
  readonly hub: (owner: FlowOwner, bridge: BridgeName, ports: readonly PortName[]) => void
  readonly flows: (cookie: (owner: FlowOwner) => Cookie) => readonly DesiredFlow[]
}

/** Collects what shall happen to frames by where they come in, so that links on one interface add up instead of overwriting. */
export const createFlowTable = (): FlowTable => {
  const entries = new Map<string, Entry>()

  const entryOf = (owner: FlowOwner, bridge: BridgeName, inPort: FlowPort, vlan?: number): Entry => {
    const key = `${bridge} ${inPort} ${vlan ?? ''}`
    const entry: Entry = entries.get(key) ?? {
      owner,
      bridge,
      inPort,
      ...(vlan === undefined ? {} : { vlan }),
      groups: [],
      onward: [],
      switched: false,
    }
    entries.set(key, entry)
    return entry
  }
  const deliver = (entry: Entry, group: readonly FlowPort[]): void => {
    if (!entry.groups.some((item) => item.join() === group.join())) entry.groups.push([...group])
  }
  const onward = (entry: Entry, port: PortName, vlan: number): void => {
    if (!entry.onward.some((item) => item.port === port && item.vlan === vlan)) entry.onward.push({ port, vlan })
  }

  return {
    chain: (owner, from, to, { hops, vlan, bridgeOf }) => {
      const starts = from.ports.map((port) => entryOf(owner, from.bridge, port))
      const [first] = hops
      if (first === undefined || vlan === undefined) {
        for (const entry of starts) deliver(entry, to.ports)
      } else {
        for (const entry of starts) onward(entry, first.out, vlan)
        for (const [index, hop] of hops.entries()) {
          const entry = entryOf(owner, bridgeOf(hop.to), hop.in, vlan)
          const next = hops[index + 1]
          if (next === undefined) deliver(entry, to.ports)
          else onward(entry, next.out, vlan)
        }
      }
      return starts.map((entry) => entry.owner)
    },
    normal: (owner, bridge, port, vlan) => {
      entryOf(owner, bridge, port, vlan).switched = true
    },
    hub: (owner, bridge, ports) => {
      const all: readonly FlowPort[] = ['LOCAL', ...ports]
      for (const port of all) {
        for (const other of all) if (other !== port) deliver(entryOf(owner, bridge, port), [other])
      }
    },
    flows: (cookie) =>
      [...entries.values()].flatMap((entry) => {
        const at = `in_port=${entry.inPort}${entry.vlan === undefined ? '' : `,dl_vlan=${entry.vlan}`}`
        const named = [entry.inPort, ...entry.groups.flat(), ...entry.onward.map((item) => item.port)]
        const flow: DesiredFlow = {
          bridge: entry.bridge,
          cookie: cookie(entry.owner),
          priority: chainPriority,
          match: at,
          actions: actions(entry, spread),
          copy: entry.owner.copy,
          link: entry.owner.link,
          needs: [...new Set(named.filter(isPort))],
        }
        if (entry.groups.every((group) => group.length === 1)) return [flow]
        // Each replica must learn its neighbours and answer for the address they share.
        return [flow, { ...flow, priority: arpPriority, match: `arp,${at}`, actions: actions(entry, everyOne) }]
      }),
  }
}
