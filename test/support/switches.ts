import type { Test } from 'tap'

export type Fields = Readonly<Record<string, unknown>>

/** A setting of the daemon and what it does: one look, which must find something else when the setting is otherwise. */
export interface Switch<World> {
  /** As docs/configuration.md names it. */
  readonly setting: string
  /** Off, or the default, first. */
  readonly values: readonly [unknown, unknown]
  readonly look: (world: World) => unknown
  /** What it finds with each of the values. */
  readonly expect: readonly [unknown, unknown]
  /** An instance can have it otherwise, by the field of the same path below its `spec`. */
  readonly overridden: boolean
}

/** A field of an instance's manifest and what it does: one look, which must find something else with another spec. */
export interface Field<World> {
  /** Below `spec`, as docs/manifests.md names it. */
  readonly field: string
  readonly specs: readonly [Fields, Fields]
  readonly look: (world: World) => unknown
  readonly expect: readonly [unknown, unknown]
  /** What the daemon says meanwhile. */
  readonly given?: Fields
}

/** Asserts that a switch with its first or its second value does what it should. */
export const checkSwitch = async <World>(
  t: Test,
  { setting, values, look, expect }: Switch<World>,
  which: 0 | 1,
  world: World,
  who = 'the daemon',
): Promise<void> => {
  const found = await look(world)
  t.strictSame(found, expect[which], `${setting}: ${who} says ${JSON.stringify(values[which])}`)
}

/** `{a: {b: value}}` of `a.b`. */
export const nested = (path: string, value: unknown): Fields => {
  const [first = '', ...rest] = path.split('.')
  return { [first]: rest.length === 0 ? value : nested(rest.join('.'), value) }
}

const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The second one's words win. */
export const merged = (one: Fields = {}, other: Fields = {}): Fields =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((key) => {
      const [left, right] = [one[key], other[key]]
      return [key, isMap(left) && isMap(right) ? merged(left, right) : (right ?? left)]
    }),
  )

/** Settings in which all of some switches have their first, or their second value. */
export const settingsOf = (switches: readonly Switch<never>[], which: 0 | 1): Fields =>
  switches.map(({ setting, values }) => nested(setting, values[which])).reduce(merged, {})

/** What an instance says when it has all that it can have otherwise so. */
export const overridesOf = (switches: readonly Switch<never>[], which: 0 | 1): Fields =>
  settingsOf(
    switches.filter(({ overridden }) => overridden),
    which,
  )
