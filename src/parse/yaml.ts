import { LineCounter } from 'yaml'
import { type Place, type Report, wholeFile } from './report.ts'
import { decodeText } from './text.ts'
import { parseText } from './yaml-text.ts'
import { type YamlOptions, type YamlPath, convertNode, createFinder, sourceText } from './yaml-nodes.ts'

/** Documents in one file. */
const maximumDocuments = 1_000

export interface YamlDocument {
  /** Maps without prototype, lists and scalars; text is well-formed Unicode. */
  readonly value: unknown
  /** Line on which its content begins. */
  readonly line: number
  /** Position of the value at a path; of its nearest ancestor when it is not there. */
  readonly placeOf: (path: YamlPath) => Place
  /** Position of a map's key; like {@link placeOf} when there is none. */
  readonly placeOfKey: (path: YamlPath) => Place
  /** A scalar as it stands in the file: `0.10` stays `0.10`. */
  readonly sourceOf: (path: YamlPath) => string | undefined
  /** Whether a scalar stands there without quotes. */
  readonly isPlain: (path: YamlPath) => boolean
}

/** `spec.functions[0].name` */
export const pathText = (path: YamlPath): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')

/**
 * Parses YAML 1.2 (core schema, and merge keys) into plain values with positions. Documents without content are left out.
 * Custom tags, alias bombs, cycles and deep nesting are refused.
 *
 * @returns the documents; when any error was reported, those before it.
 */
export const parseYaml = (bytes: Uint8Array, report: Report, options: YamlOptions): YamlDocument[] => {
  const text = decodeText(bytes, report)
  if (text === undefined) return []
  const lines = new LineCounter()
  const placeAt = (offset: number, path: YamlPath = []): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col, path: pathText(path) }
  }
  const parsed = parseText(text, lines)
  if (parsed === undefined) {
    report.error(wholeFile, 'TOO_DEEP', 'the file is nested deeper than can be read; genuine files have a dozen levels')
    return []
  }
  // A stream without any document comes as an empty array with marks of its own.
  if ('empty' in parsed) return []
  if (parsed.length > maximumDocuments) {
    report.error(
      wholeFile,
      'TOO_LARGE',
      `the file has ${parsed.length} documents; at most ${maximumDocuments} are read`,
    )
    return []
  }
  const documents: YamlDocument[] = []
  for (const document of parsed) {
    const [syntax] = document.errors
    if (syntax !== undefined) {
      report.error(placeAt(syntax.pos[0]), 'YAML_SYNTAX', `not YAML: ${sentence(syntax.message)}`)
      return documents
    }
    const root = document.contents
    const convert =
      root &&
      convertNode(root, options, (offset, path, severity, code, message) => {
        report[severity](placeAt(offset, path), code, message)
      })
    if (root === null || convert === null || convert.value === null) continue
    if (convert.failed) return documents
    const find = createFinder(root, convert.aliases)
    const at = (path: YamlPath): Place => placeAt(find.node(path).offset, path)
    documents.push({
      value: convert.value,
      line: placeAt(root.range[0]).line,
      placeOf: at,
      placeOfKey: (path) => {
        const offset = find.key(path)
        return offset === undefined ? at(path) : placeAt(offset, path)
      },
      sourceOf: (path) => sourceText(find.node(path)),
      isPlain: (path) => {
        const { node, exact } = find.node(path)
        return exact && 'type' in node && node.type === 'PLAIN'
      },
    })
  }
  return documents
}

/** The library's messages end in a colon when the source follows, and begin with a capital. */
const sentence = (message: string): string => {
  const line = message.replace(/\n[^]*$/, '').replace(/[:.\s]+$/, '')
  return line.slice(0, 1).toLowerCase() + line.slice(1)
}
