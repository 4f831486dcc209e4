import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import { ZipFile } from 'yazl'
import { sonManifest } from './package-manifest.ts'

/** What a package's manifest says about the whole. */
export interface PackageDescription {
  readonly vendor: string
  readonly name: string
  readonly version: string
  readonly description: string
  readonly maintainer: string
  /** Path of the NSD that is the package's service. */
  readonly service: string
}

const contentType = (path: string): string => {
  if (path.startsWith('service_descriptors/')) return 'application/sonata.service_descriptor'
  if (path.startsWith('function_descriptors/')) return 'application/sonata.function_descriptor'
  if (/(?:^|\/)Dockerfile$/.test(path)) return 'application/sonata.docker_files'
  return path.endsWith('.sh') ? 'application/x-sh' : 'application/text'
}

const manifestText = (files: ReadonlyMap<string, Uint8Array>, about: PackageDescription): string =>
  stringify({
    descriptor_version: '1.0',
    vendor: about.vendor,
    name: about.name,
    version: about.version,
    maintainer: about.maintainer,
    description: about.description,
    entry_service_template: `/${about.service}`,
    sealed: true,
    package_content: [...files].map(([path, bytes]) => ({
      name: `/${path}`,
      'content-type': contentType(path),
      md5: createHash('md5').update(bytes).digest('hex'),
    })),
  })

/**
 * Packs files in the official layout, with a manifest that lists them and their MD5 sums. The same files give the same
 * bytes, on every machine: files are sorted, stored (a compressor's output depends on its version) and dated 1980.
 */
export const writePackage = async (
  files: ReadonlyMap<string, Uint8Array>,
  about: PackageDescription,
): Promise<Uint8Array> => {
  const sorted = new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)))
  const zip = new ZipFile()
  // DOS time stamps hold local time, so a local date gives the same bytes in every time zone.
  const options = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true }
  zip.addBuffer(Buffer.from(manifestText(sorted, about)), sonManifest, options)
  for (const [path, bytes] of sorted) {
    const mode = path.endsWith('.sh') ? 0o100755 : options.mode
    zip.addBuffer(Buffer.from(bytes), path, { ...options, mode })
  }
  zip.end()
  const chunks: Buffer[] = []
  // A read stream of bytes yields buffers.
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
