import type { CliContext } from '../context.ts'
import { usageError, type ExitCode } from '../errors.ts'
import { toJson } from '../format/output.ts'
import type { LocalTools } from '../local.ts'
import { parseKind } from '../../api/kinds.ts'

/** JSON Schema of a kind, for editors; of all kinds when none is named. */
export const schema = async ({ io }: CliContext, kind: string | undefined, tools: LocalTools): Promise<ExitCode> => {
  const all = await tools.schemas()
  const names = Object.keys(all)
  if (kind === undefined) {
    io.out(toJson({ anyOf: Object.values(all) }))
    return 0
  }
  const name = names.find((each) => each.toLowerCase() === kind.toLowerCase() || each === parseKind(kind))
  if (name === undefined)
    throw usageError(`there is no schema of ${JSON.stringify(kind)}`, `Schemas: ${names.join(', ')}.`)
  io.out(toJson(all[name]))
  return 0
}
