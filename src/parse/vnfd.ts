import type { DeploymentUnit, FunctionDescriptor, FunctionInterface } from '../model/package.ts'
import type { Cursor } from './cursor.ts'
import { type ImageOptions, type UnitImage, readCloudNativeImage, readVirtualImage } from './image.ts'
import { cleanInterfaceName, nameInterfaces, withoutLegacyPrefix } from './interface-name.ts'
import { readInternalLinks } from './internal-links.ts'
import type { PackageFiles } from './package-files.ts'
import { describe, quote } from './report.ts'
import { readResources } from './resources.ts'

export interface FunctionOptions extends ImageOptions {
  /** Whether units of the successor format count (`cloudnative_deployment_units`, in a .tgo). */
  readonly cloudNative: boolean
}

export interface Identity {
  readonly vendor: string
  readonly name: string
  readonly version: string
}

/** Vendor, name and version in today's keys or those of early 2016 (`vnf_group`, `vnf_name`, `vnf_version`). */
export const readIdentity = (root: Cursor, prefix: 'vnf' | 'ns' | 'package'): Identity => ({
  vendor: root.atAny('vendor', `${prefix}_vendor`, `${prefix}_group`).source() ?? '',
  name: root.atAny('name', `${prefix}_name`).source() ?? '',
  version: root.atAny('version', `${prefix}_version`).source() ?? '',
})

/** Unit ids become part of container names. */
const unitId = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/

/**
 * A VNFD as containers, limits and interfaces.
 *
 * @returns undefined after an error has been reported.
 */
export const readFunction = (
  root: Cursor,
  file: string,
  files: PackageFiles,
  options: FunctionOptions,
): FunctionDescriptor | undefined => {
  const identity = readIdentity(root, 'vnf')
  const unitCursors = findUnits(root, options)
  if (unitCursors === undefined) return undefined
  const built = unitCursors.map((found, index) => ({
    cursor: found.cursor,
    unit: readUnit(found, index, identity.name, unitCursors.length, files, options),
  }))
  const units = built.map(({ unit }) => unit)
  const [first, ...others] = units
  const points = readPoints(root)
  if (first === undefined) {
    root.error(
      'NO_UNITS',
      'the function has no deployment unit; virtual_deployment_units with one docker image is right',
    )
    return undefined
  }
  const ids = new Set<string>()
  const twice = units.find(({ id }) => ids.size === ids.add(id).size)
  if (twice !== undefined) {
    root.error('DUPLICATE_UNIT', `two deployment units have the id ${quote(twice.id)}; each needs its own`)
    return undefined
  }
  const single = points.map(({ id, type, name }): FunctionInterface => ({ id, type, name, unit: first.id }))
  if (others.length === 0) return { ...identity, interfaces: single, units: [first], internalLinks: [] }
  const { interfaces, links } = readInternalLinks(root, file, single, built)
  return { ...identity, interfaces, units: [first, ...others], internalLinks: links }
}

const findUnits = (
  root: Cursor,
  options: FunctionOptions,
): readonly { cursor: Cursor; cloudNative: boolean }[] | undefined => {
  const virtual = root.at('virtual_deployment_units')
  const native = root.at('cloudnative_deployment_units')
  const nativeUnits = native.items('cloudnative_deployment_units')
  const units = virtual.items('virtual_deployment_units').map((cursor) => ({ cursor, cloudNative: false }))
  if (options.cloudNative) return [...units, ...nativeUnits.map((cursor) => ({ cursor, cloudNative: true }))]
  if (nativeUnits.length === 0) return units
  const what = 'cloudnative_deployment_units belong to packages of the 5GTANGO format (.tgo)'
  if (units.length > 0) {
    native.notice('CLOUD_NATIVE', `${what}; here they are not started`)
    return units
  }
  native.error('CLOUD_NATIVE', `${what}; virtual_deployment_units with a docker image are right in a .son`)
  return undefined
}

export type UnitCursor = NonNullable<ReturnType<typeof findUnits>>[number]

const readUnit = (
  { cursor, cloudNative }: UnitCursor,
  index: number,
  functionName: string,
  count: number,
  files: PackageFiles,
  options: FunctionOptions,
): DeploymentUnit => {
  const idCursor = cursor.at('id')
  const written = idCursor.source() ?? `vdu${index + 1}`
  const id = unitId.test(written) ? written : `vdu${index + 1}`
  if (id !== written && count > 1) {
    idCursor.notice(
      'UNIT_ID',
      `the unit's id ${quote(written)} can't be part of a container's name; it is called ${quote(id)}`,
    )
  }
  const names = count > 1 ? [id] : [functionName, functionName.replace(/-vnf$/, ''), id]
  const read: (unit: Cursor, names: readonly string[], files: PackageFiles, options: ImageOptions) => UnitImage =
    cloudNative ? readCloudNativeImage : readVirtualImage
  return { id, ...read(cursor, names, files, options), ...readResources(cursor.at('resource_requirements')) }
}

type Point = Pick<FunctionInterface, 'id' | 'type' | 'name'>

const readPoints = (root: Cursor): Point[] => {
  const seen = new Set<string>()
  const found = root
    .at('connection_points')
    .items('connection_points')
    .flatMap((point) => {
      const written = readPointId(point)
      if (written === undefined) return []
      const id = withoutLegacyPrefix(written)
      if (seen.has(id)) {
        point.error('DUPLICATE_POINT', `two connection points have the id ${quote(id)}; each needs its own`)
        return []
      }
      seen.add(id)
      checkAddresses(point)
      return [{ id, type: point.at('type').text() ?? '', point }]
    })
  return nameInterfaces(found).map(({ id, type, name, point }) => {
    if (name !== id) point.notice('INTERFACE_NAME', `the connection point ${quote(id)} becomes the interface ${name}`)
    return { id, type, name }
  })
}

/** @returns undefined after an error has been reported. */
export const readPointId = (point: Cursor): string | undefined => {
  const cursor = point.at('id')
  const id = cursor.value === null ? undefined : cursor.source()
  if (id !== undefined && cleanInterfaceName(id) !== undefined) return id
  const found = id === undefined ? describe(cursor.value) : quote(id)
  cursor.error('POINT_ID', `a connection point's id is ${found}; letters, digits, "-", "_", "." and ":" are right`)
  return undefined
}

const addressKeys = {
  ip: /^[0-9a-fA-F.:]+(?:\/\d{1,3})?$/,
  address: /^[0-9a-fA-F.:]+(?:\/\d{1,3})?$/,
  mac: /^[0-9a-fA-F:-]{11,17}$/,
}

/** The predecessor handed a point's further keys to a shell. They are not used here, and what is no address is refused. */
const checkAddresses = (point: Cursor): void => {
  for (const [key, pattern] of Object.entries(addressKeys)) {
    const cursor = point.at(key)
    const text = cursor.source()
    if (text === undefined || cursor.isAbsent) continue
    if (pattern.test(text))
      cursor.notice('ADDRESS_IGNORED', `the ${key} ${quote(text)} is not used; addresses come from the pools`)
    else cursor.error('ADDRESS', `${key} is ${quote(text)}, which is no address`)
  }
}
