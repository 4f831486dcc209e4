/**
 * Why an engine call failed. `retry` in `engineErrors` says whether the same call can succeed later without the user doing anything.
 */
export const engineErrors = {
  UNAVAILABLE: { retry: true, text: 'the engine does not answer' },
  TIMEOUT: { retry: true, text: 'the engine did not answer in time' },
  CANCELLED: { retry: true, text: 'the call was cancelled' },
  IMAGE_NOT_FOUND: { retry: true, text: 'the image is not on this host and cannot be pulled' },
  FETCHING: { retry: true, text: 'the image is still being fetched' },
  IMAGE_REFUSED: { retry: false, text: 'the image policy does not allow this image' },
  CONFLICT: { retry: true, text: 'something foreign has that name' },
  NOT_FOUND: { retry: true, text: 'it is not there any more' },
  LIMITS_REFUSED: { retry: true, text: 'the host cannot give these limits' },
  START_FAILED: { retry: true, text: 'the container did not start' },
  GATE_FAILED: { retry: true, text: 'the gate of the container could not be opened' },
  NO_SPACE: { retry: true, text: 'no space is left' },
  NO_MEMORY: { retry: true, text: 'no memory is left' },
  NO_HANDLES: { retry: true, text: 'no file handle is left' },
  NO_PROCESSES: { retry: true, text: 'no process can be started' },
  REFUSED: { retry: true, text: 'the engine refused' },
} as const

export type EngineErrorCode = keyof typeof engineErrors

/** An engine call that failed: a code, what it was about, and the cause. */
export class EngineError extends Error {
  readonly code: EngineErrorCode
  readonly details: Readonly<Record<string, string>>

  constructor(code: EngineErrorCode, details: Readonly<Record<string, string>>, options?: ErrorOptions) {
    const subject = Object.entries(details)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ')
    super(`${engineErrors[code].text}${subject === '' ? '' : ` (${subject})`}`, options)
    this.name = 'EngineError'
    this.code = code
    this.details = details
  }
}

/** What the loop waits for and a person can give; told as it is, without a stack. */
export class Awaited extends Error {
  override readonly name = 'Awaited'
}

/** Not a failure: the step's image is on its way, and the step is tried again when it is there. */
export const isFetching = (error: Error): boolean => error instanceof EngineError && error.code === 'FETCHING'

/** What the step was about went while the plan was carried out: the next look plans anew, and nobody need do anything. */
export const isOvertaken = (error: Error): boolean => error instanceof EngineError && error.code === 'NOT_FOUND'

/** Ends every switch over a closed union; reached only when a case was forgotten. */
export const assertNever = (value: never): never => {
  throw new TypeError(`unexpected: ${JSON.stringify(value)}`)
}
