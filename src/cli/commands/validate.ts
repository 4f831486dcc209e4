import { formatDiagnostic, isError, type Diagnostic } from '../../model/diagnostics.ts'
import type { CliContext } from '../context.ts'
import { errorLines, usageError, type ExitCode } from '../errors.ts'
import { printable } from '../format/table.ts'
import type { LocalTools } from '../local.ts'
import { FileRefused, findPackageSources, findSources, readTree, type OpenSource, type Source } from '../sources.ts'

export interface ValidateOptions {
  /** Notices refuse too. */
  readonly strict: boolean
}

/** Every file, every error; 1 when one is refused. Errors are the result and go to standard output, notices to standard error. */
export const validate = async (
  { io }: CliContext,
  names: readonly string[],
  { strict }: ValidateOptions,
  tools: LocalTools,
): Promise<ExitCode> => {
  if (names.length === 0) throw usageError('name files or directories to validate')
  let failed = false
  const tell = (file: string, found: readonly Diagnostic[]): void => {
    const { errors, notices } = split(found.toSorted(byPlace), strict)
    for (const notice of notices) io.err(`${printable(formatDiagnostic(notice))} [notice]\n`)
    for (const error of errors) io.out(`${printable(formatDiagnostic(error))}\n`)
    if (errors.length > 0) failed = true
    else
      io.out(
        `${printable(file)}: ok${notices.length === 0 ? '' : `, ${notices.length} notice${notices.length === 1 ? '' : 's'}`}\n`,
      )
  }
  for (const name of names) {
    try {
      for (const source of await findPackageSources(name))
        tell(source, (await tools.pack(source, await readTree(source))).diagnostics)
      for (const source of await findSources([name], io)) tell(source.file, await judge(source, tools))
    } catch (error) {
      failed = true
      io.err(errorLines(error))
    }
  }
  return failed ? 1 : 0
}

const judge = async ({ file, open }: Source, tools: LocalTools): Promise<readonly Diagnostic[]> => {
  let opened: OpenSource
  try {
    opened = await open()
  } catch (error) {
    return refusalOf(error)
  }
  await using source = opened
  if (file !== '<stdin>') return await tools.validate(file, source)
  // Standard input has no ending that would tell what it is: it is a manifest.
  return (await tools.validate('stdin.yaml', source)).map((each) => ({ ...each, file }))
}

const refusalOf = (error: unknown): readonly Diagnostic[] => {
  if (!(error instanceof FileRefused)) throw error
  const { file, code, reason } = error
  return [{ severity: 'error', code, message: reason, file, line: 1, column: 1, path: '' }]
}

const byPlace = (a: Diagnostic, b: Diagnostic): number =>
  compare(a.file, b.file) || a.line - b.line || a.column - b.column

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const split = (
  diagnostics: readonly Diagnostic[],
  strict: boolean,
): { readonly errors: readonly Diagnostic[]; readonly notices: readonly Diagnostic[] } => ({
  errors: diagnostics.filter((each) => strict || isError(each)),
  notices: diagnostics.filter((each) => !strict && !isError(each)),
})
