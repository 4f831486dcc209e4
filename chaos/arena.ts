import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createLab, type Lab, type LabEngines } from '../deploy/lab/lab.ts'
import { must, run } from '../deploy/lab/run.ts'
import { removeControlGroups } from '../src/engine/embedded/leftovers.ts'
import { importBusyboxImage } from '../test/support/engines.ts'
import { images } from './wanted.ts'
import { sapImage } from './service.ts'

/** Where a chaos run takes place: a lab whose state directory can fill up, and a world beyond its host. */
export interface Arena {
  readonly lab: Lab
  /** Address of the world outside, which a server there answers at. */
  readonly outside: string
  /** Process id of an engine, as its pid file tells it; 0 when there is none. */
  enginePid(engine: EngineName): Promise<number>
  /** Control group for containers of others: what bounds the engines' own does not bound them. */
  readonly foreignGroup: string
  /** Process ids of what is run beside it. */
  readonly helpers: readonly number[]
  /** Runs a program in the namespace of the switches; gives its standard output. */
  readonly inside: (...command: readonly string[]) => Promise<string>
  stop(): Promise<void>
}

export const engineNames = ['dockerd', 'containerd', 'ovsdb-server', 'ovs-vswitchd'] as const
export type EngineName = (typeof engineNames)[number]

/** Bytes of the file that every server here gives. */
export const blobBytes = 100_000

const outside = '192.0.2.2' // RFC 5737

const settings = (dir: string): Readonly<Record<string, unknown>> => ({
  resync: '3s', // what neither nftables nor sysctl tell is seen so often
  saps: { deploy: true },
  results: { directory: join(dir, 'results') },
})

/** For setpriv(1): a run that is killed leaves none of these behind. */
export const diesWithUs = ['--pdeathsig', 'KILL'] as const

interface Outside {
  readonly pid: number
  stop(): Promise<void>
}

/** A namespace beyond the host, with a server in it. */
const createOutside = async (lab: Lab): Promise<Outside> => {
  const name = `out-${lab.netns}`
  const ip = (...args: readonly string[]): Promise<string> => must('ip', args)
  await ip('netns', 'add', name)
  await ip('-n', name, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'world0', 'netns', lab.netns)
  await ip('-n', name, 'addr', 'add', `${outside}/24`, 'dev', 'up0')
  await ip('-n', name, 'link', 'set', 'up0', 'up')
  await ip('-n', lab.netns, 'addr', 'add', '192.0.2.1/24', 'dev', 'world0')
  await ip('-n', lab.netns, 'link', 'set', 'world0', 'up')
  const folder = join(lab.dir, 'outside')
  await mkdir(folder)
  await writeFile(join(folder, 'blob'), 'x'.repeat(blobBytes))
  const path = `/run/netns/${name}`
  const httpd = ['busybox', 'httpd', '-f', '-p', '80', '-h', folder]
  const server = spawn('setpriv', [...diesWithUs, 'nsenter', `--net=${path}`, ...httpd], { stdio: 'ignore' })
  return {
    pid: server.pid ?? 0,
    stop: async () => {
      server.kill('SIGKILL')
      await run('ip', ['netns', 'del', name])
    },
  }
}

const makeImages = async (lab: Lab): Promise<void> => {
  await importBusyboxImage(lab.docker, images[0], {
    cmd: ['/bin/httpd', '-f', '-p', '80', '-h', '/www'],
    files: { '/www/blob': 'x'.repeat(blobBytes) },
  })
  const made = lab.docker.getImage(images[0])
  for (const name of [images[1], `${sapImage}:latest`]) {
    const [repo = '', tag = ''] = name.split(':')
    await made.tag({ repo, tag })
  }
}

/** Starts it; nothing is asked of sond yet. */
export const createArena = async (engines: LabEngines): Promise<Arena> => {
  const lab = await createLab('chaos', { engines, settings, stateMegabytes: 8, logLevel: 'debug' })
  const enginePid = async (engine: EngineName): Promise<number> => {
    const folder = engine.startsWith('ovs') ? 'engines/ovs' : 'engines'
    return Number(await readFile(join(lab.runDir, folder, `${engine}.pid`), 'utf8').catch(() => '0'))
  }
  const foreignGroup = `/${lab.netns}-foreign`
  let beyond: Outside | undefined
  const stop = async (): Promise<void> => {
    await beyond?.stop()
    await lab.stop()
    await removeControlGroups(foreignGroup)
  }
  try {
    await lab.start()
    await makeImages(lab)
    beyond = await createOutside(lab)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    lab,
    outside,
    enginePid,
    foreignGroup,
    helpers: [beyond.pid],
    inside: (...command) => must('nsenter', [`--net=/run/netns/${lab.netns}`, ...command]),
    stop,
  }
}
