import { globSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import t from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { packSource } from '../../src/parse/package-source.ts'
import { corpusDirectory } from '../support/corpus.ts'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { pings, talksTcp } from '../support/reach.ts'
import { buildManifest } from '../support/service.ts'

/** Packages as their authors made them, one from each generation of the format. */
const genuine = [
  'real/son-emu__sonata-demo-service-bbe46c2e.son',
  'real/son-emu__sonata-demo-docker-8a0c48b5.son',
  'history/son-examples__sonata-fw-dpi-service-emu@fed25212.son',
  'packed/son-examples__sonata-ovs-user-service-emu.son',
  'tgo/tng-examples__eu.5gtango.smoke-test-ns.0.1-1fa710da.tgo',
]

const corpus = await corpusDirectory()
const examples = join(import.meta.dirname, '..', '..', 'manifests')

interface Sample {
  readonly file: string
  readonly bytes: Uint8Array
}

const readGenuine = async (directory: string, path: string): Promise<Sample> => ({
  file: basename(path),
  bytes: await readFile(join(directory, path)),
})

const packExample = async (name: string): Promise<Sample> => {
  const folder = join(examples, name)
  const files = globSync('**/*.*', { cwd: folder }).map((path) => [path, readFileSync(join(folder, path))] as const)
  const { bytes } = await packSource(name, new Map(files))
  if (bytes === undefined) throw new Error(`${name} cannot be packed`)
  return { file: `${name}.son`, bytes }
}

/** Where there are no genuine packages at hand, the examples' stand in for them. */
const packages: readonly (readonly [string, () => Promise<Sample>])[] =
  corpus === undefined
    ? ['elan', 'firewall-chain'].map((name) => [name, () => packExample(name)])
    : genuine.map((path) => [path, () => readGenuine(corpus, path)])

void t.test(
  `${corpus === undefined ? 'packages of the examples' : 'genuine packages'} come up on real engines`,
  async (t) => {
    const engines = await startTestEngines(t)
    const sond = await startSond(t, engines)
    const images = new Set<string>()

    for (const [index, [title, read]] of packages.entries()) {
      await t.test(title, async (t) => {
        const { file, bytes } = await read()
        const parsed = await parsePackage(file, bytesInMemory(bytes))
        const service = parsed.package?.service
        if (service === undefined) throw new Error(parsed.diagnostics.map(({ message }) => message).join('; '))
        for (const { descriptor } of service.functions)
          for (const { image } of descriptor.units) {
            if (image === undefined || images.has(image)) continue
            images.add(image)
            await importBusyboxImage(engines.docker, image)
          }
        const name = `genuine-${index}`
        await sond.drop(file, bytes)
        await sond.drop(`${name}.yaml`, buildManifest(name, file))
        const { status } = await sond.ready(name)
        t.equal(status.functions.length, service.functions.length)
        t.ok(status.functions.every(({ container }) => container?.state === 'running'))

        const ends = status.functions.flatMap(({ container, interfaces }) =>
          interfaces.map((one) => ({ ...one, container: container?.name ?? '' })),
        )
        let lines = 0
        for (const link of status.links.filter(({ type, chained }) => type === 'E-Line' && chained)) {
          const [a, b] = ends.filter(({ link: id }) => id === link.id)
          if (!a?.address || !b?.address) continue
          lines += 1
          t.ok(await pings(engines, a.container, b.address), `${link.id}: ping`)
          t.ok(await talksTcp(engines, b.container, a.container, a.address), `${link.id}: TCP`)
        }
        for (const link of status.links.filter(({ type, chained }) => type === 'E-LAN' && chained)) {
          const [a, ...others] = ends.filter(({ link: id }) => id === link.id)
          for (const other of others) {
            lines += 1
            t.ok(await pings(engines, a?.container ?? '', other.address ?? ''), `${link.id}: ping`)
          }
        }
        t.ok(lines > 0, 'at least one link carries data')
        t.equal((await sond.sonctl('delete', 'instance', name, '--wait')).code, 0)
      })
    }
    t.same(await engines.docker.listContainers({ all: true }), [])
  },
)
