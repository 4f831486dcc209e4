// Reads the files that are named, one after the other, as `sonctl validate` does, and writes a line of JSON about each: what it cost, and
// what was found. A process of its own, so that its peak is nobody else's.
import { open, readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Diagnostic } from '../../src/model/diagnostics.ts'
import { readBounded } from '../../src/watch/read.ts'
import { validateFile } from '../../src/parse/validate.ts'

type Shown = 'severity' | 'code' | 'message' | 'file' | 'line'

/** MiB: the most that was in memory. What getrusage(2) tells counts the process that started this one too (its memory until execve(2)). */
const peak = async (): Promise<number> => {
  const status = await readFile('/proc/self/status', 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
}

/** What `sonctl validate` says of it. */
const diagnose = async (file: string): Promise<readonly Pick<Diagnostic, Shown>[]> => {
  await using handle = await open(file)
  const read = await readBounded(
    handle,
    /\.(?:son|tgo)$/.test(file) ? 'package' : 'manifest',
    (await handle.stat()).size,
  )
  if (read.result === 'bytes') return await validateFile(basename(file), read.source)
  return [{ severity: 'error', code: read.code, message: read.message, file: basename(file), line: 1 }]
}

for (const file of process.argv.slice(2)) {
  globalThis.gc?.()
  await writeFile('/proc/self/clear_refs', '5') // the peak begins anew (proc(5))
  const before = process.cpuUsage()
  const diagnostics = await diagnose(file)
  const { user, system } = process.cpuUsage(before)
  const line = {
    file: basename(file),
    cpuMs: (user + system) / 1_000,
    peakMb: await peak(),
    diagnostics: diagnostics.slice(0, 20),
    errors: diagnostics.filter(({ severity }) => severity === 'error').length,
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
