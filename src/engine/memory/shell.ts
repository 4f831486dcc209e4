/** What a command in a memory container does; `undefined` = it runs until its container ends. */
export type Shell = (command: string) => { readonly exitCode: number; readonly output: string } | undefined

const quoted = /^(["'])(.*)\1$/s

/** Knows echo, exit, true, false and sleep, joined by `;`, `&&` or line ends; takes every other command for done, silently and well. */
export const runShell: Shell = (command) => {
  let output = ''
  let exitCode = 0
  for (const statement of command.split(/;|&&|\n/).map((part) => part.trim())) {
    const [word = '', ...rest] = statement.split(/\s+/)
    if (word === 'exit') return { exitCode: Number(rest[0] ?? exitCode), output }
    if (word === 'sleep') return undefined
    if (word === 'echo') output += `${rest.join(' ').replace(quoted, '$2')}\n`
    exitCode = word === 'false' ? 1 : 0
  }
  return { exitCode, output }
}
