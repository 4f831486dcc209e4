/**
 * What can be said about a piece of input. `error` refuses the document, `notice` tells the user something and goes on.
 * `message` says what was found and what would be right, in one sentence, without the position.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'notice'
  /** Stable, UPPER_SNAKE, e.g. `UNKNOWN_FIELD`. */
  readonly code: string
  readonly message: string
  /** File as the user knows it; for a file inside a package `pack.son!/path/in/package.yml`. */
  readonly file: string
  /** From 1; 1 when the whole file is meant. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** Path in the document, `spec.functions[0].replicas`; empty for the whole. */
  readonly path: string
}

/** `file:line:column: message`, the one form in which diagnostics are printed. */
export const formatDiagnostic = (diagnostic: Diagnostic): string =>
  `${diagnostic.file}:${String(diagnostic.line)}:${String(diagnostic.column)}: ${diagnostic.message}`

export const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error'
