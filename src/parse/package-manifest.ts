import type { ArchiveFile } from './archive.ts'
import type { Cursor } from './cursor.ts'
import type { PackageFiles } from './package-files.ts'
import { type Report, describe, listOf, quote } from './report.ts'
import { type Identity, readIdentity } from './vnfd.ts'

export const sonManifest = 'META-INF/MANIFEST.MF'
export const tangoManifest = 'TOSCA-Metadata/NAPD.yaml'

export interface PackageManifest extends Identity {
  readonly description: string
  /** Path of the NSD. */
  readonly service: string
  readonly serviceAt: Cursor
  /** Paths of the VNFDs. */
  readonly functions: readonly string[]
}

/** A path in a manifest means "inside the package", with or without `/` or `file://` before it. */
const insidePath = (text: string): string => text.replace(/^file:\/\//i, '').replace(/^\/+/, '')

const functionTypes: ReadonlySet<string> = new Set([
  'application/sonata.function_descriptor',
  'application/sonata.function_descriptors',
])
const tangoFunctionType = 'application/vnd.5gtango.vnfd'
const tangoServiceType = 'application/vnd.5gtango.nsd'

/**
 * `META-INF/MANIFEST.MF` of a `.son`: keys of mid 2016 on (`vendor`, `name`, `version`) or before (`package_group`, ...).
 *
 * @returns undefined after an error has been reported.
 */
export const readSonManifest = (root: Cursor, files: PackageFiles): PackageManifest | undefined => {
  const contents = readContents(root, files, 'name', functionTypes)
  const entry = root.at('entry_service_template')
  const written = entry.text() ?? ''
  if (written === '') {
    const symbols = root.has(':entry_service_template') ? '; the keys of this manifest begin with ":", remove it' : ''
    const right = 'the path of a network service descriptor is right'
    entry.error('NO_SERVICE', `entry_service_template is ${describe(entry.value)}; ${right}${symbols}`)
    return undefined
  }
  return finish(root, files, entry, insidePath(written), contents)
}

/**
 * `TOSCA-Metadata/NAPD.yaml` of a `.tgo`; the service is the entry of the content type for one.
 *
 * @returns undefined after an error has been reported.
 */
export const readTangoManifest = (root: Cursor, files: PackageFiles): PackageManifest | undefined => {
  const contents = readContents(root, files, 'source', new Set([tangoFunctionType]))
  const [service, ...others] = contents.filter(({ type }) => type === tangoServiceType)
  if (service === undefined) {
    const kind = root.at('package_type').source()
    const what = kind === undefined ? '' : ` (its package_type is ${quote(kind)})`
    const list = root.at('package_content')
    list.error(
      'NO_SERVICE',
      `the package lists no network service${what}; an entry of content-type ${tangoServiceType} is right`,
    )
    return undefined
  }
  if (others.length > 0) {
    service.cursor.notice(
      'SECOND_SERVICE',
      `the package lists ${others.length + 1} network services; the first one counts`,
    )
  }
  return finish(root, files, service.cursor.at('source'), service.path, contents)
}

interface Content {
  readonly path: string
  readonly type: string
  readonly cursor: Cursor
  readonly isFunction: boolean
}

const finish = (
  root: Cursor,
  files: PackageFiles,
  serviceAt: Cursor,
  service: string,
  contents: readonly Content[],
): PackageManifest | undefined => {
  const identity = readIdentity(root, 'package')
  checkIdentity(root, identity)
  if (!files.has(service)) {
    serviceAt.error(
      'FILE_MISSING',
      `the service descriptor ${quote(`/${service}`)} is not in the package${files.hint(service)}`,
    )
    return undefined
  }
  const description = root.atAny('description', 'package_description').source() ?? ''
  const functions = contents.filter(({ isFunction, path }) => isFunction && files.has(path)).map(({ path }) => path)
  return { ...identity, description, service, serviceAt, functions: [...new Set(functions)] }
}

/** Reports what of a package's name is none; `root` is the descriptor that it comes from. */
export const checkIdentity = (root: Cursor, identity: Partial<Identity>): void => {
  const right = 'up to 128 characters without ":", "/", blanks and control characters are right'
  for (const [key, text] of Object.entries<string>({ ...identity })) {
    if (text === '') continue
    if (!/^[^:/\s\p{C}]{1,128}$/u.test(text)) {
      root
        .atAny(key, `package_${key}`, 'package_group')
        .error('PACKAGE_NAME', `the package's ${key} is ${quote(text)}; ${right}`)
    }
  }
}

const readContents = (
  root: Cursor,
  files: PackageFiles,
  pathKey: 'name' | 'source',
  functionTypesOfFormat: ReadonlySet<string>,
): Content[] =>
  root
    .at('package_content')
    .items('package_content')
    .flatMap((item): Content[] => {
      const pathCursor = item.atAny(pathKey, 'name', 'source')
      const written = pathCursor.text() ?? ''
      if (written === '') {
        const isMap = typeof item.value === 'object' && !item.isAbsent && !Array.isArray(item.value)
        const found = isMap
          ? `${pathKey} is ${describe(pathCursor.value)}`
          : `an entry of package_content is ${describe(item.value)}`
        pathCursor.error('CONTENT', `${found}; a path is right`)
        return []
      }
      const type = item.at('content-type').source() ?? ''
      const content = { path: insidePath(written), type, cursor: item, isFunction: functionTypesOfFormat.has(type) }
      const file = files.get(content.path)
      if (file === undefined) reportMissing(pathCursor, content, files)
      else checkSums(item, file)
      return [content]
    })

const reportMissing = (cursor: Cursor, { path, isFunction }: Content, files: PackageFiles): void => {
  const shown = quote(`/${path}`)
  if (isFunction)
    cursor.error('FILE_MISSING', `the function descriptor ${shown} is not in the package${files.hint(path)}`)
  else cursor.notice('FILE_MISSING', `${shown} is listed but not in the package`)
}

/** A third of the genuine packages were edited after their sums had been made, so a wrong one is worth a notice only. */
const checkSums = (item: Cursor, file: ArchiveFile): void => {
  const compare = (cursor: Cursor, name: string, actual: string): void => {
    const listed = cursor.source()
    if (listed === undefined || cursor.isAbsent || listed.toLowerCase() === actual) return
    cursor.notice('CHECKSUM', `the ${name} sum of ${quote(`/${file.path}`)} is ${actual}, not the one listed here`)
  }
  compare(item.at('md5'), 'MD5', file.md5)
  if (/^sha-?256$/i.test(item.at('algorithm').source() ?? '')) compare(item.at('hash'), 'SHA-256', file.sha256)
}

/** Which of the two formats an archive is; undefined after an error has been reported. */
export const findManifest = (file: string, files: PackageFiles, report: Report): 'son' | 'tgo' | undefined => {
  const isTango = /\.tgo$/i.test(file)
  if (isTango && files.has(tangoManifest)) return 'tgo'
  if (files.has(sonManifest)) return 'son'
  const place = { line: 1, column: 1, path: '' }
  if (files.has(tangoManifest)) {
    if (!/\.son$/i.test(file)) return 'tgo'
    report.error(
      place,
      'NO_MANIFEST',
      `no ${sonManifest}: this is a package of the 5GTANGO format; give the file the ending .tgo`,
    )
    return undefined
  }
  const wanted = isTango ? tangoManifest : sonManifest
  const paths = [...files.paths()].filter((path) => !path.startsWith('__MACOSX/'))
  const wrapped = paths.find((path) => path.endsWith(`/${wanted}`))
  const hint =
    wrapped === undefined
      ? `it holds ${listOf(paths)}`
      : `it is one directory down, in ${quote(wrapped.slice(0, -wanted.length))}: pack what is inside that directory`
  report.error(place, 'NO_MANIFEST', `no ${wanted} in the package; ${hint}`)
  return undefined
}
