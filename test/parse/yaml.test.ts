import t from 'tap'
import { LineCounter, parseDocument } from 'yaml'
import { createReport } from '../../src/parse/report.ts'
import { parseYaml, pathText } from '../../src/parse/yaml.ts'
import { parseText } from '../../src/parse/yaml-text.ts'
import { type YamlOptions, convertNode, createFinder } from '../../src/parse/yaml-nodes.ts'

const parse = (text: string | Buffer, duplicateKeys: YamlOptions['duplicateKeys'] = 'error') => {
  const report = createReport('f.yaml')
  const documents = parseYaml(Buffer.from(text), report, { duplicateKeys })
  const found = report.diagnostics.map(
    ({ code, line, column, path }) => `${code} ${line}:${column}${path === '' ? '' : ` ${path}`}`,
  )
  const values = documents.map(({ value }): unknown => JSON.parse(JSON.stringify(value)))
  return { documents, found, values }
}

t.test('documents and their lines', (t) => {
  const { documents, values, found } = parse(
    '# first\na: 1\n---\n# nothing\n---\n- [x, 1.5, true, null]\n...\n---\n{"b": {}}\n',
  )
  t.strictSame(values, [{ a: 1 }, [['x', 1.5, true, null]], { b: {} }])
  t.strictSame(
    documents.map(({ line }) => line),
    [2, 6, 9],
  )
  t.strictSame(found, [])
  t.end()
})

t.test('a file without content has no documents', (t) => {
  for (const text of ['', '\n\n', '# only a comment\n', '---\n', '---\n# x\n---\n', '~\n']) {
    t.strictSame(parse(text), { documents: [], found: [], values: [] }, JSON.stringify(text))
  }
  t.end()
})

t.test('encodings and line ends', (t) => {
  const text = 'a: 1\nb: ü\n'
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')])
  const swapped = Buffer.from(utf16)
  swapped.swap16()
  const same = {
    'UTF-8': Buffer.from(text),
    'with BOM': Buffer.from(`\ufeff${text}`),
    'UTF-16LE': utf16,
    'UTF-16BE': swapped,
    CRLF: text.replaceAll('\n', '\r\n'),
    CR: text.replaceAll('\n', '\r'),
  }
  for (const [name, bytes] of Object.entries(same)) {
    const { values, documents } = parse(bytes)
    t.strictSame(values, [{ a: 1, b: 'ü' }], name)
    t.strictSame(documents[0]?.placeOf(['b']), { line: 2, column: 4, path: 'b' }, name)
  }
  t.strictSame(parse(Buffer.concat([Buffer.from('a: 1\nb: '), Buffer.from([0xfc, 0x0a])])).found, ['NOT_TEXT 2:4'])
  t.strictSame(parse(Buffer.from([0xff, 0xfe, 0x00, 0xd8])).found, ['NOT_TEXT 1:1'])
  t.end()
})

t.test('what is refused, and where', (t) => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from('bcdefghi')
    .map(
      (key, index) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdefgh'.charAt(index)}`).join(',')}]`,
    )
    .join('\n')}`
  const rows: Readonly<Record<string, readonly [string, string]>> = {
    'a syntax error': ['a: 1\nb: [1\n', 'YAML_SYNTAX 3:1'],
    'a tab as indentation': ['a:\n\tb: 1\n', 'YAML_SYNTAX 2:1'],
    'a NUL': ['a: 1\nb: x\0\n', 'CONTROL_CHARACTER 2:5'],
    'an escape character': ['a: \u001b[2J\n', 'CONTROL_CHARACTER 1:4'],
    'a tag of somebody': ['a: !!python/object/apply:os.system ["id"]\n', 'YAML_TAG 1:36 a'],
    'a local tag': ['a: !foo 1\n', 'YAML_TAG 1:9 a'],
    'a key twice': ['a: 1\nb:\n  c: 1\n  c: 2\n', 'DUPLICATE_KEY 4:3 b.c'],
    'a key that is a list': ['? [a]\n: 1\n', 'YAML_KEY 1:3'],
    'an alias to nothing': ['a: *b\n', 'YAML_ALIAS 1:4 a'],
    'a value in itself': ['a: &a [*a]\n', 'YAML_ALIAS 1:7 a[0]'],
    'a merge of a scalar': ['<<: 1\na: 2\n', 'YAML_MERGE 1:1'],
    'too many values': [bomb, 'TOO_LARGE 1:22 f[0][2][0][5][4][7]'],
    'too deep': [`${'['.repeat(80)}${']'.repeat(80)}`, `TOO_DEEP 1:66 ${'[0]'.repeat(65)}`],
    'too many documents': ['---\na\n'.repeat(1_001), 'TOO_LARGE 1:1'],
    'too many brackets': [`a: 1\nb: ${'['.repeat(1_100)}`, 'TOO_DEEP 2:202'],
    'too many bytes': [`a: ${'x'.repeat(1024 * 1024)}`, 'TOO_LARGE 1:1'],
  }
  for (const [name, [text, expected]] of Object.entries(rows)) {
    const { found } = parse(text)
    t.equal(found.length, 1, name)
    t.equal(found[0], expected, name)
  }
  t.end()
})

t.test('documents before a broken one are kept', (t) => {
  const { values, found } = parse('a: 1\n---\nb: [\n---\nc: 1\n')
  t.strictSame(values, [{ a: 1 }])
  t.equal(found.length, 1)
  t.end()
})

t.test('a key twice in a descriptor: the last one counts', (t) => {
  const { values, found, documents } = parse('a: 1\na: 2\n', 'last')
  t.strictSame(values, [{ a: 2 }])
  t.strictSame(found, ['DUPLICATE_KEY 2:1 a'])
  t.strictSame(documents[0]?.placeOf(['a']), { line: 2, column: 4, path: 'a' })
  t.end()
})

t.test('aliases and merge keys mean what they name', (t) => {
  const { values, documents, found } = parse(
    'base: &b {x: 1, y: 2}\nlist: [&k k, *k]\none:\n  <<: *b\n  y: 3\ntwo: {<<: [*b, {z: 4}]}\n? *k\n: v\nthree: {<<: }\nfour: {<<}\n',
  )
  t.strictSame(found, [])
  t.strictSame(values, [
    {
      base: { x: 1, y: 2 },
      list: ['k', 'k'],
      one: { y: 3, x: 1 },
      two: { x: 1, y: 2, z: 4 },
      k: 'v',
      three: {},
      four: {},
    },
  ])
  t.equal(documents[0]?.sourceOf(['k']), 'v')
  t.strictSame(documents[0]?.placeOf(['one', 'x']), { line: 4, column: 3, path: 'one.x' })
  t.end()
})

t.test('keys with a meaning in JavaScript are keys like others', (t) => {
  const { documents } = parse('__proto__: {polluted: 1}\nconstructor: 1\ntoString: 2\n')
  const value = Object(documents[0]?.value) as object // Object gives any
  t.strictSame(Object.keys(value), ['__proto__', 'constructor', 'toString'])
  t.equal(Object.getPrototypeOf(value), null)
  t.notOk('polluted' in {})
  t.end()
})

t.test('positions, sources and quotation marks', (t) => {
  const [document] = parse('a:\n  - b: 0.10\n    c: "x"\n  - 7\nd:\n1: one\n').documents
  t.strictSame(document?.placeOf(['a', 0, 'b']), { line: 2, column: 8, path: 'a[0].b' })
  t.strictSame(document?.placeOfKey(['a', 0, 'b']), { line: 2, column: 5, path: 'a[0].b' })
  t.strictSame(document?.placeOf(['a', 0, 'x', 'y']), { line: 2, column: 5, path: 'a[0].x.y' })
  t.strictSame(document?.placeOf(['a', 'x']), { line: 2, column: 3, path: 'a.x' })
  t.strictSame(document?.placeOf(['d', 'e']).line, 5)
  t.strictSame(document?.placeOfKey(['nothing']), { line: 1, column: 1, path: 'nothing' })
  t.strictSame(document?.placeOfKey([]), { line: 1, column: 1, path: '' })
  t.strictSame(document?.placeOfKey(['a', 9, 'x']).line, 2)
  t.equal(document?.sourceOf(['a', 0, 'b']), '0.10')
  t.equal(document?.sourceOf(['a', 0, 'c']), 'x')
  t.equal(document?.sourceOf(['a']), undefined)
  t.equal(document?.sourceOf(['a', 9]), undefined)
  t.equal(document?.sourceOf(['1']), 'one')
  t.equal(document?.isPlain(['a', 1]), true)
  t.equal(document?.isPlain(['a', 0, 'c']), false)
  t.equal(document?.isPlain(['zzz']), false)
  t.equal(pathText(['a', 0, 'b']), 'a[0].b')
  t.end()
})

t.test('lone surrogates become well-formed text', (t) => {
  const { documents } = parse('a: "\\ud800"\n')
  t.match(documents[0]?.value, { a: '\ufffd' })
  t.end()
})

t.test('keys without text, keys in braces without value', (t) => {
  const { documents, values } = parse('? \n: 1\nb: {c, d: 1}\n')
  t.strictSame(values, [{ '': 1, b: { c: null, d: 1 } }])
  t.strictSame(documents[0]?.placeOf(['b', 'c', 'x']), { line: 3, column: 5, path: 'b.c.x' })
  t.end()
})

t.test('a tree is searched with what it has', (t) => {
  const { contents } = parseDocument('a: *nowhere\n? [b]\n: 1\n')
  if (contents === null) throw new TypeError('not parsed')
  const find = createFinder(contents, new Map())
  t.equal(find.node(['a']).exact, true)
  t.equal(find.node(['a', 'b']).exact, false)
  t.equal(find.node(['b']).exact, false)
  t.end()
})

t.test('a text too deep for the stack that is left is refused', (t) => {
  /** Calls itself until the stack ends, then works with the first bit of it that is enough to work at all. */
  const atTheEnd = (work: () => readonly string[]): readonly string[] => {
    try {
      return atTheEnd(work)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return work()
    }
  }
  t.strictSame(
    atTheEnd(() => parse(`${'['.repeat(190)}${']'.repeat(190)}`).found),
    ['TOO_DEEP 1:1'],
  )
  t.end()
})

t.test('other faults of the library are faults', (t) => {
  const lines = new LineCounter()
  lines.addNewLine = () => Number.prototype.valueOf.call('x')
  t.throws(() => parseText('a: 1\n', lines), TypeError)
  lines.addNewLine = () => {
    throw new RangeError('the stack is at its end')
  }
  t.equal(parseText('a: 1\n', lines), undefined)
  t.end()
})

t.test('a fault of the parser itself is not taken for a fault of the file', (t) => {
  const { contents } = parseDocument('a: 1\n')
  if (contents === null) throw new TypeError('not parsed')
  Object.defineProperty(contents, 'tag', { get: () => Number.prototype.toString.call('x') })
  t.throws(() => convertNode(contents, { duplicateKeys: 'error' }, () => undefined), TypeError)
  t.end()
})
