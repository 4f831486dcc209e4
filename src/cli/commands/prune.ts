import type { PruneCandidate } from '../../api/backend.ts'
import { apiRoot } from '../../api/paths.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { formatTable } from '../format/table.ts'
import { showReference } from '../reference.ts'

/** Shows deletions that are held back; with `confirm`, lets them happen. */
export const prune = async ({ io, client }: CliContext, confirm: boolean): Promise<ExitCode> => {
  const api = await client()
  const { items } = await api.json<{ items: PruneCandidate[] }>(
    `${apiRoot}/prune`,
    confirm ? { method: 'POST', body: '{"confirm":true}', headers: { 'content-type': 'application/json' } } : {},
  )
  if (items.length === 0) {
    io.out('nothing is held back\n')
    return 0
  }
  io.out(formatTable([['OBJECT', 'FILE'], ...items.map((item) => [showReference(item), item.file])]))
  io.err(confirm ? 'These are being removed.\n' : 'Their files are gone; let them go with: sonctl prune --confirm\n')
  return 0
}
