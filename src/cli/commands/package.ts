import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { formatDiagnostic, isError } from '../../model/diagnostics.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { bytes as showBytes } from '../format/columns.ts'
import type { LocalTools } from '../local.ts'
import { printable } from '../format/table.ts'
import { fileError, readTree } from '../sources.ts'

/** Makes a package of a directory; nothing is written when the daemon would refuse it. */
export const makePackage = async (
  { io }: CliContext,
  directory: string,
  output: string | undefined,
  tools: LocalTools,
): Promise<ExitCode> => {
  const { bytes, file: usual, diagnostics } = await tools.pack(directory, await readTree(directory))
  for (const each of diagnostics) {
    if (isError(each)) io.out(`${printable(formatDiagnostic(each))}\n`)
    else io.err(`${printable(formatDiagnostic(each))} [notice]\n`)
  }
  if (bytes === undefined || usual === undefined) return 1
  const file = output ?? usual
  await replaceFile(file, bytes)
  io.out(`${file} (${showBytes(bytes.length)})\n`)
  return 0
}

/** All or nothing: the watched directory may be where the file goes. Names with a leading dot are ignored there. */
const replaceFile = async (file: string, bytes: Uint8Array): Promise<void> => {
  const fresh = join(dirname(file), `.${basename(file)}.${randomUUID()}.tmp`)
  try {
    await writeFile(fresh, bytes, { flag: 'wx' })
    await rename(fresh, file)
  } catch (cause) {
    await rm(fresh, { force: true })
    throw fileError(file, cause)
  }
}
