import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Where } from './http.ts'

const program = join(import.meta.dirname, '..', '..', 'bin', 'sonctl.js')

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Called with everything printed so far, at each piece. */
  readonly onOut?: (out: string) => void
  readonly signal?: AbortSignal
}

const serverText = (where: Where): string =>
  'socketPath' in where ? `unix:${where.socketPath}` : `http://${where.host}:${where.port}`

/** Runs sonctl as a process of its own. */
export const sonctl = (
  words: readonly string[],
  { input = '', env = {}, cwd = process.cwd(), onOut, signal }: RunOptions = {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const { PATH = '' } = process.env
    const child = spawn(process.execPath, [program, ...words], { cwd, env: { PATH, ...env } })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece
      onOut?.(out)
    })
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (err += piece))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err }))
    signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    child.stdin.on('error', () => undefined) // a command that reads no input may be gone already
    child.stdin.end(input)
  })

/** sonctl with the address of one daemon. */
export const sonctlFor =
  (where: Where) =>
  (words: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    sonctl(words, { ...options, env: { SOND_SERVER: serverText(where), ...options.env } })
