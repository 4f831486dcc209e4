import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { z } from 'zod'

/** A file made to do harm, and what is to be said of it. */
export interface HostileRow {
  readonly name: string
  /** Its ending decides what it is taken for. */
  readonly file: string
  readonly bytes: Uint8Array
  /** So many bytes of nothing come first. */
  readonly hole?: number
  /** `CODE FILE:LINE` and what the message says, of the one error there is; absent: it is taken, with the notices named. */
  readonly refused?: readonly [where: string, message: RegExp]
  /** Codes of the notices that an accepted file gets. */
  readonly notices?: readonly string[]
}

/** Milliseconds of CPU (a machine that is busy with other things does not count), and MiB of the whole process. */
const bounds = { cpuMs: 2_000, peakMb: 256 } as const

const measured = z.object({
  file: z.string(),
  cpuMs: z.number(),
  peakMb: z.number(),
  errors: z.number(),
  diagnostics: z.array(
    z.object({ severity: z.string(), code: z.string(), message: z.string(), file: z.string(), line: z.number() }),
  ),
})

const run = promisify(execFile)
/** Files that one process reads: what the others left in its heap counts for each. */
const atOnce = 16
const program = join(import.meta.dirname, 'measure-validate.ts')

/** Has a process of its own read all of them, and compares what it said and what that cost. */
export const checkRows = async (t: Test, rows: readonly HostileRow[]): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-hostile-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const files = rows.map(({ file }, index) => `${String(index)}-${file}`)
  const write = async ({ bytes, hole = 0 }: HostileRow, file: string): Promise<void> => {
    await writeFile(file, '')
    await truncate(file, hole)
    await appendFile(file, bytes)
  }
  await Promise.all(rows.map((row, index) => write(row, join(directory, files[index] ?? ''))))
  const results: z.infer<typeof measured>[] = []
  for (let first = 0; first < files.length; first += atOnce) {
    const paths = files.slice(first, first + atOnce).map((file) => join(directory, file))
    const { stdout } = await run(process.execPath, ['--expose-gc', program, ...paths], { timeout: 60_000 })
    const lines = stdout.trim().split('\n')
    results.push(...lines.map((line) => measured.parse(JSON.parse(line))))
  }
  t.equal(results.length, rows.length)
  for (const [index, { name, refused, notices = [] }] of rows.entries()) {
    const result = results[index]
    if (result === undefined) continue
    const { cpuMs, peakMb, diagnostics, errors } = result
    t.ok(cpuMs < bounds.cpuMs, `${name}: ${String(Math.round(cpuMs))} ms of ${String(bounds.cpuMs)}`)
    t.ok(peakMb < bounds.peakMb, `${name}: ${String(Math.round(peakMb))} MiB of ${String(bounds.peakMb)}`)
    const told = diagnostics.map(({ code, file, line }) => `${code} ${file.replace(/^\d+-/, '')}:${String(line)}`)
    if (refused === undefined) {
      t.strictSame(
        diagnostics.map(({ code, severity }) => `${severity} ${code}`),
        notices.map((code) => `notice ${code}`),
        `${name} is handled`,
      )
      continue
    }
    const [where, message] = refused
    t.equal(errors, 1, `${name}: one error`)
    t.ok(told.includes(where), `${name}: ${told.join(', ')}`)
    t.ok(
      diagnostics.some((one) => message.test(one.message)),
      `${name}: ${diagnostics.map((one) => one.message).join('; ')}`,
    )
    for (const one of diagnostics) t.notMatch(one.message, /\p{Cc}/u, `${name}: a plain message`)
  }
}
