// Reads the files that are named, one after the other, as `sonctl validate` does, and writes a line of JSON about each: what it cost, and
// what was found. A process of its own, so that its peak is nobody else's.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { validateFile } from '../../src/parse/validate.ts'

for (const file of process.argv.slice(2)) {
  const before = process.cpuUsage()
  const diagnostics = await validateFile(basename(file), await readFile(file))
  const { user, system } = process.cpuUsage(before)
  const line = {
    file: basename(file),
    cpuMs: (user + system) / 1_000,
    // The kernel counts the peak of the process so far, in KiB (getrusage(2)).
    peakMb: process.resourceUsage().maxRSS / 1_024,
    diagnostics: diagnostics.slice(0, 20),
    errors: diagnostics.filter(({ severity }) => severity === 'error').length,
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
