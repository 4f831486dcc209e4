import type { Diagnostic } from '../model/diagnostics.ts'

/** HTTP status of each code that an answer can bear. */
export const apiErrors = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  /** Input was understood and refused; `details.diagnostics` tells why. */
  INVALID: 422,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  NOT_SUPPORTED: 501,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
} as const

export type ApiErrorCode = keyof typeof apiErrors

export interface ApiErrorDetails {
  readonly diagnostics?: readonly Diagnostic[]
  readonly [key: string]: unknown
}

export interface ApiErrorOptions extends ErrorOptions {
  /** What the caller can do about it, one sentence. */
  readonly next?: string
  readonly details?: ApiErrorDetails
}

/** An answer that is not the one asked for. Backends throw it where the caller can do something about it. */
export class ApiError extends Error {
  readonly code: ApiErrorCode
  readonly next: string | undefined
  readonly details: ApiErrorDetails | undefined

  constructor(code: ApiErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options)
    this.name = 'ApiError'
    this.code = code
    this.next = options.next
    this.details = options.details
  }
}

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly code: ApiErrorCode
    readonly message: string
    readonly next?: string
    readonly details?: ApiErrorDetails
  }
}

export const errorBody = (error: ApiError): ErrorBody => ({
  error: {
    code: error.code,
    message: error.message,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(error.details === undefined ? {} : { details: error.details }),
  },
})
