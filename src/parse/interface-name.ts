import { createHash } from 'node:crypto'
import { type InterfaceName, must, parseInterfaceName } from '../model/names.ts'

// IFNAMSIZ (linux/if.h) counts the closing NUL, so 15 characters are left.
const longest = 15
const hashLength = 4
/** The loopback device, and two directories of /proc/sys/net/ipv4/conf that are no interfaces. */
const taken: ReadonlySet<string> = new Set(['lo', 'all', 'default'])
const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** Characters that ids of connection points may have; anything else is no id (it could end up in a shell somewhere). */
const idPattern = /^[A-Za-z0-9_.: -]+$/

/** In a VNFD of 2016 the id `vnf:input` means the function's own `input`. */
export const withoutLegacyPrefix = (id: string): string => (/^vnf:./.test(id) ? id.slice('vnf:'.length) : id)

const hashOf = (text: string): string =>
  [...createHash('sha256').update(text).digest().subarray(0, hashLength)].map((byte) => base32[byte % 32]).join('')

/**
 * A name that is the same on every run: the beginning of the id, a dash and four characters of its hash. For ids that are
 * too long, not free, or clean to a name that another id already has.
 */
export const shortInterfaceName = (id: string): InterfaceName => {
  const start = cleaned(id)
    .replace(/[^A-Za-z0-9-]/g, '')
    .replace(/^-+/, '')
    .slice(0, longest - hashLength - 1)
    .replace(/-+$/, '')
  const name = `${start === '' ? 'if' : start}-${hashOf(id)}`
  return must(parseInterfaceName(name), name)
}

const cleaned = (id: string): string => id.replace(/[: ._]/g, '-')

/**
 * The kernel interface name that a connection point's id gives: `:` space `.` `_` become `-`, a legacy `vnf:` goes, and what is
 * longer than 15 characters gets a stable short form. Used for declarations and references alike.
 *
 * @returns undefined when the id has characters that no connection point has.
 */
export const cleanInterfaceName = (id: string): InterfaceName | undefined => {
  const own = withoutLegacyPrefix(id)
  if (!idPattern.test(own) || own.length > 256) return undefined
  const name = cleaned(own)
  if (taken.has(name)) return shortInterfaceName(own)
  return parseInterfaceName(name) ?? shortInterfaceName(own)
}

/**
 * Names for connection points that share a container, none twice: an id that needs no cleaning keeps its name, of the others
 * the first that cleans to a free name gets it, the rest get a short form.
 *
 * @param points - with distinct ids; those whose id {@link cleanInterfaceName} does not accept are left out.
 */
export const nameInterfaces = <Point extends { readonly id: string }>(
  points: readonly Point[],
): (Point & { readonly name: InterfaceName })[] => {
  const cleanedPoints = points.flatMap((point) => {
    const name = cleanInterfaceName(point.id)
    return name === undefined ? [] : [{ ...point, name }]
  })
  const used = new Set<string>(cleanedPoints.filter(needsNoCleaning).map(({ name }) => name))
  return cleanedPoints.map((point) => {
    if (needsNoCleaning(point)) return point
    let { name } = point
    for (let salt = ''; used.has(name); salt += '#') name = shortInterfaceName(point.id + salt)
    used.add(name)
    return { ...point, name }
  })
}

const needsNoCleaning = ({ id, name }: { readonly id: string; readonly name: string }): boolean => id === name
