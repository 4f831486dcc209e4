import type { ReadinessAnswer } from '../../api/health.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { formatTable } from '../format/table.ts'

/** Whether the daemon is ready, check by check; 1 when it is not. */
export const status = async ({ io, client }: CliContext): Promise<ExitCode> => {
  const api = await client()
  const { ready, checks } = await api.json<ReadinessAnswer>('/readyz', { accept: [503] })
  io.out(
    formatTable([
      ['CHECK', 'OK', 'MESSAGE'],
      ...checks.map(({ name, ok, message }) => [name, ok ? 'yes' : 'no', message]),
    ]),
  )
  io.out(ready ? 'ready\n' : 'not ready\n')
  return ready ? 0 : 1
}
