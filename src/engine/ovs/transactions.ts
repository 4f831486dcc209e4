import { createHash } from 'node:crypto'
import { EngineError } from '../../model/errors.ts'
import type { DesiredBridge } from '../../model/desired.ts'
import type { BridgeName, Owner } from '../../model/names.ts'
import { externalIds } from '../../model/ownership.ts'
import type { DesiredPort } from '../../model/plan.ts'
import { portVlans } from '../../model/vlans.ts'
import { namedUuid, ovsMap, ovsSet, uuid, type OvsRow, type OvsValue, type Uuid } from './notation.ts'
import type { BridgeRow, InterfaceRow, PortRow, Rows } from './replica.ts'

/**
 * Database operations (RFC 7047 §5.2) that bring a bridge or a port to what it shall be, computed from the replica. Each
 * list begins with `wait` operations on what it relies on, so that it fails as a whole when the database has moved on.
 */

export type Operation = Readonly<Record<string, unknown>>

/** Key in an Interface's `external_ids`: index of the network device that the switch has opened for it. */
export const openedDevice = 'sond-ifindex'

const byId = (id: Uuid): readonly unknown[] => [['_uuid', '==', uuid(id)]]
const byName = (name: string): readonly unknown[] => [['name', '==', name]]

const absent = (table: 'Bridge' | 'Port', name: string): Operation => ({
  op: 'wait',
  timeout: 0,
  table,
  where: byName(name),
  columns: ['name'],
  until: '==',
  rows: [],
})

const unchanged = (table: 'Bridge' | 'Port', row: BridgeRow | PortRow): Operation => ({
  op: 'wait',
  timeout: 0,
  table,
  where: byId(row.id),
  columns: ['name', 'external_ids'],
  until: '==',
  rows: [{ name: row.name, external_ids: ovsMap(row.externalIds) }],
})

const insert = (table: string, name: string, row: OvsRow): Operation => ({
  op: 'insert',
  table,
  'uuid-name': name,
  row,
})

const update = (table: string, id: Uuid, row: OvsRow): Operation => ({ op: 'update', table, where: byId(id), row })

/** `where` [] = every row: the Open_vSwitch table has exactly one. */
const member = (
  table: 'Open_vSwitch' | 'Bridge',
  where: readonly unknown[],
  column: string,
  change: 'insert' | 'delete',
  value: OvsValue,
): Operation => ({ op: 'mutate', table, where, mutations: [[column, change, ovsSet([value])]] })

export const isOwned = (row: { readonly externalIds: Readonly<Record<string, string>> }, owner: Owner): boolean =>
  row.externalIds[externalIds.owner] === owner

/** Who holds a row that is not ours, for messages. */
export const holderOf = (row: { readonly externalIds: Readonly<Record<string, string>> }): string => {
  const owner = row.externalIds[externalIds.owner]
  return owner === undefined ? 'an object of Open vSwitch without our mark' : `sond with owner ${owner}`
}

const find = <R extends { readonly name: string }>(rows: ReadonlyMap<Uuid, R>, name: string): R | undefined =>
  rows.values().find((row) => row.name === name)

export const findBridge = (rows: Rows, name: string): BridgeRow | undefined => find(rows.bridges, name)
const findPort = (rows: Rows, name: string): PortRow | undefined => find(rows.ports, name)
export const findInterface = (rows: Rows, name: string): InterfaceRow | undefined => find(rows.interfaces, name)

/** The port of a bridge's own device. */
export const ownPortOf = (rows: Rows, bridge: BridgeRow): PortRow | undefined =>
  bridge.ports.flatMap((id) => rows.ports.get(id) ?? []).find((port) => port.name === bridge.name)

export const bridgeOf = (rows: Rows, port: PortRow): BridgeRow | undefined =>
  rows.bridges.values().find((bridge) => bridge.ports.includes(port.id))

const requireOwned = (row: BridgeRow | PortRow, kind: 'bridge' | 'port', owner: Owner): void => {
  if (!isOwned(row, owner)) throw new EngineError('CONFLICT', { [kind]: row.name, holder: holderOf(row) })
}

/** Names of new rows within one transaction: `<id>` of RFC 7047 §3.1, unique by the item's place in the batch. */
const rowNames = (place: number) => ({
  bridge: `bridge${place}`,
  port: `port${place}`,
  interface: `interface${place}`,
})

/**
 * Of the bridge's own device: the same whenever it is made, by us or by a switch that starts again. Whoever has a route by way of the bridge
 * would otherwise go on sending to the old one until its neighbour entry is too old, up to half a minute.
 */
const hardwareAddress = (owner: Owner, bridge: string): string => {
  const digits = createHash('sha256').update(`${owner}/${bridge}`).digest('hex')
  return ['02', ...[0, 2, 4, 6, 8].map((at) => digits.slice(at, at + 2))].join(':')
}

/** @throws EngineError `CONFLICT` when the bridge is not ours. */
export const bridgeOperations = (
  rows: Rows,
  bridge: DesiredBridge,
  datapathType: string,
  owner: Owner,
  place: number,
): readonly Operation[] => {
  // Its own port belongs to whom the bridge does.
  const marks = ovsMap({ ...bridge.externalIds, [externalIds.owner]: owner })
  const columns = { datapath_type: datapathType, fail_mode: 'secure', external_ids: marks }
  const row = findBridge(rows, bridge.name)
  if (row !== undefined) {
    requireOwned(row, 'bridge', owner)
    const own = ownPortOf(rows, row)
    return [
      unchanged('Bridge', row),
      update('Bridge', row.id, columns),
      ...(own === undefined ? [] : [update('Port', own.id, { external_ids: marks })]),
    ]
  }
  const names = rowNames(place)
  return [
    absent('Bridge', bridge.name),
    absent('Port', bridge.name),
    insert('Interface', names.interface, { name: bridge.name, type: 'internal' }),
    insert('Port', names.port, {
      name: bridge.name,
      interfaces: namedUuid(names.interface),
      external_ids: marks,
    }),
    insert('Bridge', names.bridge, {
      ...columns,
      name: bridge.name,
      ports: namedUuid(names.port),
      other_config: ovsMap({ hwaddr: hardwareAddress(owner, bridge.name) }),
    }),
    member('Open_vSwitch', [], 'bridges', 'insert', namedUuid(names.bridge)),
  ]
}

export const removeBridgeOperations = (rows: Rows, name: BridgeName, owner: Owner): readonly Operation[] => {
  const row = findBridge(rows, name)
  if (row === undefined) return []
  requireOwned(row, 'bridge', owner)
  return [unchanged('Bridge', row), member('Open_vSwitch', [], 'bridges', 'delete', uuid(row.id))]
}

const portColumns = (port: DesiredPort, owner: Owner): OvsRow => {
  const { tag, trunks } = portVlans(port)
  return {
    tag: tag ?? ovsSet([]),
    trunks: ovsSet(trunks),
    vlan_mode: tag === undefined ? 'trunk' : 'access',
    external_ids: ovsMap({ ...port.externalIds, [externalIds.owner]: owner }),
  }
}

const interfaceColumns = (port: DesiredPort): OvsRow => ({
  type: port.peer === undefined ? '' : 'patch',
  options: ovsMap(port.peer === undefined ? {} : { peer: port.peer }),
})

/**
 * A port whose device was replaced keeps its number and says nothing, but no frame passes any more: the userspace
 * datapath goes on reading the old device's socket. Only a port that goes and comes again opens the new one. So a port
 * on a device is made anew when its device is not the one that was opened, or when nothing else is different (why else
 * would it be set again).
 */
export const mustReopen = (rows: Rows, port: DesiredPort, owner: Owner): boolean => {
  const row = findPort(rows, port.port)
  const device = findInterface(rows, port.port)
  if (row === undefined || device === undefined || port.peer !== undefined || device.type !== '') return false
  if (!isOwned(row, owner)) return false
  if (device.ifindex !== undefined && device.externalIds[openedDevice] !== String(device.ifindex)) return true
  const { tag, trunks } = portVlans(port)
  const wanted = { ...port.externalIds, [externalIds.owner]: owner }
  const same =
    row.tag === tag &&
    row.trunks.join() === trunks.join() &&
    bridgeOf(rows, row)?.name === port.bridge &&
    Object.keys(row.externalIds).length === Object.keys(wanted).length &&
    Object.entries(wanted).every(([key, value]) => row.externalIds[key] === value)
  return same
}

/**
 * @param number Port number to ask for, so that flows that name the port stay right when it is made anew.
 * @throws EngineError `CONFLICT` when port or bridge is not ours, `NOT_FOUND` when there is no such bridge.
 */
export const portOperations = (
  rows: Rows,
  port: DesiredPort,
  owner: Owner,
  place: number,
  number: number | undefined,
): readonly Operation[] => {
  const bridge = findBridge(rows, port.bridge)
  if (bridge === undefined) throw new EngineError('NOT_FOUND', { bridge: port.bridge })
  requireOwned(bridge, 'bridge', owner)
  const row = findPort(rows, port.port)
  if (row === undefined) {
    const names = rowNames(place)
    const request = number === undefined ? {} : { ofport_request: number }
    return [
      unchanged('Bridge', bridge),
      absent('Port', port.port),
      insert('Interface', names.interface, { name: port.port, ...interfaceColumns(port), ...request }),
      insert('Port', names.port, {
        name: port.port,
        interfaces: namedUuid(names.interface),
        ...portColumns(port, owner),
      }),
      member('Bridge', byId(bridge.id), 'ports', 'insert', namedUuid(names.port)),
    ]
  }
  requireOwned(row, 'port', owner)
  const from = bridgeOf(rows, row)
  return [
    unchanged('Bridge', bridge),
    unchanged('Port', row),
    update('Port', row.id, portColumns(port, owner)),
    ...row.interfaces.map((id) => update('Interface', id, interfaceColumns(port))),
    ...(from === undefined || from.id === bridge.id
      ? []
      : [
          member('Bridge', byId(from.id), 'ports', 'delete', uuid(row.id)),
          member('Bridge', byId(bridge.id), 'ports', 'insert', uuid(row.id)),
        ]),
  ]
}

export const removePortOperations = (rows: Rows, name: string, owner: Owner): readonly Operation[] => {
  const row = findPort(rows, name)
  if (row === undefined) return []
  requireOwned(row, 'port', owner)
  const bridge = bridgeOf(rows, row)
  if (bridge === undefined) return []
  return [unchanged('Port', row), member('Bridge', byId(bridge.id), 'ports', 'delete', uuid(row.id))]
}

/** Notes which device the switch has opened for a port. */
export const openedOperation = (device: InterfaceRow): Operation =>
  update('Interface', device.id, {
    external_ids: ovsMap({ ...device.externalIds, [openedDevice]: String(device.ifindex ?? 0) }),
  })
