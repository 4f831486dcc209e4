import type { Client } from './client.ts'
import type { Io } from './io.ts'

/** What a command is given. */
export interface CliContext {
  readonly io: Io
  /** Made when first asked for: commands that need no daemon read no token. */
  readonly client: () => Promise<Client>
}
