import type { DeploymentUnit, FunctionInterface, VirtualLink } from '../model/package.ts'
import type { Cursor } from './cursor.ts'
import { cleanInterfaceName, shortInterfaceName, withoutLegacyPrefix } from './interface-name.ts'
import { readLinks } from './links.ts'
import { listOf, quote } from './report.ts'

/** One reference of a VNFD's link: a connection point of the function, or one of a unit. */
type End =
  { readonly of: 'function'; readonly id: string } | { readonly of: 'unit'; readonly unit: string; readonly id: string }

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
  units: readonly BuiltUnit[],
): { readonly interfaces: FunctionInterface[]; readonly links: VirtualLink[] } => {
  const known = endsOf(points, units)
  const carriers = new Map<string, string>()
  const own = new Map<string, FunctionInterface>()
  const taken = new Set<string>()
  /** Put into words once: a hostile file can ask for it often. */
  let there: string | undefined
  const outerNames = new Set<string>(points.map(({ name }) => name))

  const unitInterface = (unit: string, id: string): FunctionInterface => {
    const key = `${unit}:${id}`
    const cleaned = cleanInterfaceName(id) ?? shortInterfaceName(key)
    const before = own.get(key)
    if (before !== undefined) return before
    const slot = `${unit}:${cleaned}`
    const clashes = outerNames.has(cleaned) || taken.has(slot)
    taken.add(slot)
    const made = { id, name: clashes ? shortInterfaceName(key) : cleaned, type: 'internal', unit }
    own.set(key, made)
    return made
  }

  const read = readLinks(root.at('virtual_links'), file, {
    resolve: (reference, raw) => {
      const end = findEnd(raw, known)
      if (end === undefined) {
        there ??= listOf([
          ...known.points,
          ...[...known.units].flatMap(([unit, ids]) => [...ids].map((id) => `${unit}:${id}`)),
        ])
        reference.notice('LINK_NOWHERE', `${quote(raw)} is no connection point of this function; there are ${there}`)
        return { raw, owner: '', interface: raw }
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

/** A unit, and where it stands in the descriptor. */
export interface BuiltUnit {
  readonly cursor: Cursor
  readonly unit: DeploymentUnit
}

/** Where references can lead. */
interface Ends {
  readonly points: ReadonlySet<string>
  /** Ids of each unit's points, as declared: `eth0` or, in some descriptors, `unit:eth0`. */
  readonly units: ReadonlyMap<string, ReadonlySet<string>>
  /** The first unit that declares an id. */
  readonly declaring: ReadonlyMap<string, string>
}

const endsOf = (points: readonly FunctionInterface[], built: readonly BuiltUnit[]): Ends => {
  const units = new Map<string, ReadonlySet<string>>()
  const declaring = new Map<string, string>()
  for (const {
    cursor,
    unit: { id: unit },
  } of built) {
    const list = cursor.at('connection_points').items('connection_points')
    const ids = new Set(list.flatMap((point) => point.at('id').source() ?? []))
    units.set(unit, ids)
    for (const id of ids) if (!declaring.has(id)) declaring.set(id, unit)
  }
  return { points: new Set(points.map(({ id }) => id)), units, declaring }
}

const findEnd = (raw: string, { points, units, declaring }: Ends): End | undefined => {
  const id = withoutLegacyPrefix(raw)
  if (points.has(id)) return { of: 'function', id }
  const [owner = '', port = ''] = raw.split(':')
  const ids = units.get(owner)
  const unit = ids?.has(port) === true || ids?.has(raw) === true ? owner : declaring.get(raw)
  return unit === undefined ? undefined : { of: 'unit', unit, id: port === '' ? owner : port }
}
