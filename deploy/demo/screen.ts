import { now } from '../lab/run.ts'

export interface Screen {
  step(title: string): void
  /** A command that the reader could type. */
  command(text: string): void
  /** Something that was expected, and is so. `ms`: how long it took. */
  good(text: string, ms?: number): void
  /** Something that is not so yet. */
  waiting(text: string): void
  line(text: string): void
  bad(text: string): void
}

export const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

/** Plain text; colours only on a terminal that wants them (https://no-color.org). */
export const createScreen = (out: NodeJS.WriteStream): Screen => {
  const colour = out.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb'
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const begun = now()
  let steps = 0
  return {
    step: (title) => {
      steps += 1
      const at = `${((now() - begun) / 1000).toFixed(1)} s`.padStart(7)
      out.write(`\n${paint(2, at)}  ${paint(1, `${steps}. ${title}`)}\n`)
    },
    command: (text) => out.write(`         ${paint(2, `$ ${text}`)}\n`),
    good: (text, ms) => {
      const took = ms === undefined ? '' : `  ${seconds(ms)}`
      out.write(`       ${paint(32, '✓')} ${ms === undefined ? text : text.padEnd(56)}${paint(36, took)}\n`)
    },
    waiting: (text) => out.write(`       ${paint(33, '…')} ${text}\n`),
    line: (text) => out.write(`         ${text}\n`),
    bad: (text) => out.write(`       ${paint(31, '✗')} ${text}\n`),
  }
}
