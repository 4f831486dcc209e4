import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { createChance } from '../../fuzz/chance.ts'
import { createExplorer, shrink } from '../../fuzz/explore.ts'
import { instrument } from '../../fuzz/instrument.ts'
import { mutate } from '../../fuzz/mutate.ts'
import { BrokenPromiseError, type Target, textOf } from '../../fuzz/targets/target.ts'

const maze = `export const walk = (text: string): string => {
  if (text[0] === 'm')
    if (text[1] === 'a') {
      if (text[2] === 'z') return text[3] === 'e' ? 'out' : 'near'
    }
  for (const one of text) switch (one) { case '~': return 'tilde'; default: break }
  return text === 'a-word-of-the-code' ? 'word' : ''
}
`

t.test('what no chance would find is found step by step, and made small', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-maze-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await mkdir(join(directory, 'src'))
  await writeFile(join(directory, 'src', 'maze.ts'), maze)
  const instrumentation = instrument()
  // What the file above exports.
  const { walk } = (await import(pathToFileURL(join(directory, 'src', 'maze.ts')).href)) as {
    walk: (text: string) => string
  }
  t.ok(instrumentation.words.has('a-word-of-the-code'), 'the words of the code are known')

  const search = async (goal: string): Promise<string> => {
    const target: Target = {
      name: 'maze',
      seeds: [],
      run: (input) => {
        if (walk(textOf(input)) === goal) throw new BrokenPromiseError(goal)
      },
    }
    const explorer = createExplorer(target, instrumentation, createChance(7), () => undefined)
    await explorer.take(Buffer.from('start'))
    for (let step = 0; step < 200_000; step += 1) {
      const finding = await explorer.step()
      if (finding !== undefined) return (await shrink(target, finding)).toString()
    }
    return `nothing after ${String(explorer.reached())} blocks`
  }
  t.equal(await search('out'), 'maze')
  t.equal(await search('tilde'), '~')
  t.equal(await search('word'), 'a-word-of-the-code')
})

t.test('the same seed makes the same changes', (t) => {
  const stock = { words: ['word'], other: () => Buffer.from('other: 1\n') }
  const series = (seed: number): string => {
    const chance = createChance(seed)
    const inputs = Array.from({ length: 100 }, () => mutate(Buffer.from('a: 1\nb: 2\n'), chance, stock))
    t.ok(new Set(inputs.map((input) => input.toString('latin1'))).size > 50, 'they differ')
    return createHash('sha256').update(Buffer.concat(inputs)).digest('hex')
  }
  t.equal(series(1), series(1))
  t.not(series(1), series(2))
  t.end()
})

t.test('every file of the folder is told of', async (t) => {
  const folder = join(import.meta.dirname, '../../fuzz')
  const readme = await readFile(join(folder, 'README.md'), 'utf8')
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts'))
  t.strictSame(
    files.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  )
})
