import type { AnyObject } from '../../api/backend.ts'
import type { DiffAnswer } from '../../api/objects.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { instanceName, kindPath, objectPath, showReference } from '../reference.ts'
import { findSources, isPackageFile } from '../sources.ts'
import { send, tellRefusal } from './apply.ts'

const SAME = 0
const DIFFERS = 1
const FAILED = 2

/** What the daemon would do now, for the instances named, or for all. */
export const diffInstances = async ({ io, client }: CliContext, words: readonly string[]): Promise<ExitCode> => {
  const api = await client()
  const names =
    words.length > 0
      ? words.map(instanceName)
      : (await api.json<{ items: AnyObject[] }>(kindPath('ServiceInstance'))).items.map(({ metadata }) => metadata.name)
  let code = SAME
  for (const name of names) {
    const { text, steps } = await api.json<DiffAnswer>(`${objectPath({ kind: 'ServiceInstance', name })}/diff`)
    if (text !== '') io.out(text.endsWith('\n') ? text : `${text}\n`)
    if (steps.length > 0) code = DIFFERS
  }
  return code
}

/** What would be done if these files were applied. */
export const diffFiles = async (context: CliContext, files: readonly string[]): Promise<ExitCode> => {
  const { io } = context
  const api = await context.client()
  let code = SAME
  for (const source of await findSources(files, io)) {
    if (isPackageFile(source.file)) {
      io.err(`${source.file}: packages are not compared, only manifests\n`)
      continue
    }
    try {
      for (const { kind, name, action, diff } of await send(api, source, true)) {
        const hasSteps = (diff?.steps.length ?? 0) > 0
        if (action === 'unchanged' && !hasSteps) continue
        code = Math.max(code, DIFFERS)
        if (action !== 'unchanged') io.out(`${showReference({ kind, name })} would be ${action}\n`)
        if (diff !== undefined) io.out(diff.text)
      }
    } catch (error) {
      tellRefusal(context, source.file, error)
      code = FAILED
    }
  }
  return code
}
