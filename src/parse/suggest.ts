/** A row of the table below; what lies before its beginning is 0. */
const cell = (row: readonly number[], index: number): number => row[index] ?? 0

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
const distance = (from: string, to: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = cell(last, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1)
      const changed = Math.min(cell(last, column) + 1, cell(current, column - 1) + 1, replaced)
      const swapped = cell(beforeLast, column - 2) + 1
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current.push(isSwap ? Math.min(changed, swapped) : changed)
    }
    beforeLast = last
    last = current
  }
  return cell(last, to.length)
}

const longestWord = 64
const mostCandidates = 200
const plain = (word: string): string => word.toLowerCase().replace(/[\s_:./-]/g, '')

/**
 * The candidate that the user most likely meant by `word`, if one is near: case and separators do not count, and a third
 * of the letters may differ.
 */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  if (word.length > longestWord) return undefined
  const wanted = plain(word)
  let best: string | undefined
  let bestDistance = Infinity
  let looked = 0
  for (const candidate of candidates) {
    looked += 1
    if (looked > mostCandidates) break
    if (candidate.length > longestWord) continue
    const other = plain(candidate)
    const edits = distance(wanted, other)
    if (edits < bestDistance && edits <= Math.max(wanted.length, other.length) / 3) {
      best = candidate
      bestDistance = edits
    }
  }
  return best
}

/** `; did you mean "x"?`, or nothing. */
export const didYouMean = (word: string, candidates: Iterable<string>): string => {
  const found = nearest(word, candidates)
  return found === undefined ? '' : `; did you mean "${found}"?`
}
