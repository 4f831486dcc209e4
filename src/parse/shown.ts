// Manifests as the daemon shows objects: what it adds is taken away, and lists of them are taken apart.

import { z } from 'zod'
import { apiVersion } from '../model/documents.ts'
import { type Report, listOf, quote } from './report.ts'
import { strict } from './schema-fields.ts'
import { reportIssues } from './schema-issues.ts'
import { field } from './values.ts'
import { type YamlDocument, pathText } from './yaml.ts'
import type { YamlPath } from './yaml-nodes.ts'

/** Fields that the daemon writes into every object that it shows. */
export const shownFields: readonly (readonly ['metadata', string] | readonly ['status'])[] = [
  ['metadata', 'uid'],
  ['metadata', 'generation'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'deletionTimestamp'],
  ['metadata', 'source'],
  ['status'],
]

const valueAt = (value: unknown, path: YamlPath): unknown => path.reduce<unknown>(field, value)

/** @param path - of a field that is there. */
const without = (value: unknown, [key = '', ...rest]: readonly string[]): unknown => {
  const map = value as Readonly<Record<string, unknown>> // something was found below it by a name
  const others = Object.entries(map).filter(([other]) => other !== key)
  if (rest.length > 0) others.push([key, without(field(value, key), rest)])
  return Object.fromEntries(others)
}

/** The document without what the daemon has added, which is a notice. */
export const withoutShown = (yaml: YamlDocument, report: Report): YamlDocument => {
  const found = shownFields.filter((path) => valueAt(yaml.value, path) !== undefined)
  const [first] = found
  if (first === undefined) return yaml
  const names = found.map(pathText)
  const are = names.length === 1 ? 'is' : 'are'
  const message = `${listOf(names)} ${are} written by the daemon and ignored here`
  report.notice(yaml.placeOfKey(first), 'WRITTEN_BY_DAEMON', message)
  return { ...yaml, value: found.reduce(without, yaml.value) }
}

const listSchema = strict({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('List'),
  items: z.array(z.unknown()),
})

/** Kinds that are shown and not defined by manifests. */
const onlyShown: readonly unknown[] = ['Package', 'File']

export interface Listed {
  readonly yaml: YamlDocument
  /** Its place in the list, from 0; absent when the document is none. */
  readonly item?: number
}

const itemOf = (yaml: YamlDocument, value: unknown, item: number): YamlDocument => {
  const at = (path: YamlPath): YamlPath => ['items', item, ...path]
  return {
    value,
    line: yaml.placeOf(at([])).line,
    placeOf: (path) => yaml.placeOf(at(path)),
    placeOfKey: (path) => yaml.placeOfKey(at(path)),
    sourceOf: (path) => yaml.sourceOf(at(path)),
    isPlain: (path) => yaml.isPlain(at(path)),
  }
}

/** The objects of a `kind: List`, or the document itself. @returns undefined after an error has been reported. */
export const unlisted = (yaml: YamlDocument, report: Report): readonly Listed[] | undefined => {
  if (field(yaml.value, 'kind') !== 'List') return [{ yaml }]
  const { success, data, error } = listSchema.safeParse(yaml.value)
  if (!success) {
    reportIssues(error.issues, yaml, report)
    return undefined
  }
  return data.items.flatMap((value, item) => {
    const one = itemOf(yaml, value, item)
    const kind = field(value, 'kind')
    if (!onlyShown.includes(kind)) return [{ yaml: one, item }]
    const what = `${String(kind)} ${quote(String(valueAt(value, ['metadata', 'name'])))}`
    report.notice(one.placeOf([]), 'NO_MANIFEST', `${what} is defined by no manifest and ignored here`)
    return []
  })
}
