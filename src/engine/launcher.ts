import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { EngineError } from '../model/errors.ts'
import {
  killGroup,
  notStarted,
  programEnvironment,
  runProgram,
  startPiped,
  type ProgramOptions,
  type ProgramResult,
} from './process.ts'

/**
 * Starts short programs through a small process. Node forks itself for every program that it starts: 2.5 ms of CPU and, on
 * a busy machine, 7 ms in which nothing else happens here. A shell forks in 0.5 ms, and nothing stands still meanwhile.
 */
export interface Launcher {
  /** As `runProgram`. */
  run(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult>
  /** Ends what is under way, and starts nothing any more. */
  close(): void
}

/** Programs that run at a time. */
const atOnce = 3
/** A shell that nobody asks anything ends after so many ms: the namespace that it is in may be replaced by another of that name. */
const idleMs = 1_000
/** Of input; the shell reads byte by byte. */
const longestInput = 16 * 1024

const unit = '\x1f'
const record = '\x1e'
// Each request is a line of words, the first of which is the number of lines of input after it. Nothing of it is ever
// read as a command: words are split at a control character, and neither expanded nor evaluated.
const script = [
  'set -f',
  `unit=$(printf '\\037')`,
  'while IFS= read -r words; do',
  'IFS=$unit; set -- $words; count=$1; shift; input=',
  'while [ "$count" -gt 0 ]; do IFS= read -r line; input="$input$line\n"; count=$((count - 1)); done',
  'if [ "$input" ]; then printf %s "$input" | "$@"; else "$@" </dev/null; fi',
  `printf '\\036%s\\n' $?`,
  `printf '\\036\\n' >&2`,
  'done',
].join('\n')

/** Lines that a shell can hold. */
const isPlain = (input: string): boolean =>
  (input === '' || input.endsWith('\n')) && !input.includes(record) && !input.includes('\0')

interface Shell {
  ask(request: string, timeoutMs: number, program: string, signal: AbortSignal): Promise<ProgramResult>
  readonly usable: () => boolean
  end(): void
}

/** The text before the mark that ends an answer, and what follows the mark; undefined while it has not come. */
const answerIn = (text: string): { readonly text: string; readonly rest: string } | undefined => {
  const at = text.lastIndexOf(record)
  return at < 0 || !text.endsWith('\n') ? undefined : { text: text.slice(0, at), rest: text.slice(at + 1).trim() }
}

const startShell = (command: readonly string[]): Shell => {
  const [file, ...args] = [...command, '/bin/sh', '-c', script]
  const child = startPiped(file, () =>
    spawn(file, args, { env: programEnvironment(), detached: true, stdio: ['pipe', 'pipe', 'pipe'] }),
  )
  let stdout = ''
  let stderr = ''
  let usable = true
  let waiting: { readonly done: () => void; readonly fail: (error: unknown) => void } | undefined

  const ended = (error: EngineError): void => {
    usable = false
    waiting?.fail(error)
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    waiting?.done()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    waiting?.done()
  })
  child.stdin.on('error', () => undefined) // its end is told by `close`
  child.on('error', (cause) => ended(notStarted(file, cause)))
  child.on('close', () => {
    const isFull = /can(?:not|'t) fork|fork: .*temporarily unavailable/i.test(stderr) // shells end then
    ended(
      isFull
        ? notStarted(file, Object.assign(new Error(stderr.trim()), { code: 'EAGAIN' }))
        : new EngineError('UNAVAILABLE', { program: file, error: stderr.slice(0, 200) }),
    )
  })

  const settled = (): ProgramResult | undefined => {
    const [out, error] = [answerIn(stdout), answerIn(stderr)]
    if (out === undefined || error === undefined) return undefined
    return { code: Number(out.rest), stdout: out.text, stderr: error.text }
  }

  return {
    usable: () => usable,
    ask: (request, timeoutMs, program, signal) =>
      new Promise<ProgramResult>((resolve, reject) => {
        stdout = ''
        stderr = ''
        const cut = (why: EngineError): void => {
          usable = false
          killGroup(child)
          over()
          reject(why)
        }
        const cancel = (): void => cut(new EngineError('CANCELLED', { program }))
        const timer = setTimeout(
          () => cut(new EngineError('TIMEOUT', { program, after: `${timeoutMs} ms` })),
          timeoutMs,
        )
        signal.addEventListener('abort', cancel, { once: true })
        const over = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', cancel)
          waiting = undefined
        }
        waiting = {
          done() {
            const result = settled()
            if (result === undefined) return
            over()
            resolve(result)
          },
          fail(error) {
            over()
            reject(error instanceof Error ? error : new Error(String(error)))
          },
        }
        child.stdin.write(request)
      }),
    end: () => {
      usable = false
      child.stdin.end()
    },
  }
}

/** An absolute path: a shell would prefer a command of its own of that name. */
const find = async (program: string): Promise<string> => {
  for (const folder of (programEnvironment()['PATH'] ?? '').split(':')) {
    const path = join(folder, program)
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (there && folder !== '') return path
  }
  throw new EngineError('UNAVAILABLE', { program })
}

/** `command`: with what a shell is started, such as one that enters a namespace. */
export const createLauncher = (command: readonly string[]): Launcher => {
  const limit = pLimit(atOnce)
  const paths = new Map<string, Promise<string>>()
  const idle: Shell[] = []
  let timer: NodeJS.Timeout | undefined
  const closed = new AbortController()

  const pathOf = (program: string): Promise<string> => {
    const path = paths.get(program) ?? find(program)
    paths.set(program, path)
    path.catch(() => paths.delete(program)) // it may be installed later
    return path
  }

  const endIdle = (): void => {
    clearTimeout(timer)
    for (const shell of idle.splice(0)) shell.end()
  }

  const ask = async (request: string, timeoutMs: number, program: string): Promise<ProgramResult> => {
    clearTimeout(timer)
    const kept = idle.pop()
    const shell = kept?.usable() === true ? kept : startShell(command)
    try {
      return await shell.ask(request, timeoutMs, program, closed.signal)
    } finally {
      if (shell.usable()) idle.push(shell)
      clearTimeout(timer)
      if (closed.signal.aborted) endIdle()
      else timer = setTimeout(endIdle, idleMs)
    }
  }

  return {
    async run(program, args, options) {
      const { input = '', timeoutMs } = options
      const words = [await pathOf(program), ...args]
      const odd = words.some((word) => word === '' || /\p{Cc}/u.test(word))
      const lines = input.split('\n').length - 1
      if (odd || input.length > longestInput || !isPlain(input)) {
        const [file = program, ...rest] = [...command, ...words]
        return runProgram(file, rest, { ...options, signal: closed.signal })
      }
      const asked = performance.now()
      return limit(() => {
        if (closed.signal.aborted) throw new EngineError('CANCELLED', { program })
        // What is hung holds up those that wait behind it: they must not each hang as long in their turn.
        if (performance.now() - asked > timeoutMs)
          throw new EngineError('TIMEOUT', { program, after: `${timeoutMs} ms`, reason: 'others of its kind hang' })
        return ask(`${[lines, ...words].join(unit)}\n${input}`, timeoutMs, program)
      })
    },
    close: () => {
      closed.abort()
      endIdle()
    },
  }
}
