import { isDeepStrictEqual } from 'node:util'
import type { Outcome } from './outcome.ts'

const text = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))

const compareMaps = (
  what: string,
  expected: ReadonlyMap<string, unknown>,
  actual: ReadonlyMap<string, unknown>,
): string[] =>
  [...new Set([...expected.keys(), ...actual.keys()])].sort().flatMap((key) => {
    const [a, b] = [expected.get(key), actual.get(key)]
    return isDeepStrictEqual(a, b) ? [] : [`${what} ${key}\n      expected ${text(a)}\n      got      ${text(b)}`]
  })

const keyed = <T extends { id: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item, index) => [`${index} ${item.id.replace(/#\d+$/u, '')}`, { ...item, id: '' }]))

/** Differences, one text each; none when both are equal. */
export const compare = (expected: Outcome, actual: Outcome): readonly string[] => [
  ...compareMaps('container', expected.containers, actual.containers),
  ...compareMaps('E-Line', keyed(expected.lines), keyed(actual.lines)),
  ...compareMaps('E-LAN', keyed(expected.lans), keyed(actual.lans)),
  ...compareMaps('external SAP', expected.externalSaps, actual.externalSaps),
  ...compareMaps('address of', expected.addresses, actual.addresses),
  ...compareMaps(
    'unwired link',
    new Map(expected.ignored.map((id, index) => [String(index), id])),
    new Map(actual.ignored.map((id, index) => [String(index), id.replace(/#\d+$/u, '')])),
  ),
]
