import type { ObservedBridge, ObservedPort } from '../../model/actual.ts'
import type { BridgeName, PortName } from '../../model/names.ts'
import { openedDevice, ownPortOf } from './transactions.ts'
import type { BridgeRow, InterfaceRow, PortRow, Rows } from './replica.ts'

/** Rows of the switch database as the loop sees them. */

export const observeBridge = (rows: Rows, row: BridgeRow): ObservedBridge => ({
  // The name of a bridge of ours was checked when it was made.
  name: row.name as BridgeName,
  datapathType: row.datapathType,
  failMode: row.failMode,
  externalIds: row.externalIds,
  // A switch makes the device also where somebody took its row away: nothing to mark then.
  ownPortIds: ownPortOf(rows, row)?.externalIds ?? row.externalIds,
  addresses: [],
  live: row.datapathId !== undefined,
})

const kindOf = (row: InterfaceRow | undefined): ObservedPort['kind'] => {
  switch (row?.type) {
    case '':
    case 'system':
      return 'system'
    case 'patch':
    case 'internal':
      return row.type
    case undefined:
    default:
      return 'other'
  }
}

const faultOf = (row: InterfaceRow | undefined): string | undefined => {
  if (row === undefined) return 'no interface'
  if (row.error !== undefined) return row.error
  if (row.type !== '') return undefined
  // The index is forgotten when the database restarts, until the switch has told it again.
  if (row.ifindex === 0) return 'its device is gone'
  const opened = row.externalIds[openedDevice]
  if (opened === undefined || (row.ifindex !== undefined && opened !== String(row.ifindex)))
    return 'its device is not the one that the switch has opened'
  return undefined
}

export const observePort = (rows: Rows, row: PortRow, bridge: BridgeRow): ObservedPort => {
  const device = row.interfaces[0] === undefined ? undefined : rows.interfaces.get(row.interfaces[0])
  const fault = faultOf(device)
  const ofport = device?.ofport !== undefined && device.ofport > 0 && fault === undefined ? device.ofport : undefined
  const peer = device?.options['peer']
  return {
    // Names of ports and bridges of ours were checked when they were made.
    name: row.name as PortName,
    bridge: bridge.name as BridgeName, // as above
    kind: kindOf(device),
    ...(peer !== undefined && { peer }),
    ...(row.tag !== undefined && { tag: row.tag }),
    trunks: row.trunks,
    externalIds: row.externalIds,
    ...(ofport !== undefined && { ofport }),
    ...(fault !== undefined && { error: fault }),
  }
}
