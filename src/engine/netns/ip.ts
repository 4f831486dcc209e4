import { EngineError } from '../../model/errors.ts'
import { runProgram, type ProgramResult } from '../process.ts'

/** iproute2, ethtool and nft in the switches' namespace, and in containers' namespaces, with as few processes as can be. */
export interface IpTool {
  /** Runs a program in the switches' namespace. */
  run(program: string, args: readonly string[], input?: string): Promise<ProgramResult>
  /** As `run`; throws `REFUSED` when it fails. Gives standard output. */
  must(program: string, args: readonly string[], input?: string): Promise<string>
  /** Command and arguments that start a program in the switches' namespace. */
  command(program: string, args: readonly string[]): readonly [string, readonly string[]]
  /**
   * Lines of `ip`, all in one process; a line that fails stops no other.
   * Gives each line's error text, undefined where it succeeded, and what was printed (JSON).
   */
  batch(
    lines: readonly string[],
  ): Promise<{ readonly errors: readonly (string | undefined)[]; readonly stdout: string }>
  /**
   * Runs one program per call in the network namespace of a process. All of them from one process of ours; when one
   * fails, each is run by itself, so that every call has a result of its own. So calls must be idempotent.
   * `count` tells from all output whether each call has printed its part.
   */
  inside(calls: readonly InsideCall[], split?: (stdout: string) => readonly string[]): Promise<readonly ProgramResult[]>
}

export interface InsideCall {
  readonly pid: number
  readonly command: readonly string[]
}

// xargs splits its input at blanks and reads quotes and backslashes: no word has any.
const plainWord = /^[A-Za-z0-9_.:/*,+-]+$/

const words = (call: InsideCall): readonly string[] => {
  const all = ['-t', String(call.pid), '-n', ...call.command]
  for (const word of all)
    if (!plainWord.test(word)) throw new EngineError('REFUSED', { argument: word, reason: 'not a plain word' })
  return all
}

/** Pairs error texts with the lines they are about: `ip -batch` names the line after its message. */
export const batchErrors = (count: number, stderr: string): readonly (string | undefined)[] => {
  const errors = Array.from<string | undefined>({ length: count })
  let text: string[] = []
  for (const line of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1]
    if (number === undefined) {
      if (line !== '') text.push(line)
      continue
    }
    errors[Number(number) - 1] = text.length === 0 ? 'failed' : text.join('; ')
    text = []
  }
  return errors
}

export const createIpTool = (netns: string | undefined, timeoutMs: number): IpTool => {
  const command: IpTool['command'] = (program, args) =>
    netns === undefined ? [program, args] : ['nsenter', [`--net=${netns}`, program, ...args]]

  const run: IpTool['run'] = (program, args, input) => {
    const [file, all] = command(program, args)
    return runProgram(file, all, { timeoutMs, ...(input !== undefined && { input }) })
  }

  const alone = (call: InsideCall): Promise<ProgramResult> => runProgram('nsenter', words(call), { timeoutMs })

  return {
    command,
    run,
    async must(program, args, input) {
      const { code, stdout, stderr } = await run(program, args, input)
      if (code !== 0) throw new EngineError('REFUSED', { program, error: stderr.trim().slice(0, 1000) })
      return stdout
    },
    async batch(lines) {
      if (lines.length === 0) return { errors: [], stdout: '' }
      const { code, stdout, stderr } = await run('ip', ['-j', '-force', '-batch', '-'], `${lines.join('\n')}\n`)
      const errors = batchErrors(lines.length, stderr)
      if (code !== 0 && errors.every((error) => error === undefined))
        throw new EngineError('UNAVAILABLE', { program: 'ip', error: stderr.trim().slice(0, 1000) })
      return { errors, stdout }
    },
    async inside(calls, split = () => calls.map(() => '')) {
      const [first] = calls
      if (first === undefined) return []
      if (calls.length === 1) return [await alone(first)]
      const input = `${calls.map((call) => words(call).join(' ')).join('\n')}\n`
      const limit = timeoutMs + calls.length * 50 // they run one after another
      const { code, stdout } = await runProgram('xargs', ['-L', '1', 'nsenter'], { timeoutMs: limit, input })
      const parts = split(stdout)
      if (code === 0 && parts.length === calls.length)
        return parts.map((part) => ({ code: 0, stdout: part, stderr: '' }))
      const results: ProgramResult[] = []
      for (const call of calls) results.push(await alone(call))
      return results
    },
  }
}
