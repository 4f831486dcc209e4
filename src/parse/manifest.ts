import type { Diagnostic } from '../model/diagnostics.ts'
import { type ManifestDocument, apiVersion } from '../model/documents.ts'
import { dataCenterSchema, linkSchema, serviceInstanceSchema } from './manifest-schema.ts'
import { type Report, createReport, describe, listOf, quote } from './report.ts'
import { reportIssues } from './schema-issues.ts'
import { type Listed, unlisted, withoutShown } from './shown.ts'
import { didYouMean } from './suggest.ts'
import { field } from './values.ts'
import { type YamlDocument, parseYaml, pathText } from './yaml.ts'

export interface ManifestPart {
  readonly document: ManifestDocument
  readonly line: number
  /** Its place in a `kind: List`, from 0. */
  readonly item?: number
}

export interface ParsedManifestFile {
  readonly documents: readonly ManifestPart[]
  /** What the documents with errors wanted to be, as far as they tell. */
  readonly refused: readonly { readonly kind?: string; readonly name?: string; readonly line: number }[]
  readonly diagnostics: readonly Diagnostic[]
}

const schemas = { ServiceInstance: serviceInstanceSchema, DataCenter: dataCenterSchema, Link: linkSchema } as const
type Kind = keyof typeof schemas
const kinds: readonly string[] = Object.keys(schemas)

const isKind = (text: unknown): text is Kind => typeof text === 'string' && kinds.includes(text)

/**
 * Reads a manifest: YAML or JSON, any number of documents, also as `sonctl get -o yaml` prints them. Each document is taken or
 * refused for itself, with all its errors at once. A file without content has no documents and no errors.
 */
export const parseManifestFile = (file: string, bytes: Uint8Array): ParsedManifestFile => {
  const report = createReport(file)
  const documents: ManifestPart[] = []
  const refused: { kind?: string; name?: string; line: number }[] = []
  const firstLines = new Map<string, number>()
  const parts = parseYaml(bytes, report, { duplicateKeys: 'error' }).flatMap((yaml): readonly Listed[] => {
    const listed = unlisted(yaml, report)
    if (listed === undefined) refused.push({ kind: 'List', line: yaml.line })
    return listed ?? []
  })
  for (const { yaml, item } of parts) {
    const document = readDocument(withoutShown(yaml, report), report)
    if (document === undefined) {
      refused.push({ ...claimOf(yaml.value), line: yaml.line })
      continue
    }
    const key = `${document.kind}/${document.metadata.name}`
    const first = firstLines.get(key)
    if (first === undefined) {
      firstLines.set(key, yaml.line)
      documents.push({ document, line: yaml.line, ...(item === undefined ? {} : { item }) })
    } else {
      const message = `${document.kind} ${quote(document.metadata.name)} is already defined in line ${first}; give it another name`
      report.error(yaml.placeOf(['metadata', 'name']), 'DUPLICATE_OBJECT', message)
    }
  }
  const inOrder = report.diagnostics.toSorted((one, other) => one.line - other.line || one.column - other.column)
  return { documents, refused, diagnostics: inOrder }
}

const claimOf = (value: unknown): { kind?: string; name?: string } => {
  const kind = field(value, 'kind')
  const name = field(field(value, 'metadata'), 'name')
  return { ...(typeof kind === 'string' ? { kind } : {}), ...(typeof name === 'string' ? { name } : {}) }
}

/** @returns undefined after an error has been reported. */
const readDocument = (yaml: YamlDocument, report: Report): ManifestDocument | undefined => {
  const kind = field(yaml.value, 'kind')
  if (!checkHeader(yaml, report, kinds) || !isKind(kind)) return undefined
  const result = schemas[kind].safeParse(withPlainText(yaml))
  if (!result.success) reportIssues(result.error.issues, yaml, report)
  const isNamedList = checkNamedList(yaml, report)
  const isTold = checkFreeKeys(yaml, report)
  if (!result.success || !isNamedList || !isTold) return undefined
  const { apiVersion: _, ...document } = result.data
  return document
}

/** Checks that a document is a map with this project's API version and one of the kinds that belong there. */
export const checkHeader = (yaml: YamlDocument, report: Report, allowed: readonly string[]): boolean => {
  const { value } = yaml
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report.error(
      yaml.placeOf([]),
      'WRONG_TYPE',
      `the document is ${describe(value)}; a map with apiVersion and kind is right`,
    )
    return false
  }
  const kind = field(value, 'kind')
  const version = field(value, 'apiVersion')
  if (version !== apiVersion) {
    const place = { ...yaml.placeOf(['apiVersion']), path: 'apiVersion' }
    report.error(place, 'API_VERSION', `apiVersion is ${describe(version)}; "${apiVersion}" is right`)
  }
  if (typeof kind === 'string' && allowed.includes(kind)) return version === apiVersion
  const place = { ...yaml.placeOf(['kind']), path: 'kind' }
  const elsewhere = kind === 'SondConfiguration' ? '. The settings of the daemon are given to it by --config' : ''
  const hint = typeof kind === 'string' ? didYouMean(kind, allowed) : ''
  report.error(
    place,
    'KIND',
    `kind is ${describe(kind)}; ${allowed.length === 1 ? '' : 'one of '}${listOf(allowed)} is right${hint}${elsewhere}`,
  )
  return false
}

/** `functions` is a list named by vnfId: each occurs once. Apart from the schema, which stops at an element with errors. */
const checkNamedList = (yaml: YamlDocument, report: Report): boolean => {
  const functions = field(field(yaml.value, 'spec'), 'functions')
  const ids = Array.isArray(functions) ? functions.map((item: unknown) => field(item, 'vnfId')) : []
  const firsts = new Map<string, number>()
  let isGood = true
  for (const [index, id] of ids.entries()) {
    if (typeof id !== 'string') continue
    const first = firsts.get(id) ?? index
    firsts.set(id, first)
    if (first === index) continue
    isGood = false
    const path = ['spec', 'functions', index, 'vnfId']
    const place = { ...yaml.placeOf(path), path: pathText(path) }
    report.error(place, 'DUPLICATE_VNF_ID', `spec.functions[${first}] is for ${quote(id)} already; put both into one`)
  }
  return isGood
}

/** The schema leaves `__proto__` out of maps with free keys and says nothing; what somebody wrote is not dropped without a word. */
const checkFreeKeys = (yaml: YamlDocument, report: Report): boolean => {
  const functions = field(field(yaml.value, 'spec'), 'functions')
  const count = Array.isArray(functions) ? functions.length : 0
  const environments = Array.from({ length: count }, (_, index) => ['spec', 'functions', index, 'env'])
  const maps = [['metadata', 'labels'], ...environments]
  const wrong = maps.filter((path) => field(path.reduce<unknown>(field, yaml.value), '__proto__') !== undefined)
  for (const path of wrong) {
    const at = [...path, '__proto__']
    const place = { ...yaml.placeOfKey(at), path: pathText(at) }
    report.error(place, 'INVALID_KEY', `the key is "__proto__", which cannot be kept; another name is right`)
  }
  return wrong.length === 0
}

/** Environment variables and labels are text; `PORT: 8080` means the text 8080, and `VERSION: 1.10` not 1.1. */
const withPlainText = (yaml: YamlDocument): unknown => {
  const textual = (path: readonly (string | number)[], map: unknown): unknown => {
    if (typeof map !== 'object' || map === null || Array.isArray(map)) return map
    const entries = Object.entries(map).map(([key, value]: [string, unknown]): [string, unknown] => {
      const isScalar = typeof value === 'number' || typeof value === 'boolean'
      return [key, isScalar ? (yaml.sourceOf([...path, key]) ?? String(value)) : value]
    })
    return Object.fromEntries(entries)
  }
  const replaced = (value: unknown, key: string, change: (inner: unknown) => unknown): unknown => {
    const inner = field(value, key)
    return inner === undefined || typeof value !== 'object' ? value : { ...value, [key]: change(inner) }
  }
  const labelled = replaced(yaml.value, 'metadata', (metadata) =>
    replaced(metadata, 'labels', (labels) => textual(['metadata', 'labels'], labels)),
  )
  return replaced(labelled, 'spec', (spec) =>
    replaced(spec, 'functions', (functions) =>
      Array.isArray(functions)
        ? functions.map((item: unknown, index) =>
            replaced(item, 'env', (env) => textual(['spec', 'functions', index, 'env'], env)),
          )
        : functions,
    ),
  )
}
