import type { PortName } from '../model/names.ts'
import { hash24 } from './hash.ts'

/**
 * Replicas that share one address on E-Lines. Connections spread over them, and each keeps its replica while that lives: the switch
 * tracks what passes to and from the group, and marks a connection with its replica's number.
 */
export interface Group {
  /** In the order of the replicas' numbers. */
  readonly ports: readonly PortName[]
  /** Of connection tracking, 1-65535: one connection is seen once by each interface it passes. */
  readonly zone: number
  /** What frames on their way to the group bear in the switch's own tables, where all instances' rules lie side by side. */
  readonly metadata: string
}

/** A rule's text, before it is known whose it is. */
export interface Rule {
  readonly priority: number
  readonly match: string
  readonly actions: string
  /** Ports that it can't do without. */
  readonly needs: readonly PortName[]
  /** Lists of ports, of each of which it takes whichever are there. */
  readonly replicas: readonly (readonly PortName[])[]
}

const zoneCount = 65535

/** Zones of an instance's groups, by their keys. No two groups of one instance share one. */
export const groupZones = (instanceCookie: number, keys: readonly string[]): ReadonlyMap<string, number> => {
  const zones = new Map<string, number>()
  const taken = new Set<number>()
  for (const key of [...new Set(keys)].sort()) {
    let zone = (hash24('zone', instanceCookie, key) % zoneCount) + 1
    while (taken.has(zone)) zone = (zone % zoneCount) + 1
    taken.add(zone)
    zones.set(key, zone)
  }
  return zones
}

/** `instanceCookie`: 24 bits, the instance's own. */
export const makeGroup = (ports: readonly PortName[], zone: number, instanceCookie: number): Group => ({
  ports,
  zone,
  metadata: `0x${(instanceCookie * 2 ** 16 + zone).toString(16)}`,
})

// Tables of the switch: frames to a group with what is known of their connection; frames whose replica is chosen; frames whose replica
// is down.
const trackedTable = 1
const chosenTable = 2
const orphanedTable = 3

/** Both families: an action that tracks connections asks for one of them in the match. */
export const families = ['ip', 'ipv6'] as const

/** Sends a frame of no connection to one of the group. `hrw` ranks the members for each frame's addresses: one more or less moves few. */
export const toAnyReplica = ({ ports }: Group): string =>
  `bundle(symmetric_l3l4,0,hrw,ofport,members:${ports.join(',')})`

/** Sends a frame to all of the group: each must learn its neighbours and answer for the address they share. */
export const toEveryReplica = ({ ports }: Group): string => ports.map((port) => `output:${port}`).join(',')

/** Sends an IP frame to the replica of its connection. */
export const toReplica = ({ zone, metadata }: Group): string =>
  `set_field:${metadata}->metadata,ct(table=${trackedTable},zone=${zone})`

/** Notes that an IP frame's connection is this replica's from now on. */
export const ofReplica = ({ zone }: Group, replica: number): string =>
  `ct(commit,zone=${zone},exec(set_field:${markOf(replica)}->ct_mark))`

const markOf = (replica: number): string => `0x${(replica + 1).toString(16)}`

/**
 * The choice, as if the frame had come in by the chosen port: a rule of the next table names that port, where its number would tell
 * nothing. A choice among none that is up is a port that no rule names.
 */
const choose = (fields: string, algorithm: string, members: readonly PortName[]): string =>
  `bundle_load(${fields},0,${algorithm},ofport,NXM_OF_IN_PORT[],members:${members.join(',')}),resubmit(,${chosenTable})`

const chooseOnly = (port: PortName): string => choose('eth_src', 'active_backup', [port])

/** How IP frames find their replica, beyond the first table. */
export const groupRules = (group: Group): readonly Rule[] => {
  const { ports, zone, metadata } = group
  const tracked = `table=${trackedTable}`
  const chosen = `table=${chosenTable}`
  const anyOf = { needs: [], replicas: [ports] }
  const only = (port: PortName) => ({ needs: [port], replicas: [] })
  return [
    // New ones.
    {
      priority: 10,
      match: `${tracked},ct_mark=0,metadata=${metadata}`,
      actions: choose('symmetric_l3l4', 'hrw', ports),
      ...anyOf,
    },
    // The hash above leaves UDP's ports out, for only the first fragment of a datagram bears them.
    ...['udp', 'udp6'].map((protocol) => ({
      priority: 11,
      match: `${tracked},ct_mark=0,${protocol},metadata=${metadata},nw_frag=no`,
      actions: choose('symmetric_l3l4+udp', 'hrw', ports),
      ...anyOf,
    })),
    // Begun before it was tracked: while the first replica was alone.
    ...ports.slice(0, 1).flatMap((first) =>
      ['tcp', 'tcp6'].map((protocol) => ({
        priority: 11,
        match: `${tracked},ct_mark=0,${protocol},metadata=${metadata},tcp_flags=-syn`,
        actions: chooseOnly(first),
        ...only(first),
      })),
    ),
    ...ports.map((port, replica) => ({
      priority: 12,
      match: `${tracked},ct_mark=${markOf(replica)},metadata=${metadata}`,
      actions: chooseOnly(port),
      ...only(port),
    })),
    // The connection's replica is down, or there is none of its number any more: another serves it, and has it for its own from its answer
    // on. It is chosen by a hash of each connection's own addresses, in a pass of its own through the switch: what the switch caches of these
    // tables then tells no two connections of one replica apart. Open vSwitch 3.1 finds the wrong one of two overlapping cached flows when it
    // updates them, and the other goes on doing what it did.
    ...[tracked, chosen].flatMap((table) =>
      families.map((family) => ({
        priority: 9,
        match: `${table},${family},metadata=${metadata}`,
        actions: `ct(table=${orphanedTable},zone=${zone})`,
        ...anyOf,
      })),
    ),
    {
      priority: 10,
      match: `table=${orphanedTable},metadata=${metadata}`,
      actions: toAnyReplica(group),
      ...anyOf,
    },
    ...ports.flatMap((port, replica) =>
      families.map((family) => ({
        priority: 10,
        match: `${chosen},${family},metadata=${metadata},in_port=${port}`,
        // A frame is never sent out by the port that it seems to have come in by.
        actions: `set_field:0->in_port,${ofReplica(group, replica)},output:${port}`,
        ...only(port),
      })),
    ),
  ]
}
