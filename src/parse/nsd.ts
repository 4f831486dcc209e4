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

/** Finds the VNFD for an entry of `network_functions`; undefined after an error has been reported. */
export type FindFunction = (wanted: Identity, entry: Cursor) => FunctionDescriptor | undefined

/** @returns undefined after an error has been reported. */
export const readService = (root: Cursor, file: string, findFunction: FindFunction): ServiceDescriptor | undefined => {
  const declared = new Set<string>()
  const functions = readFunctions(root, findFunction, declared)
  const accessPoints = readAccessPoints(root)
  const links = readLinks(root.at('virtual_links'), file, {
    resolve: (reference, raw) => resolveEnd(reference, raw, functions, accessPoints, declared),
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
      vendor: entry.atAny(['vnf_vendor', 'vnf_group']).source() ?? '',
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
  const source = cursor.source()
  if (typeof cursor.value === 'string' && cursor.text() === undefined) {
    return `vnf_id is the plain word ${source ?? ''}, which many tools read as true or false; write "${source ?? ''}" in quotation marks`
  }
  const hint = typeof cursor.value === 'number' ? ` (in quotation marks, as in "${source ?? ''}")` : ''
  return `vnf_id is ${describe(cursor.value)}; ${right}${hint}`
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
      const interfaceName = cleanInterfaceName(parts.at(-1) ?? '')
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

const resolveEnd = (
  reference: Cursor,
  raw: string,
  functions: readonly NetworkFunction[],
  accessPoints: readonly AccessPoint[],
  declared: ReadonlySet<string>,
): EndReference | undefined => {
  const end = splitReference(reference, raw)
  if (end === undefined) return undefined
  const owner = functions.find(({ vnfId }) => vnfId === end.owner)
  if (owner === undefined) {
    if (!declared.has(end.owner) && !accessPoints.some(({ name }) => name === accessPointName(raw))) {
      const functionIds = functions.map(({ vnfId }) => String(vnfId))
      const pointIds = accessPoints.map(({ id }) => id)
      const known = [...functionIds, ...pointIds]
      const hint = (raw.includes(':') && reference.suggest(end.owner, functionIds)) || reference.suggest(raw, pointIds)
      const there = hint === '' ? `; there are ${listOf(known)}` : hint
      reference.notice('LINK_NOWHERE', `${quote(raw)} is neither a function nor a service access point${there}`)
    }
    return end
  }
  const { interfaces } = owner.descriptor
  const port = withoutLegacyPrefix(raw.includes(':') ? raw.slice(raw.indexOf(':') + 1) : raw)
  const found = interfaces.find(({ id }) => id === port) ?? interfaces.find(({ name }) => name === end.interface)
  if (found !== undefined) return { ...end, interface: found.name }
  const ids = interfaces.map(({ id }) => id)
  const hint = reference.suggest(port, ids) || `; it has ${listOf(ids)}`
  reference.notice('LINK_NOWHERE', `${end.owner} has no connection point ${quote(port)}${hint}`)
  return end
}
