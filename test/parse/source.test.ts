import t from 'tap'
import { stringify } from 'yaml'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { packSource } from '../../src/parse/package-source.ts'
import { validateFile } from '../../src/parse/validate.ts'
import { codes } from './fixtures/expect.ts'
import { nsd, sampleFiles, son, vnfd } from './fixtures/sample.ts'

const about = 'vendor: eu.example\nname: sample\nversion: "0.1"\nmaintainer: me\n'

const source = (manifest = about, more: Readonly<Record<string, string>> = {}): Map<string, Uint8Array> =>
  new Map(
    Object.entries({
      'package.yml': manifest,
      'service_descriptors/nsd.yml': stringify(nsd()),
      'function_descriptors/b.yml': stringify(vnfd('b')),
      'function_descriptors/a.yml': stringify(vnfd('a')),
      'docker_files/a/Dockerfile': 'FROM scratch\n',
      'docker_files/a/start.sh': '#!/bin/sh\n',
      'docker_files/a/data': 'x',
      'notes.txt': 'not packed',
      ...more,
    }).map(([path, text]) => [path, Buffer.from(text)]),
  )

t.test('a directory becomes a package in the official layout, always the same', async (t) => {
  const { bytes, file, diagnostics } = await packSource('dir', source())
  t.strictSame(codes(diagnostics), [])
  t.equal(file, 'eu.example.sample.0.1.son')
  const again = await packSource('elsewhere', new Map([...source()].reverse()))
  t.strictSame(again.bytes, bytes)
  const { package: found, diagnostics: seen } = await parsePackage('x.son', bytesInMemory(bytes ?? new Uint8Array()))
  t.strictSame(codes(seen), [], 'its sums are right')
  t.match(found, { vendor: 'eu.example', name: 'sample', version: '0.1' })
  t.equal(found?.service.functions[0]?.descriptor.units[0].dockerfile, 'docker_files/a')
  const text = Buffer.from(bytes ?? []).toString('latin1')
  t.match(text, 'application/sonata.docker_files')
  t.match(text, 'application/x-sh')
  t.notMatch(text, 'notes.txt')
})

t.test('what is wrong with a source is told of its own files', async (t) => {
  const found = async (files: Map<string, Uint8Array>) => {
    const { bytes, diagnostics } = await packSource('dir', files)
    t.equal(bytes, undefined)
    return diagnostics.map(({ code, file, line }) => `${code} ${file}:${String(line)}`)
  }
  const without = source()
  without.delete('package.yml')
  t.strictSame(await found(without), ['FILE_MISSING dir/package.yml:1'])
  t.strictSame(await found(source('# empty\n')), ['EMPTY dir/package.yml:1'])
  t.strictSame(await found(source('a: [')), ['YAML_SYNTAX dir/package.yml:1'])
  t.strictSame(await found(source('vendor: a b\nnames: x\nversion: 0.1\n')), [
    'INVALID_VALUE dir/package.yml:1',
    'MISSING_FIELD dir/package.yml:1',
    'WRONG_TYPE dir/package.yml:3',
    'UNKNOWN_FIELD dir/package.yml:2',
  ])
  const second = { 'service_descriptors/other.yml': stringify(nsd()) }
  t.strictSame(await found(source(about, second)), ['NO_SERVICE dir/package.yml:1'])
  t.strictSame(await found(source(`${about}service: service_descriptors/none.yml\n`, second)), [
    'NO_SERVICE dir/package.yml:5',
  ])
  t.strictSame(
    await found(
      source(about, { 'function_descriptors/a.yml': stringify(vnfd('a', { virtual_deployment_units: [] })) }),
    ),
    ['NO_UNITS dir/function_descriptors/a.yml:1'],
  )
  t.ok((await packSource('dir', source(`${about}service: service_descriptors/other.yml\n`, second))).bytes)
})

t.test('files are validated by their ending', async (t) => {
  const rows: readonly (readonly [string, Uint8Array | string, readonly string[]])[] = [
    ['a.son', await son(), []],
    ['a.TGO', 'x', ['NOT_A_ZIP a.TGO:1']],
    ['a.yaml', 'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\n', []],
    [
      'a.json',
      '{"apiVersion": "sond.dev/v1alpha1", "kind": "DataCenter", "metadata": {"name": "Dc1"}}',
      ['INVALID_VALUE a.json:1'],
    ],
    ['a.yml', 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: {resync: 5}\n', ['INVALID_VALUE a.yml:3']],
    ['a.yml', '# nothing\n', ['EMPTY a.yml:1']],
    ['a.yml', '- a\n', ['WRONG_TYPE a.yml:1']],
    ['a.txt', '', ['FILE_KIND a.txt:1']],
  ]
  for (const [file, bytes, expected] of rows) {
    t.strictSame(codes(await validateFile(file, bytesInMemory(Buffer.from(bytes)))), expected, file)
  }
  t.equal(sampleFiles().size, 4)
})
