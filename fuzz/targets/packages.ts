import { extract } from 'tar-stream'
import { Readable } from 'node:stream'
import { packageFolder } from '../../src/daemon/build-context.ts'
import { EngineError } from '../../src/model/errors.ts'
import { type Diagnostic, isError } from '../../src/model/diagnostics.ts'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { entriesOf, sampleFiles, tgoFiles, unit, zip } from '../../test/parse/fixtures/sample.ts'
import { type Target, promise } from './target.ts'
import { storedZip } from './zip.ts'

/** What every finding in a file promises to whoever reads it. */
export const checkDiagnostics = (diagnostics: readonly Diagnostic[]): void => {
  for (const { message, file, path, line, column } of diagnostics) {
    promise(!/\p{Cc}/u.test(message + file + path), () => `a control character reaches the terminal: ${message}`)
    promise(message !== '' && line >= 1 && column >= 1, () => `a finding without text or place: ${message}`)
    promise(message.length <= 1_001 && path.length <= 501, () => `a finding of ${message.length} characters`)
  }
}

const checkPackage = async (file: string, bytes: Uint8Array): Promise<void> => {
  const { package: found, diagnostics } = await parsePackage(file, bytesInMemory(bytes))
  checkDiagnostics(diagnostics)
  promise((found === undefined) === diagnostics.some(isError), () => 'a package with an error, or none without one')
}

/** The input in place of one file of a good package. */
const fileTarget = (name: string, file: string, path: string, files: ReadonlyMap<string, Uint8Array>): Target => ({
  name,
  seeds: [files.get(path) ?? new Uint8Array()],
  run: (input) =>
    checkPackage(file, storedZip([...files].map(([other, bytes]) => [other, other === path ? input : bytes]))),
})

const dockerFiles = (): Map<string, Buffer> => {
  const build = {
    vm_image: undefined,
    vm_image_format: 'docker',
    vm_image_md5: '',
    docker_files: '/docker_files/Dockerfile',
  }
  const files = sampleFiles({ a: { virtual_deployment_units: [unit(build)] } })
  files.set('docker_files/Dockerfile', Buffer.from('FROM scratch\nCOPY run.sh /\n'))
  files.set('docker_files/run.sh', Buffer.from('#!/bin/sh\n'))
  return files
}

const digest = `sha256:${'0'.repeat(64)}`

/** A folder of a package on its way to Docker: whatever the archive says, names stay below the folder. */
const checkContext = async (input: Uint8Array): Promise<void> => {
  let tar: Uint8Array
  try {
    const kept = { ...bytesInMemory(input), [Symbol.asyncDispose]: () => Promise.resolve() }
    tar = await packageFolder({ blobs: { open: async () => kept } }, digest, 'docker_files')
  } catch (error) {
    if (error instanceof EngineError && error.code === 'IMAGE_NOT_FOUND') return
    throw error
  }
  for await (const entry of Readable.from([tar]).pipe(extract())) {
    const { name, type } = entry.header
    promise(
      type === 'file' && !name.startsWith('/') && !name.split('/').includes('..'),
      () => `${type} ${name} in a context`,
    )
    entry.resume()
  }
}

/** Packages, from the outside in. */
export const packageTargets = async (): Promise<readonly Target[]> => {
  const sample = sampleFiles()
  const docker = dockerFiles()
  const native = tgoFiles({
    vendor: 'example',
    name: 'native',
    version: '0.9',
    connection_points: [{ id: 'eth0', type: 'external' }],
    cloudnative_deployment_units: [
      { id: 'cdu01', image: 'example/native:1', connection_points: [{ id: 'eth0', port: 80 }] },
    ],
    virtual_links: [{ id: 'l', connectivity_type: 'E-Line', connection_points_reference: ['cdu01:eth0', 'eth0'] }],
  })
  const small = await zip(entriesOf(docker).map((entry) => ({ ...entry, compress: true })))
  const seeds = [
    storedZip([...docker]),
    small,
    await zip([{ path: 'a', bytes: Buffer.from('a'), zip64: true }], 'hello'),
  ]
  return [
    { name: 'archive', seeds, run: (input) => checkPackage('pack.son', input) },
    { name: 'build-context', seeds, run: checkContext },
    fileTarget('package-manifest', 'pack.son', 'META-INF/MANIFEST.MF', sample),
    fileTarget('nsd', 'pack.son', 'service_descriptors/nsd.yml', sample),
    fileTarget('vnfd', 'pack.son', 'function_descriptors/a.yml', docker),
    fileTarget('napd', 'pack.tgo', 'TOSCA-Metadata/NAPD.yaml', native),
    fileTarget('cloud-native-vnfd', 'pack.tgo', 'Definitions/vnfd.yml', native),
  ]
}
