import type { DeploymentUnit, FunctionInterface, VirtualLink } from '../model/package.ts'
import type { Cursor } from './cursor.ts'
import { cleanInterfaceName, shortInterfaceName, withoutLegacyPrefix } from './interface-name.ts'
import { readLinks } from './links.ts'
import { listOf, quote } from './report.ts'

/** One reference of a VNFD's link: a connection point of the function, or one of a unit. */
type End =
  { readonly of: 'function'; readonly id: string } | { readonly of: 'unit'; readonly unit: string; readonly id: string }

interface UnitPoints {
  readonly unit: string
  readonly ids: readonly string[]
}

/**
 * What a function of several units looks like inside. A connection point of the function is an interface of the first unit
 * that a link ties it to (of the first unit, when none does). Units that a link ties to each other get an interface of their
 * own for it, so that no interface is on two links.
 *
 * @param points - the function's connection points.
 * @returns the interfaces, the function's own first, and the links between units.
 */
export const readInternalLinks = (
  root: Cursor,
  file: string,
  points: readonly FunctionInterface[],
  unitCursors: readonly { readonly cursor: Cursor }[],
  units: readonly DeploymentUnit[],
): { readonly interfaces: FunctionInterface[]; readonly links: VirtualLink[] } => {
  const unitPoints = units.map(({ id }, index): UnitPoints => {
    const list = unitCursors[index]?.cursor.at('connection_points').items('connection_points') ?? []
    return { unit: id, ids: list.flatMap((point) => point.at('id').source() ?? []) }
  })
  const carriers = new Map<string, string>()
  const own = new Map<string, FunctionInterface>()
  const outerNames = new Set<string>(points.map(({ name }) => name))

  const unitInterface = (unit: string, id: string): FunctionInterface => {
    const key = `${unit}:${id}`
    const cleaned = cleanInterfaceName(id) ?? shortInterfaceName(key)
    const clashes =
      outerNames.has(cleaned) || [...own.values()].some((other) => other.unit === unit && other.name === cleaned)
    const made = own.get(key) ?? { id, name: clashes ? shortInterfaceName(key) : cleaned, type: 'internal', unit }
    own.set(key, made)
    return made
  }

  const read = readLinks(root.at('virtual_links'), file, {
    resolve: (reference, raw) => {
      const end = findEnd(raw, points, unitPoints)
      if (end === undefined) {
        const known = [
          ...points.map(({ id }) => id),
          ...unitPoints.flatMap(({ unit, ids }) => ids.map((id) => `${unit}:${id}`)),
        ]
        reference.notice(
          'LINK_NOWHERE',
          `${quote(raw)} is no connection point of this function; there are ${listOf(known)}`,
        )
        return { raw, owner: '', interface: '' }
      }
      return end.of === 'unit' ? { raw, owner: end.unit, interface: end.id } : { raw, owner: '', interface: end.id }
    },
  })

  const links = read.flatMap((link): VirtualLink[] => {
    const unitEnds = link.ends.filter(({ owner }) => owner !== '')
    const [first] = unitEnds
    for (const { owner, interface: id } of link.ends) {
      if (owner === '' && first !== undefined && !carriers.has(id)) carriers.set(id, first.owner)
    }
    if (unitEnds.length < 2) return []
    const ends = unitEnds.map(({ raw, owner, interface: id }) => ({
      raw,
      owner,
      interface: unitInterface(owner, id).name,
    }))
    return [{ ...link, ends }]
  })
  const outer = points.map((point) => ({ ...point, unit: carriers.get(point.id) ?? point.unit }))
  return { interfaces: [...outer, ...own.values()], links }
}

const findEnd = (raw: string, points: readonly FunctionInterface[], units: readonly UnitPoints[]): End | undefined => {
  const id = withoutLegacyPrefix(raw)
  if (points.some((point) => point.id === id)) return { of: 'function', id }
  const [owner = '', port = ''] = raw.split(':')
  const owning = units.find(({ unit, ids }) => unit === owner && (ids.includes(port) || ids.includes(raw)))
  const declaring = owning ?? units.find(({ ids }) => ids.includes(raw))
  return declaring === undefined ? undefined : { of: 'unit', unit: declaring.unit, id: port === '' ? owner : port }
}
