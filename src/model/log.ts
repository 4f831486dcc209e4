/**
 * The part of a logger that rooms use. The message is constant; what varies stands in the fields beside it.
 * A winston logger is one.
 */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): unknown
  info(message: string, fields?: Readonly<Record<string, unknown>>): unknown
  warn(message: string, fields?: Readonly<Record<string, unknown>>): unknown
  error(message: string, fields?: Readonly<Record<string, unknown>>): unknown
}
