import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { createChance } from '../../fuzz/chance.ts'
import { mutate } from '../../fuzz/mutate.ts'
import { openTargets } from '../../fuzz/targets.ts'

// Every parser, given what it takes with changes to it. `npm run fuzz` does the same for an hour, guided by coverage.

const findings = join(import.meta.dirname, '../../fuzz/findings')
/** Milliseconds for the changed inputs of one target. */
const share = 250

const { targets, close } = await openTargets()
t.teardown(close)

/** What `npm run fuzz` once found, by the name of the target. */
const found = (name: string): readonly Buffer[] => {
  const directory = join(findings, name)
  return existsSync(directory) ? readdirSync(directory).map((file) => readFileSync(join(directory, file))) : []
}

for (const { name, seeds, run } of targets) {
  t.test(`${name} answers whatever it is given`, async (t) => {
    for (const seed of seeds) await run(seed)
    for (const input of found(name)) await run(input)
    const stock = { words: [], other: () => Buffer.from(seeds[0] ?? []) }
    const changed = fc
      .tuple(fc.constantFrom(...seeds), fc.integer())
      .map(([seed, chance]) => new Uint8Array(mutate(Buffer.from(seed), createChance(chance), stock)))
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 9, arbitrary: changed }, fc.uint8Array({ maxLength: 200 })),
        async (input) => {
          await run(input)
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: share },
    )
    t.pass()
  })
}

t.test('what was found belongs to a target', (t) => {
  const names = new Set(targets.map(({ name }) => name))
  const folders = existsSync(findings) ? readdirSync(findings) : []
  t.strictSame(
    folders.filter((folder) => !names.has(folder)),
    [],
  )
  t.end()
})
