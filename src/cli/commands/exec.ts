import type { ExecResult } from '../../api/backend.ts'
import type { CliContext } from '../context.ts'
import { usageError, type ExitCode } from '../errors.ts'
import { instanceName, objectPath } from '../reference.ts'
import type { Selection } from './logs.ts'

/** Runs a command in one function; ends with the command's own exit code. */
export const exec = async (
  { io, client }: CliContext,
  instance: string,
  vnf: string,
  command: readonly string[],
  selection: Selection,
): Promise<ExitCode> => {
  if (command.length === 0) throw usageError('no command', 'As in: sonctl exec demo fw -- ip address')
  const api = await client()
  const path = `${objectPath({ kind: 'ServiceInstance', name: instanceName(instance) })}/exec`
  const { copy, replica, vdu } = selection
  const { output, exitCode } = await api.json<ExecResult>(path, {
    method: 'POST',
    body: JSON.stringify({ vnf, vdu, copy, replica, command }),
    headers: { 'content-type': 'application/json' },
    signal: io.signal,
  })
  io.out(output)
  return exitCode
}
