import type { DesiredFlow } from '../model/desired.ts'
import type { BridgeName, Cookie, DataCenterName, LinkId, PortName } from '../model/names.ts'
import {
  type Group,
  type Rule,
  families,
  groupRules,
  ofReplica,
  toAnyReplica,
  toEveryReplica,
  toReplica,
} from './groups.ts'
import type { Hop } from './topology.ts'

/** Whose flow it is. */
export interface FlowOwner {
  readonly copy: number
  readonly link: LinkId
}

/** One end of a chain: its ports on one switch. */
export interface Attachment {
  readonly bridge: BridgeName
  readonly ports: readonly PortName[]
  /** Set where there are several: replicas. */
  readonly group?: Group
}

/** The way of a chain; with hops it has a VLAN of its own. */
export interface Way {
  readonly hops: readonly Hop[]
  readonly vlan: number | undefined
  readonly bridgeOf: (name: DataCenterName) => BridgeName
}

/** The switch's own device on the host, by OpenFlow's name for it. */
type FlowPort = PortName | 'LOCAL'

type Target = FlowPort | Group

interface Entry {
  readonly owner: FlowOwner
  readonly bridge: BridgeName
  readonly inPort: FlowPort
  /** Tag that the frames come with, over a trunk. */
  readonly vlan?: number
  /** Local ends. */
  readonly targets: Target[]
  /** Trunks to send on over, with the tag of the chain. */
  readonly onward: { readonly vlan: number; readonly port: PortName }[]
  switched: boolean
  /** The replica that the port is of. */
  origin?: { readonly group: Group; readonly replica: number }
}

/** Priority of all that no other rule is about; IP to and from replicas lies above, and on top what all replicas must hear. */
const chainPriority = 10
/** OFPVID_PRESENT of OpenFlow 1.2 and later: set in `vlan_vid` of every tagged frame. */
const vlanPresent = 4096
/** ICMPv6's questions and answers about neighbours (RFC 4861 §4.3, §4.4): what ARP is to IPv4. */
const neighbourTypes = [135, 136]

const isGroup = (target: Target): target is Group => typeof target !== 'string'
const isPort = (target: Target): target is PortName => !isGroup(target) && target !== 'LOCAL'

const output = (port: FlowPort): string => (port === 'LOCAL' ? 'LOCAL' : `output:${port}`)

const actions = (entry: Entry, spread: (group: Group) => string): string => {
  const deliver = (target: Target): string => (isGroup(target) ? spread(target) : output(target))
  const local = [...entry.targets.map(deliver), ...(entry.switched ? ['NORMAL'] : [])]
  if (entry.vlan !== undefined) {
    const on = entry.onward.map((item) => output(item.port))
    // A tag that comes in over a trunk goes on as it is, and away before the frame reaches a function.
    return [...on, ...(entry.targets.length > 0 ? ['pop_vlan'] : []), ...local].join(',')
  }
  const on = entry.onward.map(
    (item, index) =>
      `${index === 0 ? 'push_vlan:0x8100,' : ''}set_field:${vlanPresent + item.vlan}->vlan_vid,${output(item.port)}`,
  )
  return [...local, ...on].join(',')
}

/** What happens to frames that come in by one port. */
const entryRules = (entry: Entry): readonly Rule[] => {
  const at = `in_port=${entry.inPort}${entry.vlan === undefined ? '' : `,dl_vlan=${entry.vlan}`}`
  const groups = entry.targets.filter(isGroup)
  const named = [entry.inPort, ...entry.targets, ...entry.onward.map((item) => item.port)]
  const needs = [...new Set(named.filter(isPort))]
  const replicas = groups.map((group) => group.ports)
  const rule = (priority: number, match: string, text: string): Rule => ({
    priority,
    match,
    actions: text,
    needs,
    replicas,
  })

  const plain = rule(chainPriority, at, actions(entry, toAnyReplica))
  const { origin } = entry
  if (origin === undefined && groups.length === 0) return [plain]
  const note = origin === undefined ? [] : [ofReplica(origin.group, origin.replica)]
  const tracked = [...note, actions(entry, toReplica)].join(',')
  const ip = families.map((family) => rule(11, `${family},${at}`, tracked))
  if (groups.length === 0) return [plain, ...ip]
  const every = actions(entry, toEveryReplica)
  return [
    plain,
    rule(11, `arp,${at}`, every),
    ...ip,
    ...neighbourTypes.map((type) => rule(12, `icmp6,${at},icmp_type=${type}`, every)),
  ]
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
  const groups = new Map<string, { readonly owner: FlowOwner; readonly bridge: BridgeName; readonly group: Group }>()

  const entryOf = (owner: FlowOwner, bridge: BridgeName, inPort: FlowPort, vlan?: number): Entry => {
    const key = `${bridge} ${inPort} ${vlan ?? ''}`
    const entry: Entry = entries.get(key) ?? {
      owner,
      bridge,
      inPort,
      ...(vlan === undefined ? {} : { vlan }),
      targets: [],
      onward: [],
      switched: false,
    }
    entries.set(key, entry)
    return entry
  }
  const deliver = (entry: Entry, { ports, group }: Pick<Attachment, 'ports' | 'group'>): void => {
    const targets = group === undefined ? ports : [group]
    for (const target of targets) if (!entry.targets.includes(target)) entry.targets.push(target)
    if (group !== undefined && !groups.has(group.metadata)) {
      groups.set(group.metadata, { owner: entry.owner, bridge: entry.bridge, group })
    }
  }
  const onward = (entry: Entry, port: PortName, vlan: number): void => {
    if (!entry.onward.some((item) => item.port === port && item.vlan === vlan)) entry.onward.push({ port, vlan })
  }
  const start = (owner: FlowOwner, { bridge, ports, group }: Attachment): readonly Entry[] =>
    ports.map((port, replica) => {
      const entry = entryOf(owner, bridge, port)
      if (group !== undefined) entry.origin = { group, replica }
      return entry
    })

  return {
    chain: (owner, from, to, { hops, vlan, bridgeOf }) => {
      const starts = start(owner, from)
      const [first] = hops
      if (first === undefined || vlan === undefined) {
        for (const entry of starts) deliver(entry, to)
      } else {
        for (const entry of starts) onward(entry, first.out, vlan)
        for (const [index, hop] of hops.entries()) {
          const entry = entryOf(owner, bridgeOf(hop.to), hop.in, vlan)
          const next = hops[index + 1]
          if (next === undefined) deliver(entry, to)
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
        entryOf(owner, bridge, port).targets.push(...all.filter((other) => other !== port))
      }
    },
    flows: (cookie) => {
      const flow = ({ copy, link }: FlowOwner, bridge: BridgeName, { replicas, ...rule }: Rule): DesiredFlow => ({
        bridge,
        cookie: cookie({ copy, link }),
        ...rule,
        ...(replicas.length === 0 ? {} : { replicas }),
        copy,
        link,
      })
      return [
        ...[...entries.values()].flatMap((entry) =>
          entryRules(entry).map((rule) => flow(entry.owner, entry.bridge, rule)),
        ),
        ...[...groups.values()].flatMap(({ owner, bridge, group }) =>
          groupRules(group).map((rule) => flow(owner, bridge, rule)),
        ),
      ]
    },
  }
}
