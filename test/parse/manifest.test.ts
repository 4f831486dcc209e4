import t from 'tap'
import { z } from 'zod'
import { formatDiagnostic } from '../../src/model/diagnostics.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { createReport } from '../../src/parse/report.ts'
import { reportIssues } from '../../src/parse/schema-issues.ts'
import { parseYaml } from '../../src/parse/yaml.ts'

const parse = (text: string) => parseManifestFile('demo.yaml', Buffer.from(text))
const errors = (text: string): string[] =>
  parse(text).diagnostics.map((found) => `${found.code} ${formatDiagnostic(found)}`)

const instance = (spec: string): string =>
  `apiVersion: sond.dev/v1alpha1\nkind: ServiceInstance\nmetadata: {name: demo}\nspec:\n${spec.replace(/^/gm, '  ')}\n`

t.test('a whole ServiceInstance', (t) => {
  const text = `apiVersion: sond.dev/v1alpha1
kind: ServiceInstance
metadata:
  name: demo
  labels: {team: a, example.org/tier: 1.10}
spec:
  package: eu.sonata/empty:0.1
  replicas: 2
  suspend: true
  state: Stopped
  driftMode: Warn
  saps: {deploy: true}
  chaining: {bidirectional: false, requireForwardingGraphs: true, path: Delay}
  management: {dockerNetwork: true}
  placement: {policy: First}
  functions:
    - vnfId: empty_vnf2
      replicas: 3
      dataCenter: dc2
      image: registry.example:5000/fw:2
      env: {MODE: strict, PORT: 8080, VERSION: 1.10, DEBUG: yes, ON: true}
      resources: {cpu: {cores: "0,1", vcpus: 2, bandwidth: 0.5}, memory: {size: 512, unit: MB}}
      privileged: true
    - vnfId: other
      resources: {cpu: {cores: 3}, memory: 1.5GB}
    - vnfId: third
      resources: {memory: {size: 1}}
    - {vnfId: fourth, resources: {}}
`
  const { documents, diagnostics, refused } = parse(text)
  t.strictSame(diagnostics, [])
  t.strictSame(refused, [])
  t.strictSame(documents, [
    {
      line: 1,
      document: {
        kind: 'ServiceInstance',
        metadata: { name: 'demo', labels: { team: 'a', 'example.org/tier': '1.10' } },
        spec: {
          package: { by: 'name', vendor: 'eu.sonata', name: 'empty', version: '0.1' },
          packageText: 'eu.sonata/empty:0.1',
          replicas: 2,
          suspend: true,
          state: 'Stopped',
          driftMode: 'Warn',
          settings: {
            deploySaps: true,
            bidirectional: false,
            requireForwardingGraphs: true,
            path: 'Delay',
            dockerManagement: true,
            placement: 'First',
          },
          functions: [
            {
              vnfId: 'empty_vnf2',
              replicas: 3,
              dataCenter: 'dc2',
              image: 'registry.example:5000/fw:2',
              env: { MODE: 'strict', PORT: '8080', VERSION: '1.10', DEBUG: 'yes', ON: 'true' },
              resources: { cpu: { cores: '0,1', vcpus: 2, bandwidth: 0.5 }, memoryBytes: 512 * 1024 ** 2 },
              privileged: true,
            },
            { vnfId: 'other', resources: { cpu: { cores: '3' }, memoryBytes: 1.5 * 1024 ** 3 } },
            { vnfId: 'third', resources: { cpu: {}, memoryBytes: 1024 ** 3 } },
            { vnfId: 'fourth', resources: { cpu: {} } },
          ],
        },
      },
    },
  ])
  t.end()
})

t.test('defaults of a ServiceInstance', (t) => {
  const [first] = parse(instance('package: demo')).documents
  t.strictSame(first?.document.spec, {
    package: { by: 'name', name: 'demo' },
    packageText: 'demo',
    replicas: 1,
    suspend: false,
    state: 'Running',
    driftMode: 'Enforce',
    settings: {},
    functions: [],
  })
  t.end()
})

t.test('data centers and links', (t) => {
  const { documents, diagnostics } = parse(`
apiVersion: sond.dev/v1alpha1
kind: DataCenter
metadata: {name: dc1}
---
apiVersion: sond.dev/v1alpha1
kind: DataCenter
metadata: {name: dc2, labels: {site: paris}}
spec: {capacity: {cpu: 8, memory: {size: 16, unit: GB}}}
---
apiVersion: sond.dev/v1alpha1
kind: Link
metadata: {name: dc1-dc2}
spec: {endpoints: [dc1, dc2], bandwidth: 100Mbps, delay: 10ms, jitter: 0, loss: 0.1%}
---
{"apiVersion": "sond.dev/v1alpha1", "kind": "Link", "metadata": {"name": "plain"}, "spec": {"endpoints": ["dc1", "dc2"], "loss": 2}}
`)
  t.strictSame(diagnostics, [])
  t.strictSame(
    documents.map(({ line, document }) => [line, document.metadata.name, document.spec]),
    [
      [2, 'dc1', { capacity: {} }],
      [6, 'dc2', { capacity: { cpu: 8, memoryBytes: 16 * 1024 ** 3 } }],
      [
        11,
        'dc1-dc2',
        { endpoints: ['dc1', 'dc2'], bandwidthBitsPerSecond: 1e8, delayMs: 10, jitterMs: 0, lossPercent: 0.1 },
      ],
      [16, 'plain', { endpoints: ['dc1', 'dc2'], lossPercent: 2 }],
    ],
  )
  t.end()
})

t.test('a file without content has no documents and no errors', (t) => {
  for (const text of ['', '\n', '# nothing yet\n', '---\n---\n']) {
    t.strictSame(parse(text), { documents: [], refused: [], diagnostics: [] })
  }
  t.end()
})

t.test('every error at once, each with its place and what would be right', (t) => {
  const text = `apiVersion: sond.dev/v1alpha1
kind: ServiceInstance
metadata:
  name: Demo_1
spec:
  package: a/b/c
  replica: 2
  replicas: -1
  suspend: yes
  state: Running!
  placement: {policy: roundrobin}
  functions:
    - vnfId: fw
      replicas: three
      env: {A: null}
      resources: {cpu: {bandwith: 0.5, cores: x}, memory: {size: 5, unit: XB}}
    - vnfId: fw
      image: UPPER
    - {}
`
  t.strictSame(errors(text), [
    'INVALID_VALUE demo.yaml:4:9: metadata.name is the text "Demo_1"; a name of 1 to 63 lower-case letters, digits and "-", with a letter or digit at both ends, is right',
    'INVALID_VALUE demo.yaml:6:12: spec.package is the text "a/b/c"; name, vendor/name, either with :version, sha256:DIGEST, or the name of a .son or .tgo file is right',
    'UNKNOWN_FIELD demo.yaml:7:3: the field "replica" is not known here; did you mean "replicas"?',
    'INVALID_VALUE demo.yaml:8:13: spec.replicas is the number -1; a whole number from 0 to 1000 is right',
    'WRONG_TYPE demo.yaml:9:12: spec.suspend is the text "yes"; true or false is right',
    'INVALID_VALUE demo.yaml:10:10: spec.state is the text "Running!"; one of "Running" and "Stopped" is right; did you mean "Running"?',
    'INVALID_VALUE demo.yaml:11:23: spec.placement.policy is the text "roundrobin"; one of "First", "RoundRobin" and "RoundRobinWithSaps" is right; did you mean "RoundRobin"?',
    'WRONG_TYPE demo.yaml:14:17: spec.functions[0].replicas is the text "three"; a whole number from 1 to 64 is right',
    'WRONG_TYPE demo.yaml:15:16: spec.functions[0].env.A is empty; text is right',
    'UNKNOWN_FIELD demo.yaml:16:25: the field "bandwith" is not known here; did you mean "bandwidth"?',
    'INVALID_VALUE demo.yaml:16:47: spec.functions[0].resources.cpu.cores is the text "x"; a set of CPU numbers such as "0,1" or "0-3" is right',
    'INVALID_VALUE demo.yaml:16:75: spec.functions[0].resources.memory.unit is the text "XB"; KB, MB, GB or TB is right',
    'DUPLICATE_VNF_ID demo.yaml:17:14: spec.functions[0] is for "fw" already; put both into one',
    'INVALID_VALUE demo.yaml:18:14: spec.functions[1].image is the text "UPPER"; an image reference in lower case such as "registry:5000/team/fw:2" is right',
    'MISSING_FIELD demo.yaml:19:7: spec.functions[2].vnfId is missing; a vnf_id of 1 to 63 letters, digits, "_" and "-" is right',
  ])
  t.strictSame(parse(text).refused, [{ kind: 'ServiceInstance', name: 'Demo_1', line: 1 }])
  t.end()
})

const one = (name: string, text: string, ...expected: string[]): void => {
  t.test(name, (t) => {
    t.strictSame(
      errors(text).map((line) => line.replace('demo.yaml:', '')),
      expected,
    )
    t.end()
  })
}

one(
  'a far field is not guessed at',
  instance('package: x\ncolour: red'),
  'UNKNOWN_FIELD 6:3: the field "colour" is not known here; known are package, replicas, suspend, state, driftMode, saps, chaining, management, placement, images, scripts, functions',
)
one(
  'the spec is missing',
  'apiVersion: sond.dev/v1alpha1\nkind: Link\nmetadata: {name: l}\n',
  'MISSING_FIELD 1:1: spec is missing; a map is right',
)
one('not a map', '- a\n', 'WRONG_TYPE 1:1: the document is a list; a map with apiVersion and kind is right')
one('just text', 'hello\n', 'WRONG_TYPE 1:1: the document is the text "hello"; a map with apiVersion and kind is right')
one(
  'no kind',
  'apiVersion: sond.dev/v1alpha1\n',
  'KIND 1:1: kind is missing; one of ServiceInstance, DataCenter and Link is right',
)
one(
  'another version',
  'apiVersion: sond.dev/v1\nkind: Link\nmetadata: {name: l}\nspec: {}\n',
  'API_VERSION 1:13: apiVersion is the text "sond.dev/v1"; "sond.dev/v1alpha1" is right',
)
one(
  'a kind with a slip',
  'apiVersion: v1\nkind: Datacentre\n',
  'API_VERSION 1:13: apiVersion is the text "v1"; "sond.dev/v1alpha1" is right',
  'KIND 2:7: kind is the text "Datacentre"; one of ServiceInstance, DataCenter and Link is right; did you mean "DataCenter"?',
)
one(
  'the settings of the daemon among the manifests',
  'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\n',
  'KIND 2:7: kind is the text "SondConfiguration"; one of ServiceInstance, DataCenter and Link is right. The settings of the daemon are given to it by --config',
)
one(
  'names that are no names',
  'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1, labels: {"a b": c, d: "e f", g: []}}\n',
  'INVALID_KEY 3:32: the key is "a b"; a label of up to 63 letters, digits, "-", "_" and "." is right',
  'INVALID_VALUE 3:45: metadata.labels.d is the text "e f"; up to 63 letters, digits, "-", "_" and "." are right',
  'WRONG_TYPE 3:55: metadata.labels.g is an empty list; text is right',
)
one(
  'a link of wrong values',
  'apiVersion: sond.dev/v1alpha1\nkind: Link\nmetadata: {name: l}\nspec: {endpoints: [a], bandwidth: 100, delay: 10, jitter: 1x, loss: 300%}\n',
  'INVALID_VALUE 4:19: spec.endpoints is a list; a list of two data centers such as [dc1, dc2] is right',
  'WRONG_TYPE 4:35: spec.bandwidth is the number 100; a rate such as "100Mbps" or "64kbps", up to 1000000Gbps, is right',
  'INVALID_VALUE 4:47: spec.delay is the number 10; a duration with a unit, such as "200ms", "5s" or "1m30s", up to 24 days, is right',
  'INVALID_VALUE 4:59: spec.jitter is the text "1x"; a duration with a unit, such as "200ms", "5s" or "1m30s", up to 24 days, is right',
  'INVALID_VALUE 4:69: spec.loss is the text "300%"; a share from "0%" to "100%" is right',
)
one(
  'a link to itself',
  'apiVersion: sond.dev/v1alpha1\nkind: Link\nmetadata: {name: l}\nspec: {endpoints: [a, a]}\n',
  'INVALID_VALUE 4:19: spec.endpoints is a list; two different data centers are right',
)
one(
  'an environment that is none',
  instance('package: x\nfunctions: [{vnfId: a, env: {"A B": c, D: "x\\0"}}, {vnfId: b, env: [x]}, 7]'),
  'INVALID_KEY 6:32: the key is "A B"; the name of an environment variable is right',
  'INVALID_VALUE 6:45: spec.functions[0].env.D is the text "x\\u0000"; text without NUL characters is right',
  'WRONG_TYPE 6:70: spec.functions[1].env is a list; a map is right',
  'WRONG_TYPE 6:76: spec.functions[2] is the number 7; a map is right',
)
one(
  'memory that is none',
  instance(
    'package: x\nfunctions: [{vnfId: a, resources: {memory: 12}}, {vnfId: b, resources: {memory: {size: -1}}}, {vnfId: c, resources: {memory: much}}]',
  ),
  'INVALID_VALUE 6:46: spec.functions[0].resources.memory is the number 12; a size such as {size: 512, unit: MB} or "512MB", up to 1024 TB, is right',
  'INVALID_VALUE 6:90: spec.functions[1].resources.memory.size is the number -1; a number from 0 on is right',
  'INVALID_VALUE 6:128: spec.functions[2].resources.memory is the text "much"; a size such as {size: 512, unit: MB} or "512MB", up to 1024 TB, is right',
)
one(
  'capacity beyond reason',
  'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\nspec: {capacity: {cpu: 0}}\n',
  'INVALID_VALUE 4:24: spec.capacity.cpu is the number 0; a number above 0 is right',
)
one(
  'bandwidth beyond reason',
  instance('package: x\nfunctions: [{vnfId: a, resources: {cpu: {bandwidth: 1.0e+9}}}]'),
  'INVALID_VALUE 6:55: spec.functions[0].resources.cpu.bandwidth is the number 1000000000; a number up to 4096 is right',
)
one(
  'functions that are no list',
  instance('package: x\nfunctions: {a: b}'),
  'WRONG_TYPE 6:14: spec.functions is a map; a list is right',
)
one(
  'metadata that is no map',
  'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: dc1\n',
  'WRONG_TYPE 3:11: metadata is the text "dc1"; a map is right',
)
one(
  'the same object twice',
  'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\n---\napiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\n',
  'DUPLICATE_OBJECT 7:18: DataCenter "dc1" is already defined in line 1; give it another name',
)

t.test('one bad document does not stop the others', (t) => {
  const good = 'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\n'
  const { documents, refused } = parse(
    `${good}---\nkind: Link\nmetadata: {name: [x]}\n---\n${good.replace('dc1', 'dc2')}`,
  )
  t.strictSame(
    documents.map(({ document }) => document.metadata.name),
    ['dc1', 'dc2'],
  )
  t.strictSame(refused, [{ kind: 'Link', line: 5 }])
  t.end()
})

one(
  'a state that is a number',
  instance('package: x\nstate: 1'),
  'INVALID_VALUE 6:10: spec.state is the number 1; one of "Running" and "Stopped" is right',
)

t.test('environments may be merged from an anchor', (t) => {
  const text = instance('package: x\nfunctions:\n  - {vnfId: a, env: &e {PORT: 8080}}\n  - {vnfId: b, env: {<<: *e}}')
  const [first] = parse(text).documents
  t.match(first?.document.spec, { functions: [{ env: { PORT: '8080' } }, { env: { PORT: '8080' } }] })
  t.end()
})

t.test('a file with errors without end: the first are told, and suggestions for the first of them', (t) => {
  const { diagnostics } = parse(
    instance(`package: x\n${Array.from({ length: 700 }, (_, index) => `replicas${String(index)}: 1`).join('\n')}`),
  )
  t.equal(diagnostics.length, 500)
  t.match(diagnostics[0]?.message, /did you mean "replicas"/)
  t.equal(diagnostics[499]?.message, 'the field "replicas499" is not known here')
  t.end()
})

t.test('issues of other schemas are put into words too', (t) => {
  const report = createReport('f.yaml')
  const [document] = parseYaml(Buffer.from('a: 1\nb: 2\nc: []\n'), report, { duplicateKeys: 'error' })
  if (document === undefined) throw new TypeError('not parsed')
  const schema = z.object({
    a: z.bigint(),
    b: z.number().multipleOf(7),
    c: z.array(z.string()).min(1),
    d: z.literal('x'),
  })
  reportIssues(schema.safeParse(document.value).error?.issues ?? [], document, report)
  t.match(
    report.diagnostics.map(({ message }) => message),
    [
      'a is the number 1; bigint is right',
      /^b is the number 2; .*multiple of 7/,
      'c is an empty list; a number from 1 on is right',
      'd is missing; one of "x" is right',
    ],
  )
  t.end()
})
