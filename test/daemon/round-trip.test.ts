import fc from 'fast-check'
import t from 'tap'
import { stringify } from 'yaml'
import { toJson, toYaml } from '../../src/cli/format/output.ts'
import { dataCenterObject, instanceObject, linkObject } from '../../src/daemon/objects.ts'
import { isError } from '../../src/model/diagnostics.ts'
import type { ManifestDocument } from '../../src/model/documents.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { startDaemonWorld } from './world.ts'

// What `sonctl get -o yaml` and `-o json` print is a manifest that means the same.

const apiVersion = 'sond.dev/v1alpha1'
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const name = fc.constantFrom('a', 'demo', 'dc-1', '7')
const metadata = fc.record({
  name,
  labels: fc.dictionary(fc.constantFrom('team', 'x/y'), fc.constantFrom('', 'a', '1.10', 'true')),
})
/** Up to the 24 days and 1024 TB that manifests take. */
const duration = fc.oneof(
  fc
    .constantFrom(['ms', 999_999_999] as const, ['s', 2_147_483] as const, ['m', 35_791] as const)
    .chain(([unit, most]) => fc.nat(most).map((amount) => `${amount}${unit}`)),
  fc.constantFrom(0, '0.5ms', '1.001s', '0.000001ms', '1m30s', '1.1h', '0.1ms0.2ms', '123456.789s'),
)
const memory = fc.oneof(
  fc.record({
    size: fc.oneof(fc.nat(1024), fc.double({ min: 0, max: 1024, noNaN: true })),
    unit: fc.constantFrom('B', 'KB', 'MiB', 'G', 'TB'),
  }),
  fc.record({ size: fc.nat(), unit: fc.constantFrom('B', 'KB') }),
  fc.constantFrom('512MB', '1.5 GiB', '0.3KB'),
)
const flag = optional(fc.boolean())
const anyInstance = fc.record({
  apiVersion: fc.constant(apiVersion),
  kind: fc.constant('ServiceInstance'),
  metadata,
  spec: fc.record(
    {
      package: fc.constantFrom('chain', 'eu.sonata/chain:1.10', `sha256:${'a'.repeat(64)}`, 'x.son'),
      replicas: fc.nat(1000),
      suspend: fc.boolean(),
      state: fc.constantFrom('Running', 'Stopped'),
      driftMode: fc.constantFrom('Enforce', 'Warn'),
      saps: fc.record({ deploy: flag }),
      chaining: fc.record({
        bidirectional: flag,
        requireForwardingGraphs: flag,
        path: optional(fc.constantFrom('Hops', 'Delay')),
      }),
      management: fc.record({ dockerNetwork: flag }),
      placement: fc.record({ policy: optional(fc.constantFrom('First', 'RoundRobin')) }),
      images: fc.record({ forcePull: flag, buildDockerfiles: flag }),
      scripts: fc.record({ stopWait: optional(duration) }),
      functions: fc.uniqueArray(
        fc.record({
          vnfId: fc.constantFrom('fw', 'nat', '1'),
          replicas: optional(fc.integer({ min: 1, max: 64 })),
          dataCenter: optional(name),
          image: optional(fc.constantFrom('fw:1.10', 'registry.example:5000/fw')),
          env: optional(
            fc.dictionary(
              fc.constantFrom('A', 'B'),
              fc.oneof(fc.string(), fc.integer(), fc.constantFrom('yes', '1.10', '- a\\nb', '#', '~')),
            ),
          ),
          resources: optional(
            fc.record({
              cpu: fc.record({
                cores: optional(fc.constantFrom('0,1', '0-3', 2)),
                vcpus: optional(fc.integer({ min: 1, max: 64 })),
                bandwidth: optional(fc.double({ max: 4096, noNaN: true, noDefaultInfinity: true })),
              }),
              memory: optional(memory),
            }),
          ),
          privileged: flag,
        }),
        { selector: ({ vnfId }) => vnfId },
      ),
    },
    { requiredKeys: ['package'] },
  ),
})
const anyDataCenter = fc.record({
  apiVersion: fc.constant(apiVersion),
  kind: fc.constant('DataCenter'),
  metadata,
  spec: fc.record({
    capacity: fc.record({ cpu: optional(fc.double({ min: 0.001, max: 1e6, noNaN: true })), memory: optional(memory) }),
  }),
})
const anyLink = fc.record({
  apiVersion: fc.constant(apiVersion),
  kind: fc.constant('Link'),
  metadata,
  spec: fc.record({
    endpoints: fc.constant(['dc1', 'dc2']),
    bandwidth: optional(fc.constantFrom('100Mbps', '64kbit', '1.5Gbit/s', '1234567bps')),
    delay: optional(duration),
    jitter: optional(duration),
    loss: optional(fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.constantFrom('0.1%', '33.333333333%'))),
  }),
})

const documentsOf = (text: string): readonly ManifestDocument[] => {
  const { documents, diagnostics } = parseManifestFile('x.yaml', Buffer.from(text))
  const errors = diagnostics.filter(isError)
  if (errors.length > 0) throw new Error(`${errors.map(({ message }) => message).join('; ')} in\n${text}`)
  return documents.map(({ document }) => document)
}

const shown = (document: ManifestDocument): object => {
  const entry = {
    key: `${document.kind}/${document.metadata.name}` as const,
    source: { file: 'x.yaml', line: 1 },
    generation: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    accepted: true,
    diagnostics: [],
  }
  const status = { observedGeneration: 1, conditions: [] }
  switch (document.kind) {
    case 'ServiceInstance':
      return instanceObject({ ...entry, document }, { ...status, package: null, functions: [], links: [], saps: [] })
    case 'DataCenter':
      return dataCenterObject({ ...entry, document }, status)
    case 'Link':
      return linkObject({ ...entry, document }, status)
  }
}

// What is absent is written so, and not as empty.
const written = (value: object): string => stringify(JSON.parse(JSON.stringify(value)))

void t.test('what is shown of an object means the same as what was written', async (t) => {
  for (const any of [anyInstance, anyDataCenter, anyLink])
    fc.assert(
      fc.property(any, (value) => {
        const documents = documentsOf(written(value))
        const objects = documents.map(shown)
        for (const text of [
          ...objects.flatMap((one) => [toYaml(one), toJson(one)]),
          toYaml({ apiVersion, kind: 'List', items: objects }),
        ])
          t.strictSame(documentsOf(text), documents)
      }),
      { numRuns: 150 },
    )
})

void t.test('what get shows can be applied, and no file gets a status', async (t) => {
  const { backend, read, write } = await startDaemonWorld(t)
  const links = `apiVersion: ${apiVersion}\nkind: Link\nmetadata: {name: l}\nspec: {endpoints: [dc1, dc2], delay: 10ms}\n`
  const instance = `apiVersion: ${apiVersion}\nkind: ServiceInstance\nmetadata: {name: demo}\nspec: {package: chain, functions: [{vnfId: fw, env: {V: 1.10}}]}\n`
  await backend.apply(`${links}---\n${instance}`, { dryRun: false })
  const objects = [...(await backend.list('ServiceInstance')), ...(await backend.list('Link'))]
  const single = objects[0]
  if (single === undefined) throw new Error('the instance is there')
  t.match(await backend.apply(toYaml(single), { dryRun: false }), [
    { name: 'demo', action: 'configured', generation: 1 },
  ])
  const applied = await backend.apply(toYaml({ apiVersion, kind: 'List', items: objects }), { dryRun: false })
  t.match(applied, [
    { name: 'demo', action: 'unchanged', generation: 1 },
    { name: 'l', action: 'configured', generation: 1 },
  ])
  for (const file of ['serviceinstance-demo.yaml', 'link-l.yaml'])
    t.notMatch(await read(file), /status|uid|creationTimestamp|source|generation/, file)
  t.match(await backend.apply(toJson(single), { dryRun: false }), [{ name: 'demo', generation: 1 }])
  t.notMatch(await read('serviceinstance-demo.yaml'), /status|uid/)

  const [one, other] = ['x', 'y'].map((name) => ({ apiVersion, kind: 'DataCenter', metadata: { name }, spec: {} }))
  await write('list.yaml', toYaml({ apiVersion, kind: 'List', items: [one, other] }))
  t.same(
    (await backend.list('DataCenter')).map(({ metadata }) => metadata.name),
    ['x', 'y'],
  )
  await t.rejects(backend.apply(toYaml(one), { dryRun: false }), {
    code: 'CONFLICT',
    message: 'list.yaml defines DataCenter x beside other objects',
  })
  const aliased = `apiVersion: ${apiVersion}\nkind: List\nitems:\n  - &a {apiVersion: ${apiVersion}, kind: DataCenter, metadata: &m {name: z}}\n  - {apiVersion: ${apiVersion}, kind: Link, metadata: *m, spec: {endpoints: [x, y]}}\n`
  await t.rejects(backend.apply(aliased, { dryRun: false }), { code: 'INVALID', next: /alias/ })
})
