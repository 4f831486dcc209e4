/** Columns as wide as their widest cell, three spaces apart, no space at the ends; control characters are shown, not obeyed. */
export const formatTable = (rows: readonly (readonly string[])[]): string => {
  const clean = rows.map((row) => row.map(printable))
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))))
  return clean
    .map((row) => row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell))))
    .map((row) => `${row.join('   ').trimEnd()}\n`)
    .join('')
}

/**
 * Names and messages come from files and engines: none of them may move a terminal's cursor, turn the direction of writing round, end
 * a line or hide.
 */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (control) => {
    if (control === '\n') return ' '
    const code = (control.codePointAt(0) ?? 0).toString(16)
    return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`
  })

/** Code points: names are ASCII, messages nearly so; wide characters cost alignment, nothing else. */
const displayWidth = (text: string): number => Array.from(text).length
