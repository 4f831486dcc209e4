import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { EngineError } from '../model/errors.ts'
import { parsePackageDigest } from '../model/names.ts'
import { readArchive } from '../parse/archive.ts'
import { createReport } from '../parse/report.ts'
import type { Store } from '../store/store.ts'

/** Largest file that is given to an image build. Bytes. */
const largestFile = 64 * 1024 * 1024

/**
 * A folder of an onboarded package as an uncompressed tar, for building an image. Times and rights are fixed, so that the same
 * package always gives the same context.
 *
 * @throws EngineError IMAGE_NOT_FOUND when the package is not kept or has no such folder
 */
export const packageFolder = async (
  store: { readonly blobs: Pick<Store['blobs'], 'open'> },
  digest: string,
  folder: string,
): Promise<Uint8Array> => {
  const key = parsePackageDigest(digest)
  await using kept = key === undefined ? undefined : await store.blobs.open(key)
  const files = kept && (await readArchive(kept, createReport(digest), { keepBytes: largestFile }))
  if (files === undefined) throw new EngineError('IMAGE_NOT_FOUND', { package: digest, reason: 'its file is not kept' })
  const prefix = `${folder.replace(/\/+$/, '')}/`
  const tar = pack()
  let count = 0
  for (const [path, file] of files) {
    if (!path.startsWith(prefix)) continue
    if (file.bytes === undefined)
      throw new EngineError('IMAGE_NOT_FOUND', { package: digest, file: path, reason: 'it is too large to build from' })
    count += 1
    tar.entry({ name: path.slice(prefix.length), mode: 0o755, mtime: new Date(0) }, Buffer.from(file.bytes))
  }
  tar.finalize()
  if (count === 0) throw new EngineError('IMAGE_NOT_FOUND', { package: digest, folder, reason: 'no such folder' })
  return await buffer(tar)
}
