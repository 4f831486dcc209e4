import fc from 'fast-check'
import t from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { isError } from '../../src/model/diagnostics.ts'
import { parseConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { validateFile } from '../../src/parse/validate.ts'
import { type Yaml, entriesOf, nsd, sampleFiles, son, vnfd, zip } from './fixtures/sample.ts'

// Whatever comes in, a parser answers: it never throws, and it gives either a result or an error that says why not.

const runs = { numRuns: 100 }

t.test('arbitrary bytes', async (t) => {
  const file = fc.constantFrom('a.son', 'a.tgo', 'a.yaml', 'a.json')
  await fc.assert(
    fc.asyncProperty(file, fc.uint8Array({ maxLength: 400 }), async (name, bytes) => {
      await validateFile(name, bytesInMemory(bytes))
      parseConfiguration('c.yaml', bytes)
    }),
    runs,
  )
  t.pass()
})

t.test('text of characters that mean something to YAML', async (t) => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('ab1 \n\t:-?[]{},&*!|>\'"%@`#<~')), maxLength: 120 })
  fc.assert(
    fc.property(text, (content) => {
      const { documents, diagnostics } = parseManifestFile('a.yaml', Buffer.from(content))
      return documents.length === 0 && diagnostics.every(isError)
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('manifests with any value in any place', async (t) => {
  const value = fc.jsonValue({ maxDepth: 2 })
  const keys = ['apiVersion', 'kind', 'metadata', 'spec'] as const
  const specKeys = [
    'package',
    'replicas',
    'functions',
    'saps',
    'placement',
    'endpoints',
    'loss',
    'delay',
    'capacity',
    'pools',
    'listen',
  ]
  fc.assert(
    fc.property(
      fc.constantFrom('ServiceInstance', 'DataCenter', 'Link', 'SondConfiguration'),
      fc.constantFrom(...keys),
      fc.constantFrom(...specKeys),
      value,
      fc.boolean(),
      (kind, key, specKey, any, inSpec) => {
        const document: Yaml = { apiVersion: 'sond.dev/v1alpha1', kind, metadata: { name: 'x' }, spec: {} }
        if (inSpec) document['spec'] = { [specKey]: any }
        else document[key] = any
        const bytes = Buffer.from(JSON.stringify(document))
        for (const found of [
          ...parseManifestFile('a.json', bytes).diagnostics,
          ...parseConfiguration('a.json', bytes).diagnostics,
        ]) {
          if (found.line < 1 || found.column < 1 || found.message === '') return false
        }
        return true
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('packages with one byte changed', async (t) => {
  const original = await son()
  await fc.assert(
    fc.asyncProperty(fc.nat(original.length - 1), fc.nat(255), async (at, byte) => {
      const bytes = Buffer.from(original)
      bytes[at] = byte
      const { package: found, diagnostics } = await parsePackage('a.son', bytesInMemory(bytes))
      return (found === undefined) === diagnostics.some(isError)
    }),
    { numRuns: 250 },
  )
  t.pass()
})

t.test('packages that end too early', async (t) => {
  const original = await son()
  await fc.assert(
    fc.asyncProperty(fc.nat(original.length - 1), async (length) => {
      const { package: found } = await parsePackage('a.son', bytesInMemory(original.subarray(0, length)))
      return found === undefined
    }),
    runs,
  )
  t.pass()
})

/** All paths in a descriptor. */
const pathsOf = (value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] => {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
    pathsOf(part, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  return path.length === 0 ? inner : [path, ...inner]
}

const withValue = (root: Yaml, path: readonly (string | number)[], value: unknown): Yaml => {
  const copy = structuredClone(root)
  const last = path.at(-1)
  // Every path comes from pathsOf, so each holder is there.
  const holder = path.slice(0, -1).reduce<unknown>((inner, part) => (inner as Yaml)[part], copy)
  if (last !== undefined) (holder as Yaml)[last] = value // as above
  return copy
}

t.test('descriptors with any value in any place', async (t) => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('vnf_a:input', 'a:b', '', -1, 1e30, [], {}, null, 'docker', 'file:///x'),
  )
  const service = nsd()
  const unitOf = { id: 'u2', vm_image: 'x', vm_image_format: 'docker', connection_points: [{ id: 'p' }] }
  const several = vnfd('a', {
    virtual_deployment_units: [{ ...unitOf, id: 'u1' }, unitOf],
    virtual_links: [{ id: 'l', connectivity_type: 'E-LAN', connection_points_reference: ['u1:p', 'u2:p', 'input'] }],
  })
  const cases = [
    ...pathsOf(service).map((path) => ({ in: 'nsd' as const, path })),
    ...pathsOf(several).map((path) => ({ in: 'a' as const, path })),
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...cases), value, async (where, any) => {
      const change =
        where.in === 'nsd'
          ? { nsd: withValue(service, where.path, any), a: several }
          : { a: withValue(several, where.path, any) }
      const bytes = await zip(entriesOf(sampleFiles(change)))
      const { package: found, diagnostics } = await parsePackage('a.son', bytesInMemory(bytes))
      return (found === undefined) === diagnostics.some(isError)
    }),
    { numRuns: 400 },
  )
  t.pass()
})
