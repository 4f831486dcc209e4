import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, whatever its exit code; -1 when it could not be started or a signal ended it. */
export const run = (
  command: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<Finished> =>
  new Promise((resolve) => {
    // A root shell by `su` without `-` has no sbin on its PATH.
    const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
    const settings = {
      env: { ...process.env, PATH: path, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 * 1024 * 1024,
    }
    execFile(command, args, settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr: code === -1 ? `${stderr}${error?.message ?? ''}` : stderr })
    })
  })

/** Runs a program that must succeed; gives its standard output. */
export const must = async (command: string, args: readonly string[], env = {}): Promise<string> => {
  const { code, stdout, stderr } = await run(command, args, { env })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}: ${(stderr || stdout).trim()}`)
  return stdout
}

/** Looks every 20 ms until `probe` is true; rejects after `timeoutMs`. */
export const until = async (what: string, probe: () => Promise<boolean>, timeoutMs: number): Promise<void> => {
  const end = performance.now() + timeoutMs
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs / 1000} s in vain for: ${what}`)
    await delay(20)
  }
}

/** Calls `work` for each item, `limit` at a time. */
export const forEach = async <T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> => {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
}

/** Milliseconds on the machine's own clock, the same in every process (CLOCK_MONOTONIC). */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
