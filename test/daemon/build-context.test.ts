import { text } from 'node:stream/consumers'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import t, { type Test } from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { packageFolder } from '../../src/daemon/build-context.ts'
import { must, parsePackageDigest } from '../../src/model/names.ts'
import { writePackage } from '../../src/parse/package-writer.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { memoryLog } from '../support/log.ts'

const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content)

const keep = async (t: Test): Promise<{ store: Store; digest: string }> => {
  const bytes = await writePackage(
    new Map([
      ['service_descriptors/nsd.yml', bytesOf('name: x\n')],
      ['docker_files/fw/Dockerfile', bytesOf('FROM scratch\n')],
      ['docker_files/fw/bin/run', bytesOf('#!/bin/sh\n')],
      ['docker_files/fwother/Dockerfile', bytesOf('FROM other\n')],
    ]),
    { vendor: 'v', name: 'x', version: '1', description: '', maintainer: '', service: 'service_descriptors/nsd.yml' },
  )
  // Registered before the test's directory is made: node-tap then runs it before it removes that directory.
  let close = async (): Promise<void> => undefined
  t.teardown(() => close())
  const store = await createStore({ directory: join(t.testdir({}), 'state'), log: memoryLog() })
  close = () => store.close()
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  await store.blobs.write(must(parsePackageDigest(digest), digest), bytesInMemory(bytes))
  return { store, digest }
}

const entries = async (tar: Uint8Array): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  for await (const entry of Readable.from([Buffer.from(tar)]).pipe(extract()))
    found[entry.header.name] = await text(entry)
  return found
}

void t.test('a folder of a package, and nothing beside it; the same each time', async (t) => {
  const { store, digest } = await keep(t)
  const tar = await packageFolder(store, digest, 'docker_files/fw/')
  t.same(await entries(tar), { Dockerfile: 'FROM scratch\n', 'bin/run': '#!/bin/sh\n' })
  t.same(await packageFolder(store, digest, 'docker_files/fw'), tar)
})

void t.test('what is not there cannot be built from', async (t) => {
  const { store, digest } = await keep(t)
  await t.rejects(packageFolder(store, digest, 'docker_files/none'), {
    code: 'IMAGE_NOT_FOUND',
    message: /no such folder/,
  })
  const unknown = `sha256:${'0'.repeat(64)}`
  await t.rejects(packageFolder(store, unknown, 'docker_files/fw'), { code: 'IMAGE_NOT_FOUND', message: /not kept/ })
  await t.rejects(packageFolder(store, 'nonsense', 'docker_files/fw'), { code: 'IMAGE_NOT_FOUND' })
})
