// Makes the images of the examples on a Docker engine, out of what this machine has installed. No registry is asked.
//
//   node_modules/.bin/node deploy/images/build.ts [--docker-host URL]      default: unix:///var/run/docker.sock
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import Docker from 'dockerode'
import { makeArchive } from './archive.ts'
import { exampleImages, type ExampleImage } from './images.ts'

/** Tells whether an image of that name holds this content already. */
const contentLabel = 'dev.sond.example.content'

/** `unix:///path`, `tcp://host:port` or `http://host:port`. */
export const dockerAt = (url: string): Docker => {
  const { protocol, hostname, port, pathname } = new URL(url)
  if (protocol === 'unix:') return new Docker({ socketPath: pathname })
  return new Docker({ host: hostname, port: port === '' ? 2375 : Number(port), protocol: 'http' })
}

const changesOf = (image: ExampleImage): string[] => [
  `CMD ${JSON.stringify(image.command)}`,
  'ENV PATH=/sbin:/bin',
  ...Object.entries(image.env).map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`),
]

const hasContent = async (docker: Docker, name: string, content: string): Promise<boolean> => {
  const found = await docker
    .getImage(name)
    .inspect()
    .catch(() => undefined)
  const labels = found?.Config.Labels as Record<string, string> | null | undefined // Docker answers null where there are none
  return labels?.[contentLabel] === content
}

/** @returns whether anything had to be made. */
export const buildImage = async (docker: Docker, image: ExampleImage): Promise<boolean> => {
  const work = await mkdtemp(join(tmpdir(), 'sond-image-'))
  try {
    const bytes = await readFile(await makeArchive(image, work))
    const changes = changesOf(image)
    const content = createHash('sha256').update(bytes).update(changes.join('\n')).digest('hex')
    if (await hasContent(docker, image.name, content)) return false
    const [repo = '', tag = 'latest'] = image.name.split(':')
    const progress = await docker.importImage(Readable.from([bytes]), {
      repo,
      tag,
      changes: [...changes, `LABEL ${contentLabel}=${content}`],
    })
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)))
    })
    return true
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { 'docker-host': { type: 'string' } } })
  const docker = dockerAt(values['docker-host'] ?? process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock')
  for (const image of exampleImages) {
    const made = await buildImage(docker, image)
    process.stdout.write(`${image.name}  ${made ? 'made' : 'is there already'}\n`)
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
