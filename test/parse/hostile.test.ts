import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { isError } from '../../src/model/diagnostics.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { corpusDirectory } from '../support/corpus.ts'
import { type Sample, type Yaml, entriesOf, link, sampleFiles, son, unit, zip } from './fixtures/sample.ts'

// Packages made to harm or to confuse, each with the verdict it must get, quickly. A directory of more of them, with an
// INDEX.json of {file, verdict}, is taken in where there is one (see corpusDirectory; its folder `hostile`).

type Verdict = 'accept' | 'warn' | 'reject' | 'either'

interface Case {
  readonly name: string
  readonly verdict: Verdict
  readonly bytes: () => Promise<Uint8Array>
}

/** Milliseconds of CPU, so that a busy machine does not count. */
const patience = 2_000

const sample = (name: string, verdict: Verdict, change: Sample): Case => ({ name, verdict, bytes: () => son(change) })

const nsdText = (text: string): Sample => ({ files: { 'service_descriptors/nsd.yml': text } })
const manifestText = (text: string): Sample => ({ files: { 'META-INF/MANIFEST.MF': text } })

const bomb = Array.from('abcdefghi')
  .map(
    (key, index) =>
      `${key}: &${key} [${Array.from({ length: 9 }, () => (index === 0 ? 'x' : `*${'abcdefghi'.charAt(index - 1)}`)).join(', ')}]`,
  )
  .join('\n')

const manyPoints = Array.from({ length: 300 }, (_, index) => ({ id: `if${String(index)}`, type: 'interface' }))
const manyLinks = Array.from({ length: 51 }, (_, index) =>
  link(`l${String(index)}`, 'E-LAN', 'vnf_a:mgmt', 'vnf_b:mgmt'),
)
const vdu = (more: Yaml): Sample => ({ a: { virtual_deployment_units: [unit(more)] } })

const own: readonly Case[] = [
  { name: 'the sample', verdict: 'accept', bytes: () => son() },
  {
    name: 'the sample, deflated',
    verdict: 'accept',
    bytes: () => zip(entriesOf(sampleFiles()).map((entry) => ({ ...entry, compress: true }))),
  },
  {
    name: 'a bomb of 64 MiB',
    verdict: 'reject',
    bytes: () =>
      zip([...entriesOf(sampleFiles()), { path: 'zeros', bytes: Buffer.alloc(64 * 1024 * 1024), compress: true }]),
  },
  sample('aliases that multiply, in the manifest', 'reject', manifestText(`${bomb}\n`)),
  sample('aliases that multiply, in the service', 'reject', nsdText(`${bomb}\n`)),
  sample('a value in itself', 'reject', nsdText('connection_points: &x [*x]\n')),
  sample('deep nesting in brackets', 'reject', nsdText('['.repeat(500_000))),
  sample('deep nesting in dashes', 'reject', nsdText('- '.repeat(400_000))),
  sample('deep nesting in closed brackets', 'reject', nsdText('['.repeat(200_000) + ']'.repeat(200_000))),
  sample(
    'many keys',
    'reject',
    nsdText(Array.from({ length: 90_000 }, (_, index) => `k${String(index)}: 1`).join('\n')),
  ),
  sample('a long number', 'reject', nsdText(`a: ${'9'.repeat(500_000)}\n`)),
  sample('many documents', 'reject', nsdText('---\na\n'.repeat(100_000))),
  sample('an object of Python', 'reject', manifestText('!!python/object/apply:os.system ["id"]\n')),
  sample('a tag', 'reject', nsdText('a: !foo x\n')),
  sample('a prototype', 'reject', nsdText('__proto__: {network_functions: []}\n')),
  sample('300 interfaces', 'accept', { a: { connection_points: manyPoints }, nsd: { virtual_links: [] } }),
  sample('51 links', 'accept', { nsd: { virtual_links: manyLinks } }),
  sample('a function of another version', 'warn', { a: { version: '9' } }),
  sample('a known function without such a point', 'warn', {
    nsd: { virtual_links: [link('a', 'E-Line', 'vnf_a:nothere', 'vnf_b:input')] },
  }),
  sample('shell in an interface name', 'reject', { a: { connection_points: [{ id: 'x;touch y' }] } }),
  sample('shell in an access point', 'reject', { nsd: { connection_points: [{ id: 'x;touch y', type: 'external' }] } }),
  sample('an option for an image', 'reject', vdu({ vm_image: '-v/:/host' })),
  sample('a CPU set with an option', 'reject', vdu({ resource_requirements: { cpu: { cores: '0 --privileged' } } })),
  sample('privileges', 'accept', vdu({ privileged: true, network_mode: 'host', cap_add: ['ALL'] })),
  sample('a description with an escape sequence', 'accept', { manifest: { description: '\u001b]0;x\u0007' } }),
]

const corpus = await corpusDirectory()
const folder = corpus === undefined ? '' : join(corpus, 'hostile')

/** Verdicts of the corpus that genuine packages contradict: docs/adr says why. */
const genuineWins: Readonly<Record<string, Verdict>> = { 'link-unknown-cp.son': 'warn' }

const given = (): Case[] => {
  if (folder === '') return []
  const index = JSON.parse(readFileSync(join(folder, 'INDEX.json'), 'utf8')) as { file: string; verdict: Verdict }[] // the corpus documents it so
  return index.map(({ file, verdict }) => ({
    name: file,
    verdict: genuineWins[file] ?? verdict,
    bytes: async () => readFileSync(join(folder, file)),
  }))
}

const allowed: Readonly<Record<Verdict, readonly string[]>> = {
  accept: ['accept', 'warn'],
  warn: ['warn'],
  reject: ['reject'],
  either: ['accept', 'warn', 'reject'],
}

for (const { name, verdict, bytes } of [...own, ...given()]) {
  t.test(`${name}: ${verdict}`, async (t) => {
    const input = await bytes()
    const before = process.cpuUsage()
    const { package: found, diagnostics } = await parsePackage('pack.son', bytesInMemory(input))
    const { user, system } = process.cpuUsage(before)
    t.ok(
      (user + system) / 1_000 < patience,
      `in ${String(Math.round((user + system) / 1_000))} ms of ${String(patience)}`,
    )
    const got = diagnostics.some(isError) ? 'reject' : diagnostics.length > 0 ? 'warn' : 'accept'
    t.ok(allowed[verdict].includes(got), `${got}: ${diagnostics.map(({ message }) => message).join('; ')}`)
    t.equal(found === undefined, got === 'reject')
    // Nothing that moves a cursor may reach a terminal.
    for (const { message, file, path } of diagnostics) t.notMatch(message + file + path, /\p{Cc}/u)
  })
}

t.test('nothing was written anywhere', (t) => {
  const left = existsSync('/tmp') ? readdirSync('/tmp').filter((name) => name.startsWith('son-hostile-pwned')) : []
  t.strictSame(left, [])
  t.end()
})
