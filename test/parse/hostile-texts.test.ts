import t from 'tap'
import { checkRows, type HostileRow } from '../support/hostile-rows.ts'
import { craftZip, stored } from '../support/hostile-zip.ts'
import { sampleFiles } from './fixtures/sample.ts'

// What YAML lets one write, in the four places where somebody's YAML is read: a manifest, and a package's manifest, service and function.
// Each is refused with one error that names file and line and says what would be right, or means what it says.

const header = 'apiVersion: sond.dev/v1alpha1\nkind: ServiceInstance\n'
const whole = `${header}metadata: {name: demo}\nspec: {package: p}\n`
const nsdPath = 'service_descriptors/nsd.yml'
const vnfdPath = 'function_descriptors/a.yml'

const packed = (path: string, bytes: string | Uint8Array): Buffer =>
  craftZip([...sampleFiles().set(path, Buffer.from(bytes))].map(([name, content]) => stored(name, content)))

const original = (path: string): string => (sampleFiles().get(path) ?? '').toString()

type Expectation = Pick<HostileRow, 'refused' | 'notices'>

const manifest = (name: string, text: string | Uint8Array, expected: Expectation = {}): HostileRow => ({
  name: `${name}, in a manifest`,
  file: 'm.yaml',
  bytes: Buffer.from(text),
  ...expected,
})

/** In a descriptor. Its sum is wrong then, which is worth a notice. */
const descriptor = (
  name: string,
  text: string | Uint8Array,
  expected: Expectation = {},
  path = nsdPath,
): HostileRow => ({
  name: `${name}, in ${path}`,
  file: 'p.son',
  bytes: packed(path, text),
  ...expected,
  ...(expected.refused === undefined ? { notices: ['CHECKSUM', ...(expected.notices ?? [])] } : {}),
})

const no = (where: string, message: RegExp): Expectation => ({ refused: [where, message] })

/** The same text refused in a manifest, in the service and in the package's manifest, on the same line. */
const everywhere = (
  name: string,
  text: string | Uint8Array,
  code: string,
  line: number,
  message: RegExp,
): readonly HostileRow[] => [
  manifest(name, text, no(`${code} m.yaml:${String(line)}`, message)),
  descriptor(name, text, no(`${code} p.son!/${nsdPath}:${String(line)}`, message)),
  descriptor(name, text, no(`${code} p.son!/${vnfdPath}:${String(line)}`, message), vnfdPath),
  descriptor(name, text, no(`${code} p.son!/META-INF/MANIFEST.MF:${String(line)}`, message), 'META-INF/MANIFEST.MF'),
]

const bomb = Array.from('abcdefghi')
  .map(
    (key, index, keys) =>
      `${key}: &${key} [${Array.from({ length: 9 }, () => (index === 0 ? 'x' : `*${keys[index - 1] ?? ''}`)).join(', ')}]`,
  )
  .join('\n')

const mergeBomb = `a: &a {${Array.from({ length: 1_000 }, (_, index) => `k${String(index)}: 1`).join(', ')}}\nb: {<<: [${'*a, '.repeat(200)}]}\n`

t.test('aliases, anchors, tags and merge keys', (t) =>
  checkRows(t, [
    ...everywhere('aliases that multiply', bomb, 'TOO_LARGE', 1, /more than 100000 values \(aliases counted in full\)/),
    ...everywhere('merges that multiply', mergeBomb, 'TOO_LARGE', 1, /more than 100000 values/),
    ...everywhere('a value in itself', 'a: 1\nb: &x [*x]\n', 'YAML_ALIAS', 2, /contains itself/),
    ...everywhere('an alias to nothing', 'a: *nowhere\n', 'YAML_ALIAS', 1, /no anchor "&nowhere" stands before/),
    ...everywhere(
      'a tag of Python',
      'a: !!python/object/apply:os.system ["id"]\n',
      'YAML_TAG',
      1,
      /write plain values without a tag/,
    ),
    ...everywhere('a tag of JavaScript', 'a: !!js/function "x"\n', 'YAML_TAG', 1, /write plain values without a tag/),
    ...everywhere('a binary', 'a: !!binary "eA=="\n', 'YAML_TAG', 1, /write plain values without a tag/),
    ...everywhere('a merge of a text', '<<: text\na: 1\n', 'YAML_MERGE', 1, /takes a map or a list of maps/),
    manifest('an anchor and a merge', `${header}metadata: &m {name: demo}\nspec: {<<: {package: p}}\n`),
    descriptor(
      'an anchor and an alias',
      `vendor: &v example\n${original(nsdPath).replace('vendor: example', 'author: *v')}`,
    ),
  ]),
)

t.test('long, deep and many', (t) =>
  checkRows(t, [
    ...everywhere(
      'a text of 10 MB',
      `a: ${'x'.repeat(10_000_000)}\n`,
      'TOO_LARGE',
      1,
      /at most (?:524288|8388608) are read|too large to be a descriptor/,
    ),
    ...everywhere(
      'a text of 500 KB in quotes',
      `a: "${'x'.repeat(500_000)}\n`,
      'YAML_SYNTAX',
      2,
      /not YAML: missing closing "quote/,
    ),
    ...everywhere('brackets', `a: ${'['.repeat(500_000)}`, 'TOO_DEEP', 1, /nested more than 200 deep/),
    ...everywhere(
      'closed brackets',
      `a: ${'['.repeat(150)}${']'.repeat(150)}`,
      'TOO_DEEP',
      1,
      /nested more than 64 deep/,
    ),
    ...everywhere('lists in lists', '- '.repeat(5_000), 'TOO_DEEP', 1, /nested more than 200 deep/),
    ...everywhere(
      'maps in maps',
      Array.from({ length: 400 }, (_, index) => `${' '.repeat(index)}a:`).join('\n'),
      'TOO_DEEP',
      201,
      /nested more than 200 deep/,
    ),
    ...everywhere('documents', '---\na\n'.repeat(2_000), 'TOO_LARGE', 1, /2000 documents; at most 1000 are read/),
    ...everywhere(
      'values',
      `a: [${'1,'.repeat(200_000)}]`,
      'TOO_LARGE',
      1,
      /more than 20000 marks and lines up to here; split/,
    ),
    ...everywhere('commas', `a: [${','.repeat(500_000)}]`, 'TOO_LARGE', 1, /more than 20000 marks and lines/),
    ...everywhere('as many commas as are read', `a: [${','.repeat(19_000)}]`, 'YAML_SYNTAX', 1, /unexpected , in flow/),
    descriptor(
      'as many values as are read',
      `a: [${'1,'.repeat(19_000)}]\nname: s`,
      no(`NO_FUNCTIONS p.son!/${nsdPath}:1`, /a list with vnf_id/),
    ),
    descriptor(
      'more descriptors than are read',
      `a: [${'1,'.repeat(19_950)}]`,
      no(`TOO_LARGE p.son!/${nsdPath}:1`, /the descriptors up to this one have more than 20000 marks/),
    ),
    descriptor(
      '100 000 functions',
      `name: s\nnetwork_functions:\n${'- {vnf_id: a}\n'.repeat(100_000)}`,
      no(`TOO_LARGE p.son!/${nsdPath}:1`, /too large to be a descriptor|at most 524288 are read|1048576 bytes in all/),
    ),
    descriptor(
      '100 000 functions by aliases',
      `name: s\nf: &f {vnf_id: a, vnf_name: a}\ng: &g [${'*f,'.repeat(1_000)}]\nnetwork_functions: [${'*g,'.repeat(100)}]`,
      no(`TOO_LARGE p.son!/${nsdPath}:2`, /more than 100000 values \(aliases counted in full\)/),
    ),
    descriptor(
      'a thousand functions and one more',
      `name: s\nnetwork_functions: [${'{},'.repeat(1_001)}]`,
      no(`TOO_LARGE p.son!/${nsdPath}:2`, /1001 network functions; at most 1000 are read/),
    ),
    manifest(
      '100 000 copies',
      whole.replace('package: p', 'package: p, replicas: 100000'),
      no('INVALID_VALUE m.yaml:4', /a whole number from 0 to 1000 is right/),
    ),
    manifest(
      '100 000 replicas of a function',
      whole.replace('package: p', 'package: p, functions: [{vnfId: a, replicas: 100000}]'),
      no('INVALID_VALUE m.yaml:4', /a whole number from 1 to 64 is right/),
    ),
  ]),
)

t.test('bytes, line ends and keys', (t) => {
  const nsd = original(nsdPath)
  return checkRows(t, [
    ...everywhere('a NUL', 'a: 1\nb: x\0\n', 'CONTROL_CHARACTER', 2, /U\+0000 is not allowed in YAML; remove it/),
    ...everywhere('an escape', 'a: \u001b[2J\n', 'CONTROL_CHARACTER', 1, /U\+001B is not allowed/),
    ...everywhere(
      'bytes that are no UTF-8',
      Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]),
      'NOT_TEXT',
      1,
      /not UTF-8; save the file as UTF-8/,
    ),
    ...everywhere('a tab as indentation', 'a:\n\tb: 1\n', 'YAML_SYNTAX', 2, /tabs/i),
    manifest('a mark, and the line ends of Windows', `\ufeff${whole.replaceAll('\n', '\r\n')}`),
    manifest('UTF-16', Buffer.from(`\ufeff${whole}`, 'utf16le')),
    manifest('the line ends of old Macs', whole.replaceAll('\n', '\r')),
    descriptor('a mark, and the line ends of Windows', `\ufeff${nsd.replaceAll('\n', '\r\n')}`),
    descriptor('a tab behind a value', nsd.replace('vendor: example', 'vendor: example\t')),
    manifest(
      'a key twice',
      `${whole}spec: {package: q}\n`,
      no('DUPLICATE_KEY m.yaml:5', /"spec" is already in this map; keep one of them/),
    ),
    descriptor('a key twice', `${nsd}vendor: other\n`, { notices: ['DUPLICATE_KEY'] }),
    manifest('a prototype', `${whole}__proto__: {polluted: 1}\n`, no('UNKNOWN_FIELD m.yaml:5', /__proto__/)),
    manifest(
      'a prototype below',
      whole.replace('{package: p}', '{package: p, __proto__: {replicas: 9}}'),
      no('UNKNOWN_FIELD m.yaml:4', /__proto__/),
    ),
    manifest(
      'a constructor',
      whole.replace('{name: demo}', '{name: demo, constructor: {prototype: {x: 1}}}'),
      no('UNKNOWN_FIELD m.yaml:3', /constructor/),
    ),
    manifest(
      'a prototype among labels',
      whole.replace('{name: demo}', '{name: demo, labels: {__proto__: {x: 1}}}'),
      no('INVALID_KEY m.yaml:3', /"__proto__", which cannot be kept; another name is right/),
    ),
    manifest(
      'a prototype in an environment',
      whole.replace('{package: p}', '{package: p, functions: [{vnfId: a}, {vnfId: b, env: {A: b, __proto__: c}}]}'),
      no('INVALID_KEY m.yaml:4', /"__proto__", which cannot be kept; another name is right/),
    ),
    manifest(
      'more memory than there is',
      whole.replace(
        '{package: p}',
        '{package: p, functions: [{vnfId: a, resources: {memory: {size: 1e30, unit: MB}}}]}',
      ),
      no('INVALID_VALUE m.yaml:4', /memory\.size is the number 1e\+30; at most 1024 TB is right/),
    ),
    descriptor('a prototype', `__proto__: {network_functions: []}\n${nsd}`),
    descriptor(
      'only a prototype',
      '__proto__: {name: s, network_functions: []}\n',
      no(`NO_FUNCTIONS p.son!/${nsdPath}:1`, /a list with vnf_id and vnf_name is right/),
    ),
  ])
})
