import type { Diagnostic } from '../model/diagnostics.ts'
import { didYouMean } from './suggest.ts'

/** Where in a file: line and column from 1, and the path in the document. */
export interface Place {
  readonly line: number
  readonly column: number
  readonly path: string
}

export const wholeFile: Place = { line: 1, column: 1, path: '' }

/** Errors, and notices, that are kept; a file with more is no slip, and whoever reads them has stopped long before. */
const mostOfAKind = 500
/** Looking for what was meant takes time; a hostile file could ask for it without end. */
const mostSuggestions = 50
/** Characters; a message is read by people, and what it repeats of a hostile file may have no end. */
const longestMessage = 1_000
const longestPath = 500

/** Collects what is found in one file. */
export interface Report {
  readonly file: string
  readonly diagnostics: Diagnostic[]
  readonly error: (place: Place, code: string, message: string) => void
  readonly notice: (place: Place, code: string, message: string) => void
  /** `; did you mean "x"?`, or nothing: for the first findings only. */
  readonly suggest: (word: string, candidates: Iterable<string>) => string
}

/** @param diagnostics - shared by the reports of one package, so that its findings stay in order. */
export const createReport = (file: string, diagnostics: Diagnostic[] = []): Report => {
  const shown = printable(file)
  const add =
    (severity: Diagnostic['severity']) =>
    ({ line, column, path }: Place, code: string, message: string) => {
      if (diagnostics.filter((other) => other.severity === severity).length >= mostOfAKind) return
      diagnostics.push({
        severity,
        code,
        message: short(printable(message), longestMessage),
        file: shown,
        line,
        column,
        path: short(printable(path), longestPath),
      })
    }
  const suggest: Report['suggest'] = (word, candidates) =>
    diagnostics.length < mostSuggestions ? didYouMean(word, candidates) : ''
  return { file, diagnostics, error: add('error'), notice: add('notice'), suggest }
}

/** Characters that could move a terminal's cursor or hide text are shown as their code; messages go to terminals and logs. */
const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => escaped(char))

const escaped = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')

const shownCharacters = 60

const short = (text: string, characters: number): string =>
  text.length > characters ? `${text.slice(0, characters).toWellFormed()}…` : text

/** Text from a user's file in quotation marks, shortened. */
export const quote = (text: string): string => {
  return `"${printable(short(text, shownCharacters).replaceAll('\n', '\\n'))}"`
}

/** Tells what a value is, to follow "is". */
export const describe = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (value === null) return 'empty'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'string') return `the text ${quote(value)}`
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return String(value)
  return 'a map'
}

/** `a`, `a and b`, `a, b and c`; at most ten are named. */
export const listOf = (names: readonly string[]): string => {
  if (names.length === 0) return 'none'
  const shown = names.slice(0, 10).map((name) => printable(short(name, shownCharacters)))
  if (names.length > shown.length) return `${shown.join(', ')} and ${names.length - shown.length} more`
  return shown.length === 1 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.slice(-1).join('')}`
}
