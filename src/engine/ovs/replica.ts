import { isObject, readMap, readNumbers, readStrings, readUuids, type Uuid } from './notation.ts'

/** Copy in memory of the database's rows that matter, kept up to date by the server's `update` notifications. */

export interface RootRow {
  readonly id: Uuid
  readonly bridges: readonly Uuid[]
  readonly curCfg: number
  readonly datapathTypes: readonly string[]
}

export interface BridgeRow {
  readonly id: Uuid
  readonly name: string
  readonly ports: readonly Uuid[]
  readonly datapathType: string
  readonly failMode: string
  readonly externalIds: Readonly<Record<string, string>>
  /** Set by the switch daemon once the bridge is in its datapath. */
  readonly datapathId: string | undefined
}

export interface PortRow {
  readonly id: Uuid
  readonly name: string
  readonly interfaces: readonly Uuid[]
  readonly tag: number | undefined
  readonly trunks: readonly number[]
  readonly vlanMode: string | undefined
  readonly externalIds: Readonly<Record<string, string>>
}

export interface InterfaceRow {
  readonly id: Uuid
  readonly name: string
  readonly type: string
  readonly ofport: number | undefined
  readonly error: string | undefined
  readonly options: Readonly<Record<string, string>>
  readonly externalIds: Readonly<Record<string, string>>
  /** Index of the network device of this name now; 0 when there is none. */
  readonly ifindex: number | undefined
}

export interface Rows {
  readonly root: ReadonlyMap<Uuid, RootRow>
  readonly bridges: ReadonlyMap<Uuid, BridgeRow>
  readonly ports: ReadonlyMap<Uuid, PortRow>
  readonly interfaces: ReadonlyMap<Uuid, InterfaceRow>
}

/** What `monitor` asks for (RFC 7047 §4.1.5). Statistics are left out: they change every few seconds. */
export const monitoredColumns = {
  Open_vSwitch: ['bridges', 'cur_cfg', 'datapath_types'],
  Bridge: ['name', 'ports', 'datapath_type', 'fail_mode', 'external_ids', 'datapath_id'],
  Port: ['name', 'interfaces', 'tag', 'trunks', 'vlan_mode', 'external_ids'],
  Interface: ['name', 'type', 'ofport', 'error', 'options', 'external_ids', 'ifindex'],
} as const

type Columns = Readonly<Record<string, unknown>>

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const readRoot = (id: Uuid, row: Columns): RootRow => ({
  id,
  bridges: readUuids(row['bridges']),
  curCfg: readNumbers(row['cur_cfg'])[0] ?? 0,
  datapathTypes: readStrings(row['datapath_types']),
})

const readBridge = (id: Uuid, row: Columns): BridgeRow => ({
  id,
  name: text(row['name']),
  ports: readUuids(row['ports']),
  datapathType: text(row['datapath_type']),
  failMode: readStrings(row['fail_mode'])[0] ?? '',
  externalIds: readMap(row['external_ids']),
  datapathId: readStrings(row['datapath_id'])[0],
})

const readPort = (id: Uuid, row: Columns): PortRow => ({
  id,
  name: text(row['name']),
  interfaces: readUuids(row['interfaces']),
  tag: readNumbers(row['tag'])[0],
  trunks: [...readNumbers(row['trunks'])].sort((a, b) => a - b),
  vlanMode: readStrings(row['vlan_mode'])[0],
  externalIds: readMap(row['external_ids']),
})

const readInterface = (id: Uuid, row: Columns): InterfaceRow => ({
  id,
  name: text(row['name']),
  type: text(row['type']),
  ofport: readNumbers(row['ofport'])[0],
  error: readStrings(row['error'])[0],
  options: readMap(row['options']),
  externalIds: readMap(row['external_ids']),
  ifindex: readNumbers(row['ifindex'])[0],
})

/** A row before and after; absent = it was not, or is not any more. */
export type Change =
  | { readonly table: 'bridge'; readonly before?: BridgeRow; readonly after?: BridgeRow }
  | { readonly table: 'port'; readonly before?: PortRow; readonly after?: PortRow }
  | { readonly table: 'interface'; readonly before?: InterfaceRow; readonly after?: InterfaceRow }

export interface Replica extends Rows {
  clear(): void
  /** Takes a `<table-updates>` object; gives the rows that changed. */
  apply(updates: unknown): readonly Change[]
}

export const createReplica = (): Replica => {
  const root = new Map<Uuid, RootRow>()
  const bridges = new Map<Uuid, BridgeRow>()
  const ports = new Map<Uuid, PortRow>()
  const interfaces = new Map<Uuid, InterfaceRow>()

  /** Takes the updates of one table; `<row-update>` without `new` is a deletion. */
  const applyTable = <R>(
    rows: Map<Uuid, R>,
    updates: unknown,
    read: (id: Uuid, row: Columns) => R,
  ): readonly { before?: R; after?: R }[] => {
    if (!isObject(updates)) return []
    return Object.entries(updates).map(([id, update]) => {
      const before = rows.get(id)
      const now = isObject(update) ? update['new'] : undefined
      const after = isObject(now) ? read(id, now) : undefined
      if (after === undefined) rows.delete(id)
      else rows.set(id, after)
      return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
    })
  }

  return {
    root,
    bridges,
    ports,
    interfaces,
    clear() {
      for (const rows of [root, bridges, ports, interfaces]) rows.clear()
    },
    apply(updates) {
      if (!isObject(updates)) return []
      applyTable(root, updates['Open_vSwitch'], readRoot)
      return [
        ...applyTable(bridges, updates['Bridge'], readBridge).map((c) => ({ table: 'bridge' as const, ...c })),
        ...applyTable(ports, updates['Port'], readPort).map((c) => ({ table: 'port' as const, ...c })),
        ...applyTable(interfaces, updates['Interface'], readInterface).map((c) => ({
          table: 'interface' as const,
          ...c,
        })),
      ]
    },
  }
}
