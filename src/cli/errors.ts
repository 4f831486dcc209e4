/** 0 ok, 1 failure, 2 usage. */
export type ExitCode = number

/** What a user is told when a command fails: a message, what to do, an exit code; no stack. */
export class CliError extends Error {
  readonly next: string | undefined
  readonly exitCode: ExitCode

  constructor(
    message: string,
    options: { readonly next?: string; readonly exitCode?: ExitCode; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'CliError'
    this.next = options.next
    this.exitCode = options.exitCode ?? 1
  }
}

/** The command was not written as it should be. */
export const usageError = (message: string, next?: string): CliError =>
  new CliError(message, { exitCode: 2, ...(next === undefined ? {} : { next }) })

/** `error: message` and, where there is one, what to do. */
export const errorLines = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  const next = error instanceof CliError && error.next !== undefined ? `\n${error.next}` : ''
  return `error: ${message}${next}\n`
}
