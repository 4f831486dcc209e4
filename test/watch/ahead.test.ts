import t from 'tap'
import { createAhead } from '../../src/watch/ahead.ts'
import type { ParsedPackage, Parsers } from '../../src/watch/types.ts'

const text = (words: string): Uint8Array => new TextEncoder().encode(words)

void t.test('what was parsed ahead is not parsed again, and only for the same bytes', async (t) => {
  const asked: string[] = []
  const answer: ParsedPackage = { diagnostics: [] }
  const parsers: Parsers = {
    manifest: () => ({ documents: [], refused: [], diagnostics: [] }),
    package: async (file, bytes) => {
      asked.push(`${file} ${Buffer.from(bytes).toString()}`)
      if (bytes.length === 0) throw new Error('empty')
      return answer
    },
  }
  const ahead = createAhead(parsers)
  void ahead.begin('a.son', text('one'))
  void ahead.begin('a.son', text('one'))
  t.equal(await ahead.parsers.package('a.son', text('one')), answer)
  t.same(asked, ['a.son one'])

  await ahead.parsers.package('a.son', text('two'))
  t.same(asked, ['a.son one', 'a.son two'], 'other bytes are parsed when they are asked for')

  for (let count = 0; count < 12; count += 1) void ahead.begin('b.son', text(String(count)))
  await ahead.parsers.package('b.son', text('0'))
  t.equal(asked.filter((one) => one === 'b.son 0').length, 2, 'the oldest is forgotten')

  void ahead.begin('c.son', text(''))
  await t.rejects(ahead.parsers.package('c.son', text('')), { message: 'empty' })
  t.same(ahead.parsers.manifest('m.yaml', text('')).documents, [])
})
