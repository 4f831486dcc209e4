/** The world as commands see it. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Everything on standard input. */
  readonly stdin: () => Promise<string>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal
}
