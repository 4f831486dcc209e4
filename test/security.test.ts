// docs/security.md names a test for each of its promises: each must be one that there is.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')

interface Promised {
  readonly promise: string
  readonly file: string
  readonly title: string
}

/** Rows of the tables whose head is `promise | test`. */
const promises = page
  .split('\n| promise | test |\n')
  .slice(1)
  .flatMap((table): readonly Promised[] => {
    const [rows = ''] = table.split('\n\n')
    return rows
      .split('\n')
      .filter((row) => row.startsWith('| ') && !row.startsWith('| ---'))
      .map((row) => {
        const [promise = '', test = ''] = row.split('|').slice(1, -1)
        const [, file = '', title = ''] = /^\[[^\]]+\]\(\.\.\/(test\/[^)]+)\): (.+)$/.exec(test.trim()) ?? []
        return { promise: promise.trim(), file, title }
      })
  })

t.test('every promise names a test that there is', (t) => {
  t.ok(promises.length > 30)
  for (const { promise, file, title } of promises) {
    t.ok(existsSync(join(root, file)) && file.endsWith('.test.ts'), `${promise}: ${file}`)
    const source = file === '' ? '' : readFileSync(join(root, file), 'utf8')
    const titles = [...source.matchAll(/\btest\(\s*(['"`])((?:(?!\1).)+)\1/g)].map(([, , name = '']) =>
      name.replace(/^\$\{\w+\} /, ''),
    )
    t.ok(titles.includes(title), `${promise}: ${file} has no ${JSON.stringify(title)}`)
  }
  t.end()
})

t.test('no promise is made twice', (t) => {
  t.equal(new Set(promises.map(({ promise }) => promise)).size, promises.length)
  t.end()
})
