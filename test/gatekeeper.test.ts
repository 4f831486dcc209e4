// docs/gatekeeper.md names a test for each behaviour of the predecessor: each must be one that there is, and none may be missing.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/gatekeeper.md'), 'utf8')

interface Row {
  readonly name: string
  readonly kind: string
  readonly behaviour: string
  readonly file: string
  readonly title: string
}

const rows: readonly Row[] = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [name = '', kind = '', behaviour = '', test = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const [, shown, file = '', title = ''] = /^\[([^\]]+)\]\(\.\.\/(test\/e2e\/[^)]+)\): (.+)$/.exec(test) ?? []
    if (file !== `test/e2e/${shown ?? ''}.test.ts`) throw new Error(`no test in the row ${name}`)
    return { name: name.replaceAll('`', ''), kind, behaviour, file, title: `${kind}: ${title}` }
  })

/** Titles that begin with one of the two words, as they stand in the source. */
const titled = /\btest\(\s*(['"`])((?:keep|mend): (?:(?!\1).)*)\1/g

const files = globSync('test/e2e/*.test.ts', { cwd: root }).sort()
const tests = files.flatMap((file) =>
  [...readFileSync(join(root, file), 'utf8').matchAll(titled)].map(([, , title = '']) => ({ file, title })),
)

t.test('a row has a name of its own, one of the two words, and says what it is about', async (t) => {
  t.ok(rows.length > 0)
  for (const { name, kind, behaviour } of rows) {
    t.match(name, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    t.ok(kind === 'keep' || kind === 'mend', `${name}: ${kind}`)
    t.ok(behaviour.length > 0, name)
  }
  t.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
})

t.test('every row names a test that there is', async (t) => {
  for (const { name, file, title } of rows) {
    t.ok(
      tests.some((one) => one.file === file && one.title === title),
      `${name}: ${file} has no ${JSON.stringify(title)}`,
    )
  }
})

t.test('every test of what the predecessor did is in a row', async (t) => {
  for (const { file, title } of tests) {
    t.ok(
      rows.some((row) => row.file === file && row.title === title),
      `${file}: ${title}`,
    )
  }
})
