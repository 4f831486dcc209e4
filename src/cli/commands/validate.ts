import { ReadError } from '../../model/byte-source.ts'
import { formatDiagnostic, isError, type Diagnostic } from '../../model/diagnostics.ts'
import type { CliContext } from '../context.ts'
import { errorLines, usageError, type ExitCode } from '../errors.ts'
import { printable } from '../format/table.ts'
import type { LocalTools } from '../local.ts'
import { fileError, FileRefused, findPackageSources, findSources, readTree, type Source } from '../sources.ts'

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

const judge = async (source: Source, tools: LocalTools): Promise<readonly Diagnostic[]> => {
  const { file } = source
  try {
    await using opened = await source.open()
    if (file !== '<stdin>') return await tools.validate(file, opened)
    // Standard input has no ending that would tell what it is: it is a manifest.
    return (await tools.validate('stdin.yaml', opened)).map((each) => ({ ...each, file }))
  } catch (error) {
    if (error instanceof ReadError) throw fileError(file, error)
    if (!(error instanceof FileRefused)) throw error
    return [{ severity: 'error', code: error.code, message: error.reason, file, line: 1, column: 1, path: '' }]
  }
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
