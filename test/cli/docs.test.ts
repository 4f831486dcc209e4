import { readFile } from 'node:fs/promises'
import t from 'tap'
import { defaultServer } from '../../src/cli/server-address.ts'
import { localTools } from '../../src/cli/local.ts'
import { createProgram } from '../../src/cli/program.ts'

const docs = await readFile(new URL('../../docs/sonctl.md', import.meta.url), 'utf8')
const rows = new Map([...docs.matchAll(/^\| `(\w+)[^|]*\|[^|]*\|$/gm)].map(([row, command = '']) => [command, row]))

const program = createProgram({
  io: {
    out: () => undefined,
    err: () => undefined,
    stdin: () => Promise.resolve(''),
    env: {},
    now: () => 0,
    signal: new AbortController().signal,
  },
  version: '1',
  tools: localTools,
  ended: () => undefined,
})

const flags = (text: string): readonly string[] => [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [])].sort()

t.test('docs/sonctl.md names every command with its options, and no other', async (t) => {
  t.same([...rows.keys()].sort(), program.commands.map((command) => command.name()).sort())
  for (const command of program.commands) {
    const own = command.options.flatMap(({ long }) => (typeof long === 'string' ? [long] : [])).sort()
    const global = command.name() === 'version' ? ['--version'] : []
    t.same(flags(rows.get(command.name()) ?? ''), [...own, ...global].sort(), command.name())
  }
})

t.test('docs/sonctl.md tells where the daemon is asked', async (t) => {
  t.match(docs, defaultServer)
  for (const { long } of program.options) t.match(docs, `\`${long ?? ''}\``)
})
