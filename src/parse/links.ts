import { type LinkId, must, parseLinkId } from '../model/names.ts'
import type { EndReference, VirtualLink } from '../model/package.ts'
import type { Cursor } from './cursor.ts'
import { cleanInterfaceName } from './interface-name.ts'
import { describe, quote } from './report.ts'

const types = ['E-Line', 'E-LAN', 'E-Tree'] as const

/** What a descriptor's links may refer to. */
export interface EndResolver {
  /** The end that a reference names; undefined after an error has been reported. May give notices. */
  readonly resolve: (reference: Cursor, raw: string) => EndReference | undefined
}

/** `virtual_links` of an NSD or VNFD. A link with errors is left out; a link whose ends lead nowhere is kept. */
export const readLinks = (list: Cursor, file: string, resolver: EndResolver): VirtualLink[] => {
  return list.items('virtual_links').flatMap((link, index) => readLink(link, index, file, resolver) ?? [])
}

const readLink = (link: Cursor, index: number, file: string, resolver: EndResolver): VirtualLink | undefined => {
  const id = readId(link, index)
  const typeCursor = link.at('connectivity_type')
  const typeText = typeCursor.source() ?? ''
  const type = types.find((known) => known === typeText) ?? 'unknown'
  if (type === 'unknown') {
    const hint = typeCursor.suggest(typeText, types)
    typeCursor.notice(
      'LINK_TYPE',
      `connectivity_type is ${describe(typeCursor.value)}, which no link has; this one is not wired${hint}`,
    )
  }
  const ends = readEnds(link, type, resolver)
  if (id === undefined || ends === undefined) return undefined
  return { id, type, typeText, ends, file, line: link.place().line }
}

const readId = (link: Cursor, index: number): LinkId | undefined => {
  const cursor = link.atAny('id', 'virtual_link_id')
  if (cursor.isAbsent || cursor.value === '') {
    const id = `link-${index + 1}`
    link.notice('LINK_ID', `the link has no id; it is called ${quote(id)}`)
    return must(parseLinkId(id), id)
  }
  const id = parseLinkId(cursor.source() ?? '')
  if (id === undefined) {
    cursor.error('LINK_ID', `a link's id is ${describe(cursor.value)}; up to 256 characters of plain text are right`)
  }
  return id
}

const readEnds = (link: Cursor, type: VirtualLink['type'], resolver: EndResolver): EndReference[] | undefined => {
  const list = link.at('connection_points_reference')
  if (!Array.isArray(list.value)) {
    list.error(
      'LINK_ENDS',
      `connection_points_reference is ${describe(list.value)}; a list such as ["vnf_a:output", "vnf_b:input"] is right`,
    )
    return undefined
  }
  const references = list.items('connection_points_reference')
  const ends = references.map((reference) => readEnd(reference, resolver))
  const good = ends.filter((end) => end !== undefined)
  if (good.length < ends.length) return undefined
  if (type === 'E-Line') return checkLine(list, good)
  if (good.length < 2) list.notice('LINK_ENDS', `the link has ${good.length} ends; it connects nothing`)
  return good
}

const readEnd = (reference: Cursor, resolver: EndResolver): EndReference | undefined => {
  const raw = reference.source()
  if (raw !== undefined && reference.value !== null) return resolver.resolve(reference, raw)
  const right = 'text such as "vnf_a:output" is right'
  reference.error('LINK_REFERENCE', `a link's reference is ${describe(reference.value)}; ${right}`)
  return undefined
}

const checkLine = (list: Cursor, ends: EndReference[]): EndReference[] | undefined => {
  const [first, second] = ends
  if (first === undefined || second === undefined) {
    list.error('LINK_ENDS', `an E-Line has two ends; this one has ${ends.length}`)
    return undefined
  }
  if (first.owner === second.owner && first.interface === second.interface) {
    list.error('LINK_ENDS', `both ends of this E-Line are ${quote(first.raw)}; two different ones are right`)
    return undefined
  }
  if (ends.length > 2) {
    list.notice(
      'LINK_ENDS',
      `an E-Line has two ends; of these ${ends.length} the first two count: ${first.raw}, ${second.raw}`,
    )
  }
  return ends
}

/**
 * Splits `x:y`, or `z` for function and interface of that one name.
 *
 * @returns undefined after an error has been reported.
 */
export const splitReference = (reference: Cursor, raw: string): EndReference | undefined => {
  const parts = raw.split(':')
  const [owner = '', port = owner] = parts
  const name = cleanInterfaceName(port)
  if (parts.length > 2 || owner === '' || name === undefined || cleanInterfaceName(owner) === undefined) {
    reference.error(
      'LINK_REFERENCE',
      `the reference ${quote(raw)} is not of the form function:interface or service-access-point`,
    )
    return undefined
  }
  return { raw, owner, interface: name }
}
