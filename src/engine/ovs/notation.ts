/** OVSDB's notation of values in JSON (RFC 7047 §5.1). What comes in is read as unknown and checked. */

export type Uuid = string

export type OvsValue =
  | string
  | number
  | boolean
  | readonly ['uuid', Uuid]
  | readonly ['named-uuid', string]
  | readonly ['set', readonly OvsValue[]]
  | readonly ['map', readonly (readonly [OvsValue, OvsValue])[]]

export type OvsRow = Readonly<Record<string, OvsValue>>

export const uuid = (id: Uuid): OvsValue => ['uuid', id]
export const namedUuid = (name: string): OvsValue => ['named-uuid', name]
export const ovsSet = (items: readonly OvsValue[]): OvsValue => ['set', items]
export const ovsMap = (entries: Readonly<Record<string, string>>): OvsValue => ['map', Object.entries(entries)]

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const tagged = (value: unknown, tag: string): unknown =>
  Array.isArray(value) && value.length === 2 && value[0] === tag ? value[1] : undefined

/** Members of a set column; one member stands without brackets. */
const readSet = (value: unknown): readonly unknown[] => {
  if (value === undefined) return []
  const members = tagged(value, 'set')
  return Array.isArray(members) ? members : [value]
}

const readUuid = (value: unknown): Uuid | undefined => {
  const id = tagged(value, 'uuid')
  return typeof id === 'string' ? id : undefined
}

export const readUuids = (value: unknown): readonly Uuid[] => readSet(value).flatMap((member) => readUuid(member) ?? [])

export const readStrings = (value: unknown): readonly string[] =>
  readSet(value).filter((member): member is string => typeof member === 'string')

export const readNumbers = (value: unknown): readonly number[] =>
  readSet(value).filter((member): member is number => typeof member === 'number')

export const readMap = (value: unknown): Readonly<Record<string, string>> => {
  const entries = tagged(value, 'map')
  if (!Array.isArray(entries)) return {}
  const pairs = entries.flatMap((entry: unknown): [string, string][] =>
    Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'string' ? [[entry[0], entry[1]]] : [],
  )
  return Object.fromEntries(pairs)
}
