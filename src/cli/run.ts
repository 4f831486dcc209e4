import { CommanderError } from 'commander'
import { CliError, errorLines, type ExitCode } from './errors.ts'
import type { Io } from './io.ts'
import type { LocalTools } from './local.ts'
import { createProgram } from './program.ts'

const FAILURE = 1
const USAGE = 2
/** What shells say of a command that SIGINT ended: 128 + 2. */
const INTERRUPTED = 130

/** Runs one command line; errors become text and an exit code here, and nowhere else. */
export const runCli = async (
  words: readonly string[],
  { io, version, tools }: { readonly io: Io; readonly version: string; readonly tools: LocalTools },
): Promise<ExitCode> => {
  let code: ExitCode = 0
  const program = createProgram({ io, version, tools, ended: (ended) => void (code = ended) })
  try {
    await program.parseAsync([...words], { from: 'user' })
    return code !== 0 && io.signal.aborted ? INTERRUPTED : code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
    if (io.signal.aborted) return INTERRUPTED
    io.err(errorLines(error))
    const failed = error instanceof CliError ? error.exitCode : FAILURE
    // `diff` says 1 for "differs", so its failures must say something else.
    return words.includes('diff') && program.args[0] === 'diff' ? Math.max(failed, USAGE) : failed
  }
}
