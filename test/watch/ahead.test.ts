import t from 'tap'
import { type ByteSource, bytesInMemory } from '../../src/model/byte-source.ts'
import { createAhead } from '../../src/watch/ahead.ts'
import type { ParsedPackage, Parsers } from '../../src/watch/types.ts'

const text = (words: string): ByteSource => bytesInMemory(Buffer.from(words))

void t.test('what was parsed ahead is not parsed again, and only for the same bytes', async (t) => {
  const asked: string[] = []
  const answer: ParsedPackage = { diagnostics: [] }
  const parsers: Parsers = {
    manifest: () => ({ documents: [], refused: [], diagnostics: [] }),
    package: async (file, source) => {
      asked.push(`${file} ${(await source.read(0, source.size)).toString()}`)
      if (source.size === 0) throw new Error('empty')
      return answer
    },
  }
  const ahead = createAhead(parsers)
  await Promise.all([ahead.begin('a.son', text('one')), ahead.begin('a.son', text('one'))])
  t.equal(await ahead.parsers.package('a.son', text('one')), answer)
  t.same(asked, ['a.son one'])

  await ahead.begin('a.son', text('one'))
  await ahead.parsers.package('a.son', text('two'))
  t.same(asked, ['a.son one', 'a.son one', 'a.son two'], 'other bytes are parsed when they are asked for')

  for (let count = 0; count < 9; count += 1) await ahead.begin(`b${String(count)}.son`, text('b'))
  await ahead.parsers.package('b0.son', text('b'))
  await ahead.parsers.package('b8.son', text('b'))
  const times = (wanted: string): number => asked.filter((one) => one === wanted).length
  t.same([times('b0.son b'), times('b8.son b')], [2, 1], 'the oldest is forgotten')

  await ahead.begin('c.son', text(''))
  await t.rejects(ahead.parsers.package('c.son', text('')), { message: 'empty' })
  t.same(ahead.parsers.manifest('m.yaml', new Uint8Array()).documents, [])
})
