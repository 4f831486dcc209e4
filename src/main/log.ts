import { createLogger, format, transports } from 'winston'
import type { Log } from '../model/log.ts'

export const logFormats = ['json', 'pretty'] as const
export const logLevels = ['error', 'warn', 'info', 'debug'] as const

const plain = (fields: Readonly<Record<string, unknown>>): string =>
  Object.entries(fields)
    .filter(([key, value]) => !['level', 'message', 'timestamp'].includes(key) && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')

const pretty = format.printf(({ level, message, timestamp, ...fields }) => {
  const time = String(timestamp).slice(11, 23)
  return `${time} ${level.padEnd(5)} ${String(message)} ${plain(fields)}`.trimEnd()
})

/** Fields whose lines are meant to be lines. */
const ofLines: ReadonlySet<string> = new Set(['stack'])

/** Control characters, marks of direction and ends of lines in values (names from packages, words of engines) must not reach a terminal or forge lines. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const plainText = (key: string, text: string): string =>
  text.replaceAll(unseen, (one) => {
    if (one === '\n') return ofLines.has(key) ? one : ' | '
    return '\ufffd'
  })

/** The same within lists and maps, where JSON escapes the controls of ASCII and no more. */
const plainWithin = (value: unknown): unknown => {
  if (typeof value === 'string') return value.replaceAll(unseen, (one) => (one < ' ' ? one : '\ufffd'))
  if (Array.isArray(value)) return value.map(plainWithin)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [plainWithin(key), plainWithin(part)]))
}

/** Errors have no fields of their own that a log would show. */
const textOf = (value: unknown): unknown => (value instanceof Error ? value.message : value)

const clean = format((info) => {
  for (const [key, value] of Object.entries(info)) {
    const text = textOf(value)
    info[key] = typeof text === 'string' ? plainText(key, text) : plainWithin(text)
  }
  return info
})

/** Logs to standard error. */
export const createLog = (options: { readonly format: 'json' | 'pretty'; readonly level: string }): Log =>
  createLogger({
    level: options.level,
    format: format.combine(clean(), format.timestamp(), options.format === 'json' ? format.json() : pretty),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its own transport as an interface
    transports: [new transports.Console({ stderrLevels: [...logLevels] })],
  })
