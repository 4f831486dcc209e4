import { parseVnfId } from '../model/names.ts'
import type {
  AccessPoint,
  EndReference,
  FunctionDescriptor,
  NetworkFunction,
  ServiceDescriptor,
} from '../model/package.ts'
import type { Cursor } from './cursor.ts'
import { cleanInterfaceName, withoutLegacyPrefix } from './interface-name.ts'
import { readLinks, splitReference } from './links.ts'
import { describe, listOf, quote } from './report.ts'
import { type Identity, readIdentity, readPointId } from './vnfd.ts'

/** Genuine services have some hundred at most. */
const mostFunctions = 1_000

/** Finds the VNFD for an entry of `network_functions`; undefined after an error has been reported. */
export type FindFunction = (wanted: Identity, entry: Cursor) => FunctionDescriptor | undefined

/** A service without what has errors: those have been reported. */
export const readService = (root: Cursor, file: string, findFunction: FindFunction): ServiceDescriptor => {
  const declared = new Set<string>()
  const functions = readFunctions(root, findFunction, declared)
  const accessPoints = readAccessPoints(root)
  const known = knownEnds(functions, accessPoints, declared)
  const links = readLinks(root.at('virtual_links'), file, {
    resolve: (reference, raw) => resolveEnd(reference, raw, known),
  })
  return {
    ...readIdentity(root, 'ns'),
    functions,
    accessPoints,
    links,
    hasForwardingGraphs: root.has('forwarding_graphs'),
  }
}

/** @param declared - is filled with every good id, also of functions whose descriptor has errors. */
const readFunctions = (root: Cursor, findFunction: FindFunction, declared: Set<string>): NetworkFunction[] => {
  const list = root.at('network_functions')
  const entries = list.items('network_functions')
  if (entries.length === 0 && (list.isAbsent || Array.isArray(list.value))) {
    const found = list.isAbsent ? 'has no network_functions' : 'has an empty list of network_functions'
    list.error('NO_FUNCTIONS', `the service ${found}; a list with vnf_id and vnf_name is right`)
  }
  if (entries.length > mostFunctions) {
    list.error('TOO_LARGE', `the service has ${entries.length} network functions; at most ${mostFunctions} are read`)
    return []
  }
  return entries.flatMap((entry) => {
    const idCursor = entry.at('vnf_id')
    const written = idCursor.text()
    const vnfId = written === undefined ? undefined : parseVnfId(written)
    if (vnfId === undefined) idCursor.error('VNF_ID', vnfIdProblem(idCursor))
    if (vnfId !== undefined && declared.has(vnfId)) {
      idCursor.error('DUPLICATE_VNF_ID', `two network functions have the vnf_id ${quote(vnfId)}; each needs its own`)
      return []
    }
    if (vnfId !== undefined) declared.add(vnfId)
    const wanted = {
      vendor: entry.atAny('vnf_vendor', 'vnf_group').source() ?? '',
      name: entry.at('vnf_name').source() ?? '',
      version: entry.at('vnf_version').source() ?? '',
    }
    if (wanted.name === '') {
      entry.error(
        'VNF_NAME',
        `vnf_name is ${describe(entry.at('vnf_name').value)}; the name of a function descriptor is right`,
      )
      return []
    }
    const descriptor = findFunction(wanted, entry)
    return vnfId === undefined || descriptor === undefined ? [] : [{ vnfId, descriptor }]
  })
}

const vnfIdProblem = (cursor: Cursor): string => {
  const right = 'up to 63 letters, digits, "_" and "-", not beginning with "-", are right'
  const { value } = cursor
  if (typeof value === 'string' && cursor.text() === undefined) {
    return `vnf_id is the plain word ${value}, which many tools read as true or false; write "${value}" in quotation marks`
  }
  const hint = typeof value === 'number' ? ` (in quotation marks, as in "${value}")` : ''
  return `vnf_id is ${describe(value)}; ${right}${hint}`
}

const accessTypes = ['internal', 'management', 'external'] as const

const readAccessPoints = (root: Cursor): AccessPoint[] => {
  const seen = new Map<string, string>()
  return root
    .at('connection_points')
    .items('connection_points')
    .flatMap((point): AccessPoint[] => {
      const id = readPointId(point)
      if (id === undefined) return []
      const parts = id.split(':')
      const interfaceName = cleanInterfaceName(id.slice(id.lastIndexOf(':') + 1))
      if (parts.length > 2 || parts.includes('') || interfaceName === undefined) {
        point.at('id').error('POINT_ID', `the service access point ${quote(id)} is not of the form ns:name or name`)
        return []
      }
      const name = accessPointName(id)
      const twin = seen.get(name)
      if (twin !== undefined) {
        const first = twin === id ? 'is declared twice' : `has the same name ${quote(name)} as ${quote(twin)}`
        point.notice('DUPLICATE_POINT', `the service access point ${quote(id)} ${first}; the first one counts`)
        return []
      }
      seen.set(name, id)
      return [{ id, name, interfaceName, type: readAccessType(point) }]
    })
}

/** Name of the SAP that an id or a reference means: `ns:input` is `ns_input`. */
const accessPointName = (id: string): string => id.replace(/[:. ]/g, '_')

const readAccessType = (point: Cursor): AccessPoint['type'] => {
  const cursor = point.at('type')
  if (cursor.isAbsent || cursor.value === '') return 'internal'
  const type = accessTypes.find((known) => known === cursor.value)
  if (type !== undefined) return type
  const hint = cursor.suggest(cursor.text() ?? '', accessTypes)
  cursor.notice(
    'ACCESS_POINT_TYPE',
    `the type ${describe(cursor.value)} makes no service access point; ${listOf(accessTypes)} do${hint}`,
  )
  return 'none'
}

/** What references of links can mean, made ready for many of them. */
interface KnownEnds {
  readonly functions: ReadonlyMap<string, FunctionEnds>
  readonly functionIds: readonly string[]
  readonly pointIds: readonly string[]
  readonly pointNames: ReadonlySet<string>
  /** Ids of all functions, also of those whose descriptor has errors. */
  readonly declared: ReadonlySet<string>
}

interface FunctionEnds {
  readonly ids: readonly string[]
  readonly nameOf: ReadonlyMap<string, string>
  readonly names: ReadonlySet<string>
}

const functionEnds = ({ interfaces }: FunctionDescriptor): FunctionEnds => ({
  ids: [...new Set(interfaces.map(({ id }) => id))],
  // Of two units' interfaces with one id the first counts; the function's own come before all.
  nameOf: new Map(interfaces.toReversed().map(({ id, name }) => [id, name])),
  names: new Set(interfaces.map(({ name }) => name)),
})

const knownEnds = (
  functions: readonly NetworkFunction[],
  accessPoints: readonly AccessPoint[],
  declared: ReadonlySet<string>,
): KnownEnds => {
  const ends = new Map<FunctionDescriptor, FunctionEnds>()
  const endsOf = (descriptor: FunctionDescriptor): FunctionEnds => {
    const made = ends.get(descriptor) ?? functionEnds(descriptor)
    ends.set(descriptor, made)
    return made
  }
  return {
    functions: new Map(functions.map(({ vnfId, descriptor }) => [vnfId, endsOf(descriptor)])),
    functionIds: functions.map(({ vnfId }) => vnfId),
    pointIds: accessPoints.map(({ id }) => id),
    pointNames: new Set(accessPoints.map(({ name }) => name)),
    declared,
  }
}

const resolveEnd = (reference: Cursor, raw: string, known: KnownEnds): EndReference | undefined => {
  const end = splitReference(reference, raw)
  if (end === undefined) return undefined
  const owner = known.functions.get(end.owner)
  if (owner === undefined) {
    if (!known.declared.has(end.owner) && !known.pointNames.has(accessPointName(raw))) {
      const { functionIds, pointIds } = known
      const hint =
        (raw.includes(':') && reference.suggest(end.owner, functionIds)) ||
        reference.suggest(raw, pointIds) ||
        `; there are ${listOf([...functionIds.slice(0, 10), ...pointIds.slice(0, 10)])}`
      reference.notice('LINK_NOWHERE', `${quote(raw)} is neither a function nor a service access point${hint}`)
    }
    return end
  }
  const port = withoutLegacyPrefix(raw.includes(':') ? raw.slice(raw.indexOf(':') + 1) : raw)
  const name = owner.nameOf.get(port)
  if (name !== undefined) return { ...end, interface: name }
  if (owner.names.has(end.interface)) return end
  const hint = reference.suggest(port, owner.ids) || `; it has ${listOf(owner.ids)}`
  reference.notice('LINK_NOWHERE', `${end.owner} has no connection point ${quote(port)}${hint}`)
  return end
}
