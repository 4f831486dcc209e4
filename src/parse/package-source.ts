import { bytesInMemory } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import { isError } from '../model/diagnostics.ts'
import { z } from 'zod'
import { parsePackage } from './package.ts'
import { type PackageDescription, writePackage } from './package-writer.ts'
import { createReport, listOf, wholeFile } from './report.ts'
import { strict } from './schema-fields.ts'
import { reportIssues } from './schema-issues.ts'
import { parseYaml } from './yaml.ts'

/** The file of a source directory that says what the package is called. */
const sourceManifest = 'package.yml'

/** What is packed; whatever else lies in the directory stays there. */
const packedFolders = ['service_descriptors/', 'function_descriptors/', 'docker_files/'] as const

const word = z.string().regex(/^[^:/\s]{1,128}$/, 'up to 128 characters without ":", "/" and blanks are right')

const sourceSchema = strict({
  vendor: word,
  name: word,
  version: word,
  description: z.string().default(''),
  maintainer: z.string().default(''),
  /** Needed only with several files in service_descriptors. */
  service: z.string().optional(),
})

export interface PackedSource {
  /** Absent when any diagnostic is an error. */
  readonly bytes?: Uint8Array
  /** Name for the file: `vendor.name.version.son`. */
  readonly file?: string
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Makes a `.son` of a source directory: `package.yml` (vendor, name, version, description, maintainer),
 * `service_descriptors/`, `function_descriptors/` and `docker_files/`. The result is checked as any package is.
 *
 * @param directory - as the user knows it.
 * @param files - the directory's files by path, with `/` between folders.
 */
export const packSource = async (directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<PackedSource> => {
  const report = createReport(`${directory}/${sourceManifest}`)
  const about = readSourceManifest(files, report)
  if (about === undefined) return { diagnostics: report.diagnostics }
  const packed = new Map([...files].filter(([path]) => packedFolders.some((folder) => path.startsWith(folder))))
  const bytes = await writePackage(packed, about)
  const file = `${about.vendor}.${about.name}.${about.version}.son`
  const { diagnostics } = await parsePackage(file, bytesInMemory(bytes))
  // A user of `sonctl package` knows the files of the directory, not those of the package to be.
  const shown = diagnostics.map((found) => ({ ...found, file: found.file.replace(`${file}!/`, `${directory}/`) }))
  const all = [...report.diagnostics, ...shown]
  return all.some(isError) ? { diagnostics: all } : { bytes, file, diagnostics: all }
}

const readSourceManifest = (
  files: ReadonlyMap<string, Uint8Array>,
  report: ReturnType<typeof createReport>,
): PackageDescription | undefined => {
  const manifest = files.get(sourceManifest)
  if (manifest === undefined) {
    report.error(
      wholeFile,
      'FILE_MISSING',
      `${sourceManifest} is missing; a file with vendor, name and version is right`,
    )
    return undefined
  }
  const [yaml] = parseYaml(manifest, report, { duplicateKeys: 'error' })
  if (yaml === undefined) {
    if (!report.diagnostics.some(isError))
      report.error(wholeFile, 'EMPTY', 'the file is empty; vendor, name and version are right')
    return undefined
  }
  const result = sourceSchema.safeParse(yaml.value)
  if (!result.success) {
    reportIssues(result.error.issues, yaml, report)
    return undefined
  }
  const services = [...files.keys()].filter((path) => /^service_descriptors\/[^/]+\.(?:ya?ml|json)$/.test(path)).sort()
  const { service: wanted, ...about } = result.data
  const [only, second] = services
  if (wanted === undefined && only !== undefined && second === undefined) return { ...about, service: only }
  const service = services.find((path) => path === wanted)
  if (service !== undefined) return { ...about, service }
  const place = { ...yaml.placeOf(['service']), path: 'service' }
  const found = wanted === undefined ? 'service is missing' : `service names no file of service_descriptors`
  report.error(place, 'NO_SERVICE', `${found}; the service descriptors here are ${listOf(services)}`)
  return undefined
}
