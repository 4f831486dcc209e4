import { EngineError } from '../../model/errors.ts'
import type { EngineErrorCode } from '../../model/errors.ts'
import { handlesOfSond } from '../process.ts'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** HTTP status of a dockerode error; undefined when the engine gave no answer. */
export const statusOf = (error: unknown): number | undefined =>
  isRecord(error) && typeof error['statusCode'] === 'number' ? error['statusCode'] : undefined

/** The engine's own sentence where there is one, in full. */
export const reasonOf = (error: unknown): string => {
  if (!isRecord(error)) return String(error)
  const { json, message } = error
  const sentence = isRecord(json) && typeof json['message'] === 'string' ? json['message'] : message
  return typeof sentence === 'string' ? sentence.trim() : 'no reason given'
}

/** Characters of a sentence that people are shown. */
const longest = 600

/** Of the dump of a program the first line tells what it is about; of one long sentence its end tells the cause, its beginning of what. */
const shown = (reason: string): string => {
  if (reason.length <= longest) return reason
  const [first = ''] = reason.split('\n', 1)
  return first.length <= longest ? first : `${first.slice(0, longest / 2)} … ${first.slice(-longest / 2)}`
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EACCES',
  'ENOENT',
  'ENOTSOCK',
  'EPIPE',
  'EPROTO',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
])

type Sentences = readonly (readonly [RegExp, EngineErrorCode])[]

/**
 * What the host has too little of. Docker has no codes beside the HTTP status; its daemon and runc are told apart by their sentences
 * alone, in the middle of which stand names that users chose.
 */
const shortages: Sentences = [
  [/no space left on device|disk quota exceeded/i, 'NO_SPACE'],
  [/cannot allocate memory|out of memory|\bENOMEM\b/, 'NO_MEMORY'],
  [/too many open files|\b(?:EMFILE|ENFILE)\b/, 'NO_HANDLES'],
  [/resource temporarily unavailable|cannot fork|pids limit|failed to create new OS thread/i, 'NO_PROCESSES'],
]

const sentences: Sentences = [
  [/no such image|manifest for .* not found|repository does not exist/i, 'IMAGE_NOT_FOUND'],
  [
    /requested (?:cpus|memory nodes) are not available|for cpuset|cpuset\.cpus|minimum memory limit|memory limit|oom[- ]killed|memoryswap|cpu cfs|cfs_(?:quota|period)|cpu\.max|memory\.(?:max|limit|memsw)|nano ?cpus|range of cpus/i,
    'LIMITS_REFUSED',
  ],
]

/** What the call was for, where that says more than the status. */
export type Purpose = 'start' | 'pull' | 'limits' | undefined

const codeOf = (error: unknown, purpose: Purpose): EngineErrorCode => {
  const reason = reasonOf(error)
  const status = statusOf(error)
  const system = status === undefined && isRecord(error) && typeof error['code'] === 'string' ? error['code'] : ''
  // HPE_: Node's parser of HTTP; whoever is there speaks something else.
  if (unreachable.has(system) || system.startsWith('HPE_')) return 'UNAVAILABLE'
  // Nothing runs out where something is missing, or there already.
  const known = status === 404 || status === 409 ? sentences : [...shortages, ...sentences]
  for (const [pattern, code] of known) if (pattern.test(reason)) return code
  if (purpose === 'pull') return 'IMAGE_NOT_FOUND'
  if (status === 404) return 'NOT_FOUND'
  if (status === 409) return 'CONFLICT'
  if (purpose === 'start') return 'START_FAILED'
  if (purpose === 'limits' && status !== undefined) return 'LIMITS_REFUSED'
  return 'REFUSED'
}

const handlesOfDocker =
  'dockerd or containerd has as many open as it may (LimitNOFILE of its unit), or the host has (fs.file-max)'

/** Whose handles have run out: those of a socket of ours, where the system says so, or the engine's by its own words. */
const limitOf = (code: EngineErrorCode, error: unknown): { readonly limit?: string } => {
  if (code !== 'NO_HANDLES') return {}
  const isOurs = isRecord(error) && (error['code'] === 'EMFILE' || error['code'] === 'ENFILE')
  return { limit: isOurs ? handlesOfSond : handlesOfDocker }
}

/** Every error that leaves this folder passes here. */
export const toEngineError = (
  error: unknown,
  details: Readonly<Record<string, string>>,
  purpose?: Purpose,
): EngineError => {
  if (error instanceof EngineError) return error
  const code = codeOf(error, purpose)
  return new EngineError(
    code,
    { ...details, reason: shown(reasonOf(error)), ...limitOf(code, error) },
    { cause: error },
  )
}

export const isCode = (error: unknown, ...codes: readonly EngineErrorCode[]): error is EngineError =>
  error instanceof EngineError && codes.includes(error.code)
