import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { formatServer } from '../server-address.ts'
import { toJson, toYaml, type OutputFormat } from '../format/output.ts'

/** Versions of sonctl and of the daemon, where it is reached. */
export const version = async ({ io, client }: CliContext, own: string, output: OutputFormat): Promise<ExitCode> => {
  const api = await client()
  const server = await api.json<{ version: string }>('/version').catch(() => undefined)
  const answer = { client: own, server: server?.version ?? null }
  if (output === 'json') io.out(toJson(answer))
  else if (output === 'yaml') io.out(toYaml(answer))
  else io.out(`sonctl ${own}\nsond   ${server?.version ?? `not reached at ${formatServer(api.address)}`}\n`)
  return 0
}
