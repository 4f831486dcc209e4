import { readFile } from 'node:fs/promises'
import { defaultSapUnit, type SapUnit } from '../desired/settings.ts'
import { formatDiagnostic, isError, type Diagnostic } from '../model/diagnostics.ts'
import { readStandaloneFunction } from '../parse/package.ts'

/**
 * What internal SAPs are made of, from the VNFD that the setting `saps.vnfd` names.
 *
 * @throws Error with every diagnostic when the file cannot be read or is wrong
 */
export const loadSapUnit = async (path: string): Promise<SapUnit> => {
  const diagnostics: Diagnostic[] = []
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new Error(`saps.vnfd: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  })
  const descriptor = readStandaloneFunction(path, bytes, diagnostics)
  const unit = descriptor?.units[0]
  if (unit?.image === undefined || diagnostics.some(isError))
    throw new Error(
      `saps.vnfd: ${diagnostics.filter(isError).map(formatDiagnostic).join('\n') || `${path} names no image`}`,
    )
  return {
    image: unit.image,
    bandwidth: unit.cpu.bandwidth ?? defaultSapUnit.bandwidth,
    memoryBytes: unit.memoryBytes ?? defaultSapUnit.memoryBytes,
  }
}
