import { type Place, type Report, describe } from './report.ts'
import { type YamlDocument, pathText } from './yaml.ts'
import type { YamlPath } from './yaml-nodes.ts'

/**
 * A place in a descriptor, whether or not something is there. Descriptors have no schema that genuine ones obey, so they are
 * read field by field: what is asked for is checked, the rest is left alone.
 */
export interface Cursor {
  readonly value: unknown
  readonly path: YamlPath
  /** Nothing there, or an empty value. */
  readonly isAbsent: boolean
  readonly at: (key: string) => Cursor
  /** The first of several spellings of a key that is there; the first one when none is. */
  readonly atAny: (first: string, ...others: readonly string[]) => Cursor
  readonly has: (key: string) => boolean
  /** Elements of a list; none when there is none. A value of another kind is reported. */
  readonly items: (what: string) => readonly Cursor[]
  /** A scalar as it stands in the file; undefined for everything else. */
  readonly source: () => string | undefined
  /** Text; undefined for every other value, also for a plain word that YAML 1.1 reads as a boolean. */
  readonly text: () => string | undefined
  readonly place: () => Place
  readonly error: (code: string, message: string) => void
  readonly notice: (code: string, message: string) => void
  readonly suggest: Report['suggest']
}

/** PyYAML and other YAML 1.1 readers take these plain words for booleans, so the file means different things to different tools. */
const booleanWord = /^(?:y|n|yes|no|on|off|true|false)$/i

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const createCursor = (document: YamlDocument, report: Report): Cursor => {
  const cursorAt = (value: unknown, path: YamlPath): Cursor => {
    const at = (key: string): Cursor => cursorAt(isMap(value) ? value[key] : undefined, [...path, key])
    const place = () => ({ ...document.placeOf(path), path: pathText(path) })
    return {
      value,
      path,
      isAbsent: value === undefined || value === null,
      at,
      atAny: (first, ...others) =>
        at([first, ...others].find((key) => isMap(value) && value[key] !== undefined) ?? first),
      has: (key) => isMap(value) && Object.hasOwn(value, key),
      items: (what) => {
        if (Array.isArray(value)) return value.map((item: unknown, index) => cursorAt(item, [...path, index]))
        if (value !== undefined && value !== null) {
          report.error(place(), 'WRONG_TYPE', `${what} is ${describe(value)}; a list is right`)
        }
        return []
      },
      source: () => document.sourceOf(path),
      text: () => {
        if (typeof value !== 'string') return undefined
        return booleanWord.test(value) && document.isPlain(path) ? undefined : value
      },
      place,
      error: (code, message) => report.error(place(), code, message),
      notice: (code, message) => report.notice(place(), code, message),
      suggest: report.suggest,
    }
  }
  return cursorAt(document.value, [])
}
