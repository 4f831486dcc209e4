import { EngineError } from '../../model/errors.ts'
import { createLauncher } from '../launcher.ts'
import type { ProgramResult } from '../process.ts'

/** iproute2, ethtool and nft in the switches' namespace, and in containers' namespaces, with as few processes as can be. */
export interface IpTool {
  /** Runs a program in the switches' namespace. */
  run(program: string, args: readonly string[], input?: string): Promise<ProgramResult>
  /** As `run`; throws `REFUSED` when it fails. Gives standard output. */
  must(program: string, args: readonly string[], input?: string): Promise<string>
  /** Command and arguments that start a program in the switches' namespace. */
  command(program: string, args: readonly string[]): readonly [string, readonly string[]]
  /**
   * Lines of `ip`, all in one process, in the switches' namespace or in that of a process; a line that fails stops no other.
   * Gives each line's error text, undefined where it succeeded, and what was printed (JSON).
   */
  batch(
    lines: readonly string[],
    pid?: number,
  ): Promise<{ readonly errors: readonly (string | undefined)[]; readonly stdout: string }>
  /** Runs one program per call in the network namespace of a process; a result for each. */
  inside(calls: readonly InsideCall[]): Promise<readonly ProgramResult[]>
  close(): void
}

export interface InsideCall {
  readonly pid: number
  readonly command: readonly string[]
}

const enter = (pid: number): readonly string[] => ['-t', String(pid), '-n']

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

  const launcher = createLauncher(netns === undefined ? [] : ['nsenter', `--net=${netns}`])

  const run: IpTool['run'] = (program, args, input) =>
    launcher.run(program, args, { timeoutMs, ...(input !== undefined && { input }) })

  return {
    command,
    run,
    async must(program, args, input) {
      const { code, stdout, stderr } = await run(program, args, input)
      if (code !== 0) throw new EngineError('REFUSED', { program, error: stderr.trim().slice(0, 1000) })
      return stdout
    },
    async batch(lines, pid) {
      if (lines.length === 0) return { errors: [], stdout: '' }
      const args = ['-j', '-force', '-batch', '-']
      const input = `${lines.join('\n')}\n`
      const { code, stdout, stderr } = await (pid === undefined
        ? run('ip', args, input)
        : run('nsenter', [...enter(pid), 'ip', ...args], input))
      const errors = batchErrors(lines.length, stderr)
      if (code !== 0 && errors.every((error) => error === undefined))
        throw new EngineError('UNAVAILABLE', { program: 'ip', error: stderr.trim().slice(0, 1000) })
      return { errors, stdout }
    },
    inside: (calls) => Promise.all(calls.map(({ pid, command: words }) => run('nsenter', [...enter(pid), ...words]))),
    close: () => {
      launcher.close()
    },
  }
}
