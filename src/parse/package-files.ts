import type { ArchiveFile } from './archive.ts'
import { countMarks, mostMarks } from './bounds.ts'
import { type Cursor, createCursor } from './cursor.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import { type Report, createReport, listOf, quote, wholeFile } from './report.ts'
import { nearest } from './suggest.ts'
import { maximumTextBytes } from './text.ts'
import { parseYaml } from './yaml.ts'

/** All descriptors of one package together; the parser takes about a second for as much. */
const mostParsedBytes = 2 * maximumTextBytes
/** Findings after which no file is suggested any more. */
const mostHints = 50

/** The files of a package, by their path without a leading `/`. */
export interface PackageFiles {
  readonly has: (path: string) => boolean
  readonly get: (path: string) => ArchiveFile | undefined
  readonly paths: () => Iterable<string>
  /** The one document of a YAML file as a cursor; undefined after an error has been reported. */
  readonly readYaml: (path: string) => { readonly root: Cursor; readonly report: Report } | undefined
  /** `; did you mean ...`, or the files of that kind that there are. */
  readonly hint: (path: string) => string
}

export const createPackageFiles = (
  packageFile: string,
  files: ReadonlyMap<string, ArchiveFile>,
  diagnostics: Diagnostic[],
): PackageFiles => {
  let parsedBytes = 0
  let parsedMarks = 0
  let isFull = false
  return {
    has: (path) => files.has(path),
    get: (path) => files.get(path),
    paths: () => files.keys(),
    readYaml: (path) => {
      const report = createReport(`${packageFile}!/${path}`, diagnostics)
      const bytes = files.get(path)?.bytes
      if (bytes === undefined) {
        report.error(wholeFile, 'TOO_LARGE', 'the file is too large to be a descriptor')
        return undefined
      }
      // Said once: what is over the bounds by itself says so when it is parsed.
      if (isFull) return undefined
      const marks = bytes.length > maximumTextBytes ? 0 : countMarks(bytes)
      parsedBytes += bytes.length
      parsedMarks += marks
      isFull = parsedBytes > mostParsedBytes || parsedMarks > mostMarks
      if (isFull && bytes.length <= maximumTextBytes && marks <= mostMarks) {
        const most = parsedBytes > mostParsedBytes ? `${mostParsedBytes} bytes` : `${mostMarks} marks and lines`
        report.error(wholeFile, 'TOO_LARGE', `the descriptors up to this one have more than ${most} in all`)
        return undefined
      }
      const before = diagnostics.length
      const documents = parseYaml(bytes, report, { duplicateKeys: 'last' })
      if (diagnostics.slice(before).some(({ severity }) => severity === 'error')) return undefined
      const [document, second] = documents
      if (document === undefined) {
        report.error(wholeFile, 'EMPTY', 'the file has no content; a map is right')
        return undefined
      }
      if (second !== undefined) {
        report.error(
          { line: second.line, column: 1, path: '' },
          'SECOND_DOCUMENT',
          'a second document begins here; one is right',
        )
        return undefined
      }
      const root = createCursor(document, report)
      if (typeof root.value !== 'object' || root.value === null || Array.isArray(root.value)) {
        root.error('WRONG_TYPE', 'the file is not a map of keys and values')
        return undefined
      }
      return { root, report }
    },
    hint: (path) => {
      if (diagnostics.length >= mostHints) return ''
      const others = [...files.keys()].filter((other) => /\.(?:ya?ml|json)$/i.test(other))
      const close = nearest(path, others)
      return close === undefined ? `; the package holds ${listOf(others)}` : `; did you mean ${quote(`/${close}`)}?`
    },
  }
}
