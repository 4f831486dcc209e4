import fc from 'fast-check'
import t from 'tap'
import { createJsonSplitter } from '../../../src/engine/ovs/json-stream.ts'

t.test('cuts at the outermost bracket, however the stream is cut', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue())), { maxLength: 5 }),
        fc.constantFrom('', ' ', '\n'),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (values, between, sizes) => {
          const bytes = Buffer.from(values.map((value) => JSON.stringify(value)).join(between))
          const splitter = createJsonSplitter()
          const seen: unknown[] = []
          for (let at = 0; at < bytes.length;) {
            const size = sizes[at % sizes.length] ?? 1
            for (const text of splitter.push(bytes.subarray(at, at + size))) seen.push(JSON.parse(text))
            at += size
          }
          return JSON.stringify(seen) === JSON.stringify(values)
        },
      ),
    ),
  )
})

t.test('a character of several bytes may be cut too', async (t) => {
  const bytes = Buffer.from('{"é€😀":"}"}')
  const splitter = createJsonSplitter()
  const texts = [...bytes].flatMap((byte) => splitter.push(Buffer.from([byte])))
  t.same(texts, ['{"é€😀":"}"}'])
})

t.test('refuses what is no JSON-RPC stream', async (t) => {
  t.throws(() => createJsonSplitter().push(Buffer.from('HTTP/1.1 400')), SyntaxError)
  t.throws(() => createJsonSplitter().push(Buffer.from('}')), SyntaxError)
  t.throws(() => createJsonSplitter(10).push(Buffer.from('{"key":"long value')), RangeError)
})
