import type { AppliedObject } from '../../api/backend.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { instanceName, objectPath, showReference } from '../reference.ts'

/** Sets `spec.suspend` in the files of instances. */
export const suspend = async (
  { io, client }: CliContext,
  words: readonly string[],
  verb: 'suspend' | 'resume',
): Promise<ExitCode> => {
  const api = await client()
  for (const name of words.map(instanceName)) {
    const reference = { kind: 'ServiceInstance', name } as const
    const { action, file } = await api.json<AppliedObject>(`${objectPath(reference)}/${verb}`, { method: 'POST' })
    const done = verb === 'suspend' ? 'suspended' : 'resumed'
    io.out(`${showReference(reference)} ${action === 'unchanged' ? `was ${done} already` : `${done} (${file})`}\n`)
  }
  return 0
}
