import type { ByteSource } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import { parseConfiguration } from './configuration.ts'
import { parseManifestFile } from './manifest.ts'
import { parsePackage } from './package.ts'
import { createReport, wholeFile } from './report.ts'
import { parseYaml } from './yaml.ts'

/**
 * Everything there is to say about a file, by its ending: a package, or a manifest or configuration. A file without content
 * gets a notice.
 */
export const validateFile = async (file: string, source: ByteSource): Promise<readonly Diagnostic[]> => {
  if (/\.(?:son|tgo)$/i.test(file)) return (await parsePackage(file, source)).diagnostics
  const report = createReport(file)
  if (!/\.(?:ya?ml|json)$/i.test(file)) {
    report.error(wholeFile, 'FILE_KIND', 'a file with the ending .son, .tgo, .yaml, .yml or .json is right')
    return report.diagnostics
  }
  const bytes = await source.read(0, source.size)
  const kinds = parseYaml(bytes, createReport(file), { duplicateKeys: 'error' }).map(({ value }) => kindOf(value))
  if (kinds.length === 1 && kinds[0] === 'SondConfiguration') return parseConfiguration(file, bytes).diagnostics
  const { documents, diagnostics } = parseManifestFile(file, bytes)
  if (documents.length > 0 || diagnostics.length > 0) return diagnostics
  report.notice(wholeFile, 'EMPTY', 'the file has no documents')
  return report.diagnostics
}

const kindOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
