import t from 'tap'
import { formatDiagnostic } from '../../src/model/diagnostics.ts'
import { jsonSchemas } from '../../src/parse/json-schemas.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'

const parse = (text: string) => {
  const { documents, refused, diagnostics } = parseManifestFile('x.yaml', Buffer.from(text))
  const told = diagnostics.map((found) => `${found.severity} ${found.code} ${formatDiagnostic(found)}`)
  return { documents, refused, told }
}

const header = 'apiVersion: sond.dev/v1alpha1\n'
const shown = `${header}kind: DataCenter
metadata:
  name: dc1
  labels: {VERSION: 1.10}
  uid: 1-2
  generation: 3
  creationTimestamp: 2026-01-01T00:00:00.000Z
  deletionTimestamp: 2026-01-01T00:00:00.000Z
  source: dc.yaml:1
spec: {capacity: {cpu: 4}}
status: {observedGeneration: 3, conditions: []}
`

t.test('what the daemon adds to an object is ignored with a notice', (t) => {
  const { documents, told } = parse(shown)
  t.same(documents, [
    {
      line: 1,
      document: {
        kind: 'DataCenter',
        metadata: { name: 'dc1', labels: { VERSION: '1.10' } },
        spec: { capacity: { cpu: 4 } },
      },
    },
  ])
  t.same(told, [
    'notice WRITTEN_BY_DAEMON x.yaml:6:3: metadata.uid, metadata.generation, metadata.creationTimestamp, ' +
      'metadata.deletionTimestamp, metadata.source and status are written by the daemon and ignored here',
  ])
  const one = `${header}kind: DataCenter\nmetadata: {name: dc1}\nstatus:\n`
  t.match(parse(one).told, ['notice WRITTEN_BY_DAEMON x.yaml:4:1: status is written by the daemon and ignored here'])
  t.end()
})

t.test('everything else that is unknown stays an error', (t) => {
  const text = `${header}kind: DataCenter\nmetadata: {name: dc1, uuid: a, resourceVersion: 1}\nstate: {}\nspec: {status: 1}\n`
  t.match(
    parse(text).told.map((line) => line.replace(/ is not known.*/, '')),
    [
      'error UNKNOWN_FIELD x.yaml:3:23: the field "uuid"',
      'error UNKNOWN_FIELD x.yaml:3:32: the field "resourceVersion"',
      'error UNKNOWN_FIELD x.yaml:4:1: the field "state"',
      'error UNKNOWN_FIELD x.yaml:5:8: the field "status"',
    ],
  )
  t.end()
})

t.test('a list is the objects in it', (t) => {
  const list = `${header}kind: List
items:
  - apiVersion: sond.dev/v1alpha1
    kind: ServiceInstance
    metadata: {name: demo, uid: 1}
    spec: {package: chain, functions: [{vnfId: fw, env: {VERSION: 1.10}}]}
  - apiVersion: sond.dev/v1alpha1
    kind: Package
    metadata: {name: chain}
  - apiVersion: sond.dev/v1alpha1
    kind: File
    metadata: {name: x.yaml}
  - apiVersion: sond.dev/v1alpha1
    kind: DataCenter
    metadata: {name: dc1}
    spec: {capacty: {}}
  - apiVersion: sond.dev/v1alpha1
    kind: DataCenter
    metadata: {name: dc2}
`
  const { documents, refused, told } = parse(list)
  t.match(documents, [
    { line: 4, item: 0, document: { spec: { functions: [{ env: { VERSION: '1.10' } }] } } },
    { line: 18, item: 4, document: { kind: 'DataCenter' } },
  ])
  t.same(refused, [{ kind: 'DataCenter', name: 'dc1', line: 14 }])
  t.same(told, [
    'notice WRITTEN_BY_DAEMON x.yaml:6:28: metadata.uid is written by the daemon and ignored here',
    'notice NO_MANIFEST x.yaml:8:5: Package "chain" is defined by no manifest and ignored here',
    'notice NO_MANIFEST x.yaml:11:5: File "x.yaml" is defined by no manifest and ignored here',
    'error UNKNOWN_FIELD x.yaml:17:12: the field "capacty" is not known here; did you mean "capacity"?',
  ])
  t.end()
})

t.test('a list that is none', (t) => {
  const { refused, told } = parse(`${header}kind: List\nitems: 3\nmore: 1\n---\nkind: List\nitems: []\n`)
  t.same(refused, [
    { kind: 'List', line: 1 },
    { kind: 'List', line: 6 },
  ])
  t.same(told, [
    'error WRONG_TYPE x.yaml:3:8: items is the number 3; a list is right',
    'error UNKNOWN_FIELD x.yaml:4:1: the field "more" is not known here; known are apiVersion, kind, items',
    'error MISSING_FIELD x.yaml:6:1: apiVersion is missing; one of "sond.dev/v1alpha1" is right',
  ])
  t.end()
})

t.test("editors are told that these fields are the daemon's", (t) => {
  const { ServiceInstance, DataCenter, Link, SondConfiguration } = jsonSchemas()
  const readOnly = { readOnly: true }
  for (const schema of [ServiceInstance, DataCenter, Link])
    t.match(schema, { properties: { status: readOnly, metadata: { properties: { uid: readOnly, source: readOnly } } } })
  t.notMatch(SondConfiguration, { properties: { status: readOnly } })
  t.end()
})
