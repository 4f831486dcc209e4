/** Columns as wide as their widest cell, three spaces apart, no space at the ends; control characters are shown, not obeyed. */
export const formatTable = (rows: readonly (readonly string[])[]): string => {
  const clean = rows.map((row) => row.map(printable))
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))))
  return clean
    .map((row) => row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell))))
    .map((row) => `${row.join('   ').trimEnd()}\n`)
    .join('')
}

/** Names and messages come from files and engines: none of them may move a terminal's cursor. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (control) =>
    control === '\n' ? ' ' : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

/** Code points: names are ASCII, messages nearly so; wide characters cost alignment, nothing else. */
const displayWidth = (text: string): number => Array.from(text).length
