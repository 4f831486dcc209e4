import type { z } from 'zod'
import { type Report, describe, listOf, quote } from './report.ts'
import { field } from './values.ts'
import { type YamlDocument, pathText } from './yaml.ts'
import { didYouMean } from './suggest.ts'
import type { YamlPath } from './yaml-nodes.ts'

type Issue = z.core.$ZodIssue

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a map',
  record: 'a map',
}

const valueAt = (value: unknown, path: YamlPath): unknown => path.reduce<unknown>(field, value)

/** Reports what a schema found wrong with a document, each issue at the line of the value it is about. */
export const reportIssues = (
  issues: readonly Issue[],
  document: YamlDocument,
  report: Report,
  base: YamlPath = [],
): void => {
  for (const issue of issues) reportIssue(issue, document, report, [...base, ...issue.path])
}

const reportIssue = (issue: Issue, document: YamlDocument, report: Report, path: YamlPath): void => {
  if (issue.code === 'unrecognized_keys') {
    reportUnknownKeys(issue, document, report, path)
    return
  }
  if (issue.code === 'invalid_union') {
    const better = meantBranch(issue)
    if (better !== undefined) {
      reportIssues(better, document, report, path)
      return
    }
  }
  const value = valueAt(document.value, path)
  if (issue.code === 'invalid_key') {
    const place = { ...document.placeOfKey(path), path: pathText(path) }
    report.error(
      place,
      'INVALID_KEY',
      `the key is ${quote(String(path.at(-1)))}; ${issue.issues.map(({ message }) => message).join('; ')}`,
    )
    return
  }
  const isMissing = value === undefined
  const code = isMissing ? 'MISSING_FIELD' : issue.code === 'invalid_type' ? 'WRONG_TYPE' : 'INVALID_VALUE'
  const place = { ...document.placeOf(path), path: pathText(path) }
  report.error(place, code, `${pathText(path)} is ${describe(value)}; ${whatIsRight(issue, value)}`)
}

const reportUnknownKeys = (
  issue: Extract<Issue, { code: 'unrecognized_keys' }>,
  document: YamlDocument,
  report: Report,
  path: YamlPath,
): void => {
  // schema-fields.ts writes one hint per key into the message.
  const hints = JSON.parse(issue.message) as string[]
  issue.keys.forEach((key, index) => {
    const at = [...path, key]
    const place = { ...document.placeOfKey(at), path: pathText(at) }
    report.error(place, 'UNKNOWN_FIELD', `the field ${quote(key)} is not known here${hints[index] ?? ''}`)
  })
}

/** Of a choice, the one branch that the value has the right type for: its complaints are to the point. */
const meantBranch = (issue: Extract<Issue, { code: 'invalid_union' }>): readonly Issue[] | undefined => {
  const branches = issue.errors.filter((branch) =>
    branch.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  )
  return branches.length === 1 ? branches[0] : undefined
}

const hintFor = (value: unknown, known: readonly unknown[]): string =>
  typeof value === 'string' ? didYouMean(value, known.map(String)) : ''

/** Messages of this project end in "right"; those of the library are put into its words. */
const whatIsRight = (issue: Issue, value: unknown): string => {
  if (/ (?:is|are) right$/.test(issue.message)) return issue.message
  if (issue.code === 'invalid_type') return `${kinds[issue.expected] ?? issue.expected} is right`
  if (issue.code === 'too_small') return `a number from ${String(issue.minimum)} on is right`
  if (issue.code === 'too_big') return `a number up to ${String(issue.maximum)} is right`
  if (issue.code !== 'invalid_value') return issue.message
  return `one of ${listOf(issue.values.map((known) => JSON.stringify(known)))} is right${hintFor(value, issue.values)}`
}
