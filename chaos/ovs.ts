import type { Lab } from '../deploy/lab/lab.ts'

/** A row of the switch database, sets and maps as plain values. */
type Row = Readonly<Record<string, unknown>>

/** Values as `ovs-vsctl --format=json` prints them: `["set", [...]]`, `["map", [[k, v], ...]]`, `["uuid", "..."]` (RFC 7047 §5.1). */
const plain = (value: unknown): unknown => {
  if (!Array.isArray(value)) return value
  const [kind, content] = value as [string, unknown] // the notation's two items
  if (kind === 'uuid') return content
  if (!Array.isArray(content)) return value
  if (kind === 'map') return Object.fromEntries(content as [string, unknown][]) // pairs, by the same notation
  return content.map(plain)
}

const rowsOf = (text: string): readonly Row[] => {
  const { headings, data } = JSON.parse(text) as { headings: string[]; data: unknown[][] } // ovs-vsctl(8)
  return data.map((row) => Object.fromEntries(headings.map((heading, index) => [heading, plain(row[index])])))
}

export interface Port {
  readonly name: string
  readonly bridge: string
  readonly tag: number | undefined
  readonly trunks: readonly number[]
  readonly ids: Readonly<Record<string, string>>
}

export interface Bridge {
  readonly name: string
  readonly ids: Readonly<Record<string, string>>
}

const ids = (value: unknown): Readonly<Record<string, string>> => (value ?? {}) as Record<string, string> // a map of strings
const words = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
const numbers = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.map(Number) : typeof value === 'number' ? [value] : []

/** Bridges and ports that bear our mark. */
export const readSwitches = async (
  lab: Lab,
): Promise<{ readonly bridges: readonly Bridge[]; readonly ports: readonly Port[] }> => {
  const list = async (table: string, ...columns: readonly string[]): Promise<readonly Row[]> =>
    rowsOf(await lab.vsctl('--format=json', `--columns=${columns.join()}`, 'list', table))
  const [bridgeRows, portRows] = await Promise.all([
    list('Bridge', 'name', 'ports', 'external_ids'),
    list('Port', '_uuid', 'name', 'tag', 'trunks', 'external_ids'),
  ])
  const homes = new Map(bridgeRows.flatMap(({ name, ports }) => words(ports).map((uuid) => [uuid, String(name)])))
  const bridges = bridgeRows.map((row) => ({ name: String(row['name']), ids: ids(row['external_ids']) }))
  const ports = portRows.map((row) => ({
    name: String(row['name']),
    bridge: homes.get(String(row['_uuid'])) ?? '',
    tag: numbers(row['tag'])[0],
    trunks: numbers(row['trunks']),
    ids: ids(row['external_ids']),
  }))
  const ours = (one: Bridge | Port): boolean => one.ids['sond-owner'] === 'sond'
  return { bridges: bridges.filter(ours), ports: ports.filter(ours) }
}

export interface Flow {
  readonly bridge: string
  /** As `ovs-ofctl` prints it, without counters. */
  readonly text: string
}

/** Flow rules of these bridges that bear a cookie of ours. */
export const readFlows = async (lab: Lab, bridges: readonly Bridge[]): Promise<readonly Flow[]> => {
  const dumps = await Promise.all(
    bridges.map(async ({ name }) => {
      const text = await lab.ofctl('--no-stats', 'dump-flows', name, 'cookie=0x50dd000000000000/0xffff000000000000')
      return text.split('\n').flatMap((line) => (line.includes('cookie=') ? [{ bridge: name, text: line.trim() }] : []))
    }),
  )
  return dumps.flat()
}
