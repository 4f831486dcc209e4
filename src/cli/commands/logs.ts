import type { LogLine } from '../../api/backend.ts'
import type { ErrorBody } from '../../api/errors.ts'
import type { CliContext } from '../context.ts'
import { CliError, type ExitCode } from '../errors.ts'
import { linesOf } from '../event-stream.ts'
import { instanceName, objectPath } from '../reference.ts'

export interface Selection {
  readonly copy: string | undefined
  readonly replica: string | undefined
  readonly vdu: string | undefined
}

export interface LogsOptions extends Selection {
  readonly follow: boolean
  readonly tail: string | undefined
  readonly script: string | undefined
  readonly prefix: boolean
}

/** Output of functions, line by line; of a whole instance, each line says whose it is. */
export const logs = async (
  { io, client }: CliContext,
  instance: string,
  vnf: string | undefined,
  options: LogsOptions,
): Promise<ExitCode> => {
  const { follow, tail, script, prefix, copy, replica, vdu } = options
  const api = await client()
  const name = instanceName(instance)
  const query = { vnf, copy, replica, vdu, tail, script, follow: follow ? '1' : undefined }
  const path = `${objectPath({ kind: 'ServiceInstance', name })}/logs`
  try {
    const stream = await api.stream(path, { query, signal: io.signal })
    for await (const text of linesOf(stream)) {
      const message = JSON.parse(text) as LogLine | ErrorBody // what the API writes on each line
      if ('error' in message) throw new CliError(message.error.message)
      io.out(prefix || vnf === undefined ? `[${message.container}] ${message.line}\n` : `${message.line}\n`)
    }
  } catch (cause) {
    if (io.signal.aborted) return 0
    throw cause instanceof CliError ? cause : new CliError('the log broke off', { cause })
  }
  return 0
}
