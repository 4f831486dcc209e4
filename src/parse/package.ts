import type { ByteSource } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import { isError } from '../model/diagnostics.ts'
import { must, parsePackageDigest } from '../model/names.ts'
import type { FunctionDescriptor, ServicePackage } from '../model/package.ts'
import { readArchive } from './archive.ts'
import { type Cursor, createCursor } from './cursor.ts'
import { digestsOf } from './digests.ts'
import { type FindFunction, readService } from './nsd.ts'
import { type PackageFiles, createPackageFiles } from './package-files.ts'
import {
  type PackageManifest,
  checkIdentity,
  findManifest,
  readSonManifest,
  readTangoManifest,
  sonManifest,
  tangoManifest,
} from './package-manifest.ts'
import { createReport, listOf, quote, wholeFile } from './report.ts'
import { type Identity, readFunction, readIdentity } from './vnfd.ts'
import { parseYaml } from './yaml.ts'

export interface PackageOptions {
  /** Take every image for a Docker image, also virtual machines' disks. For comparisons; such a package can't run. */
  readonly assumeDockerImages?: boolean
}

export interface ParsedPackage {
  /** Absent when any diagnostic is an error. */
  readonly package?: ServicePackage
  readonly diagnostics: readonly Diagnostic[]
}

/** Files up to this size can be descriptors. */
const descriptorBytes = 2 * 1024 * 1024
/** All of them together: those of a package have a megabyte in all, but which files they are is not known before they are read. */
const allDescriptorBytes = 64 * 1024 * 1024

/**
 * Reads a service package: a `.son`, or a `.tgo` of its successor format. Fails on no bytes whatever.
 *
 * @param file - as the user knows it; the ending decides between the formats where both are possible.
 * @throws ReadError when the bytes cannot be read
 */
export const parsePackage = async (
  file: string,
  source: ByteSource,
  options: PackageOptions = {},
): Promise<ParsedPackage> => {
  const diagnostics: Diagnostic[] = []
  const report = createReport(file, diagnostics)
  const archive = await readArchive(source, report, {
    keepBytes: descriptorBytes,
    keptBytes: allDescriptorBytes,
  })
  if (archive === undefined) return { diagnostics }
  const files = createPackageFiles(file, archive, diagnostics)
  const format = findManifest(file, files, report)
  if (format === undefined) return { diagnostics }
  const manifest =
    format === 'son'
      ? readManifest(files, sonManifest, readSonManifest)
      : readManifest(files, tangoManifest, readTangoManifest)
  if (manifest === undefined) return { diagnostics }
  const parsed = readContent(file, files, manifest, {
    assumeDockerImages: options.assumeDockerImages ?? false,
    cloudNative: format === 'tgo',
  })
  if (parsed === undefined || diagnostics.some(isError)) return { diagnostics }
  const [sha256, sha1] = await digestsOf(source, 'sha256', 'sha1')
  const digest = `sha256:${sha256}`
  return {
    diagnostics,
    package: {
      ...parsed,
      digest: must(parsePackageDigest(digest), digest),
      sha1,
      size: source.size,
      file: file.slice(file.lastIndexOf('/') + 1),
      notices: diagnostics,
    },
  }
}

const readManifest = (
  files: PackageFiles,
  path: string,
  read: (root: Cursor, files: PackageFiles) => PackageManifest | undefined,
): PackageManifest | undefined => {
  const yaml = files.readYaml(path)
  return yaml === undefined ? undefined : read(yaml.root, files)
}

interface Loaded {
  readonly identity: Identity
  readonly path: string
  /** Undefined after an error has been reported; read once however many functions use it. */
  readonly descriptor: () => FunctionDescriptor | undefined
}

const readContent = (
  file: string,
  files: PackageFiles,
  manifest: PackageManifest,
  options: { readonly assumeDockerImages: boolean; readonly cloudNative: boolean },
): Pick<ServicePackage, 'vendor' | 'name' | 'version' | 'description' | 'service'> | undefined => {
  const loaded = manifest.functions.flatMap((path): Loaded[] => {
    const yaml = files.readYaml(path)
    if (yaml === undefined) return []
    const identity = readIdentity(yaml.root, 'vnf')
    if (identity.name === '') {
      yaml.root
        .at('name')
        .error('VNF_NAME', 'the function descriptor has no name; the vnf_name of the service is right')
    }
    const descriptor = once(() => readFunction(yaml.root, `${file}!/${path}`, files, options))
    return [{ identity, path, descriptor }]
  })
  const nsd = files.readYaml(manifest.service)
  if (nsd === undefined) return undefined
  const service = readService(
    nsd.root,
    `${file}!/${manifest.service}`,
    findFunctionIn(loaded, loaded.length < manifest.functions.length),
  )
  const vendor = manifest.vendor || service.vendor
  const name = manifest.name || service.name
  const version = manifest.version || service.version
  checkIdentity(nsd.root, {
    ...(manifest.vendor === '' ? { vendor } : {}),
    ...(manifest.name === '' ? { name } : {}),
    ...(manifest.version === '' ? { version } : {}),
  })
  if (name === '') {
    nsd.root.error('PACKAGE_NAME', 'neither the manifest nor the service has a name; name: my-service is right')
    return undefined
  }
  return { vendor, name, version, description: manifest.description, service }
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/**
 * By name alone, as the gatekeeper did; among several of one name the one that agrees most, then the last.
 *
 * @param isPartial - a descriptor could not be read, which has been reported: what is not found may be in that one.
 */
const findFunctionIn =
  (loaded: readonly Loaded[], isPartial: boolean): FindFunction =>
  (wanted, entry) => {
    const named = loaded.filter(({ identity }) => identity.name === wanted.name)
    const agreeing = named.filter(({ identity }) => agrees(identity, wanted))
    const found = agreeing.at(-1) ?? named.at(-1)
    const nameAt = entry.at('vnf_name')
    if (found === undefined) {
      if (isPartial) return undefined
      const names = loaded.map(({ identity }) => identity.name)
      const hint = nameAt.suggest(wanted.name, names) || `; there are ${listOf(names)}`
      nameAt.error(
        'FUNCTION_MISSING',
        `no function descriptor of this package has the name ${quote(wanted.name)}${hint}`,
      )
      return undefined
    }
    if (agreeing.length === 0) {
      const { vendor, version } = found.identity
      nameAt.notice(
        'FUNCTION_VERSION',
        `the service wants ${shown(wanted)}, the package has ${shown({ ...wanted, vendor, version })}; that one is used`,
      )
    }
    if (named.length > 1)
      nameAt.notice(
        'FUNCTION_TWICE',
        `${named.length} function descriptors have this name; ${quote(`/${found.path}`)} is used`,
      )
    return found.descriptor()
  }

const agrees = (has: Identity, wanted: Identity): boolean =>
  (wanted.vendor === '' || has.vendor === wanted.vendor) && (wanted.version === '' || has.version === wanted.version)

const shown = ({ vendor, name, version }: Identity): string => `${vendor}/${name}:${version}`

/** A VNFD in a file of its own, outside any package. */
export const readStandaloneFunction = (
  file: string,
  bytes: Uint8Array,
  diagnostics: Diagnostic[],
): FunctionDescriptor | undefined => {
  const report = createReport(file, diagnostics)
  const [document] = parseYaml(bytes, report, { duplicateKeys: 'last' })
  if (document === undefined) {
    if (!diagnostics.some(isError)) report.error(wholeFile, 'EMPTY', 'the file has no content; a VNFD is right')
    return undefined
  }
  return readFunction(createCursor(document, report), file, createPackageFiles(file, new Map(), diagnostics), {
    assumeDockerImages: false,
    cloudNative: true,
  })
}
