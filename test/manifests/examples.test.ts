// The examples are packages and manifests without any notice, and name only images that deploy/images makes.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { exampleImages } from '../../deploy/images/images.ts'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { packSource } from '../../src/parse/package-source.ts'

const folder = join(import.meta.dirname, '..', '..', 'manifests')

const filesBelow = (directory: string): ReadonlyMap<string, Uint8Array> =>
  new Map(globSync('**/*.*', { cwd: directory }).map((path) => [path, readFileSync(join(directory, path))]))

const sources = globSync('*/package.yml', { cwd: folder }).map(dirname)

t.test('package sources', async (t) => {
  t.same(sources.sort(), ['elan', 'firewall-chain'])
  const known = exampleImages.map(({ name }) => name)
  for (const source of sources) {
    const { bytes, file, diagnostics } = await packSource(source, filesBelow(join(folder, source)))
    t.same(diagnostics, [], source)
    const parsed = await parsePackage(file ?? '', bytesInMemory(bytes ?? new Uint8Array()))
    const functions = parsed.package?.service.functions ?? []
    t.ok(functions.length > 0, source)
    for (const { descriptor } of functions) {
      for (const { image } of descriptor.units) t.ok(known.includes(String(image)), `${source}: ${String(image)}`)
    }
  }
})

t.test('manifests', async (t) => {
  const manifests = globSync('*/*.yaml', { cwd: folder })
  t.equal(manifests.length, 3)
  for (const path of manifests) {
    const { documents, diagnostics } = parseManifestFile(path, readFileSync(join(folder, path)))
    t.same(diagnostics, [], path)
    t.ok(documents.length > 0, relative(folder, path))
  }
})
