import type { EventRecord } from '../../model/status.ts'
import { apiRoot } from '../../api/paths.ts'
import type { CliContext } from '../context.ts'
import { CliError, type ExitCode } from '../errors.ts'
import { messagesOf } from '../event-stream.ts'
import { eventLine, eventRows } from '../format/events.ts'
import { toJson, toYaml, type OutputFormat } from '../format/output.ts'
import { formatTable, printable } from '../format/table.ts'
import { requireReferences, showReference } from '../reference.ts'

export interface EventsOptions {
  readonly watch: boolean
  readonly output: OutputFormat
  /** `instance/NAME`; all when absent. */
  readonly about: string | undefined
}

/** What has happened; with `watch`, also what happens from now on. */
export const events = async (context: CliContext, { watch, output, about }: EventsOptions): Promise<ExitCode> => {
  const { io } = context
  const api = await context.client()
  const [reference] = about === undefined ? [] : requireReferences([about])
  const query = { for: reference === undefined ? undefined : showReference(reference) }
  if (watch) return follow(context, { ...query, watch: '1', only: 'events' }, output)
  const answer = await api.json<{ items: EventRecord[] }>(`${apiRoot}/events`, { query })
  if (output === 'json') io.out(toJson(answer))
  else if (output === 'yaml') io.out(toYaml(answer))
  else if (answer.items.length === 0) io.err('No events found.\n')
  else io.out(formatTable(eventRows(answer.items, io.now())))
  return 0
}

const follow = async (
  { io, client }: CliContext,
  query: Readonly<Record<string, string | undefined>>,
  output: OutputFormat,
): Promise<ExitCode> => {
  const api = await client()
  try {
    const stream = await api.stream(`${apiRoot}/events`, { query, signal: io.signal })
    for await (const { type, data } of messagesOf(stream)) {
      if (type !== 'EVENT') continue
      // The stream's own type: EVENT carries a record.
      io.out(output === 'json' ? `${data}\n` : `${printable(eventLine(JSON.parse(data) as EventRecord))}\n`)
    }
  } catch (cause) {
    if (io.signal.aborted) return 0
    throw cause instanceof CliError ? cause : new CliError('the stream of events broke off', { cause })
  }
  if (io.signal.aborted) return 0
  throw new CliError('the daemon ended the stream of events', { next: 'See: systemctl status sond.' })
}
