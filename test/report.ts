// What a reader of a log wants of a TAP stream: a line per test file with its time, and everything about what failed.

/** Lines that tell of something that passed, or only of structure. */
const quiet = /^\s*(?:ok\b|#|1\.\.|$)/

const fileLine = /^(not ok|ok) \d+ - (\S+)(?:.*# time=([\d.]+)ms)?/

/** One line per test file, slow ones first to last as they ran; then, for each that failed, the failures with their details. */
export const summarizeTap = (tap: string): string => {
  const files: string[] = []
  const failures: string[] = []
  let block: string[] = []
  for (const line of tap.split('\n')) {
    const [, result, file = '', ms] = fileLine.exec(line) ?? []
    if (result === undefined) {
      if (!quiet.test(line)) block.push(line)
      continue
    }
    const seconds = ms === undefined ? '' : ` (${(Number(ms) / 1000).toFixed(1)} s)`
    files.push(`${result === 'ok' ? 'ok    ' : 'FAILED'} ${file}${seconds}`)
    if (result !== 'ok') failures.push(`--- ${file}`, ...block)
    block = []
  }
  return [...files, ...failures].join('\n')
}
