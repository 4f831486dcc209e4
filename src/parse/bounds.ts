/** A place where a text is more than any genuine one. */
export interface Beyond {
  readonly offset: number
  readonly code: 'TOO_DEEP' | 'TOO_LARGE'
  readonly message: string
}

/** Levels of indentation, marks at the beginning of a line, and open brackets, whether or not in quotes. The parser recurses for each. */
const mostLevels = 200
/**
 * Characters that may begin a value, a key or a line. The parser needs up to four kilobytes for each (measured: `[1,1,1,...`).
 * Genuine packages have 3,200 at most, all descriptors together.
 */
export const mostMarks = 20_000

const codes = (text: string): ReadonlySet<number> => new Set(Array.from(text, (mark) => mark.charCodeAt(0)))
const marks = codes('\n,?[]{}"\'&*!#|>%@`')
/** Marks where a blank or the end of a line follows, and letters of a name elsewhere: `- a-b: c:d` has two. */
const marksBeforeBlanks = codes(':-')
const blanks = new Set([...codes(' \t\r\n'), Number.NaN]) // NaN: behind the last

const isMark = (code: number, next: number): boolean =>
  marks.has(code) || (marksBeforeBlanks.has(code) && blanks.has(next))

const pastIndentation = /[^ ]|$/
/** Marks that each begin a level, one behind the other: `- - ? a`. Not only at the beginning of a line: the parser may take what is before them for a key. */
const markRuns = /(?:[-?:][ \t]+)+/g

const longestRun = (line: string): number =>
  Array.from(line.matchAll(markRuns), ([run]) => run.replaceAll(/[ \t]/g, '').length).reduce(
    (longest, length) => Math.max(longest, length),
    0,
  )

const tooDeep = (text: string): Beyond | undefined => {
  const indents: number[] = []
  let open = 0
  let offset = 0
  for (const line of text.split('\n')) {
    const indent = line.search(pastIndentation)
    if (indent < line.length) {
      while ((indents.at(-1) ?? -1) >= indent) indents.pop()
      indents.push(indent)
    }
    const before = indents.length + longestRun(line)
    if (before + open > mostLevels) return deepAt(offset + indent)
    for (const { 0: bracket, index } of line.matchAll(/[[\]{}]/g)) {
      open += bracket === '[' || bracket === '{' ? 1 : -1
      if (before + open > mostLevels) return deepAt(offset + index)
    }
    offset += line.length + 1
  }
  return undefined
}

const deepAt = (offset: number): Beyond => ({
  offset,
  code: 'TOO_DEEP',
  message: `nested more than ${mostLevels} deep here; genuine files have a dozen levels`,
})

const tooManyMarks = (text: string): Beyond | undefined => {
  let count = 0
  for (let offset = 0; offset < text.length; offset += 1) {
    if (!isMark(text.charCodeAt(offset), text.charCodeAt(offset + 1))) continue
    count += 1
    if (count > mostMarks) {
      const message = `the file has more than ${mostMarks} marks and lines up to here; split it into several`
      return { offset, code: 'TOO_LARGE', message }
    }
  }
  return undefined
}

/** How many of the characters that `mostMarks` counts a file has. */
export const countMarks = (bytes: Uint8Array): number =>
  bytes.reduce((count, byte, index) => (isMark(byte, bytes[index + 1] ?? Number.NaN) ? count + 1 : count), 0)

/**
 * Looks through a text before it is parsed: the parser's time, memory and stack grow with what it is given, and it has no bounds of its own.
 *
 * @param text - with `\n` for line ends
 * @returns the first place that is beyond the bounds
 */
export const beyondReason = (text: string): Beyond | undefined => tooDeep(text) ?? tooManyMarks(text)
