import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Instance, isReady } from '../deploy/lab/api.ts'
import { addressOf, containerOf } from '../deploy/lab/faults.ts'
import type { Lab } from '../deploy/lab/lab.ts'
import { forEach, must, now, run } from '../deploy/lab/run.ts'
import { benchImage, manifestOf, writeChain } from './package.ts'

/** Containers the bare engine makes at a time; more do not make it quicker. */
const AT_A_TIME = 8
const TIMEOUT = 180_000

/**
 * Ms of the Docker engine alone for as many containers, without any network: `none` as everybody asks for it, or with Docker's networking
 * switched off altogether, as sond does, which leaves out a start of Docker itself per container.
 */
export const bareEngine = async (lab: Lab, size: number, network: 'none' | 'off' = 'none'): Promise<number> => {
  const names = Array.from({ length: size }, (_, index) => `bare-${index}`)
  const begun = now()
  await forEach(names, AT_A_TIME, async (name) => {
    const container = await lab.docker.createContainer({
      name,
      Image: benchImage,
      NetworkDisabled: network === 'off',
      HostConfig: { NetworkMode: 'none', Memory: 64 * 2 ** 20 },
    })
    await container.start()
  })
  const took = now() - begun
  await forEach(names, AT_A_TIME, (name) => lab.docker.getContainer(name).remove({ force: true }))
  return took
}

/** Packages of the chains, made once: `name` -> bytes of the .son. */
export const makeChains = async (lab: Lab, sizes: readonly number[]): Promise<ReadonlyMap<number, Buffer>> => {
  const packages = new Map<number, Buffer>()
  for (const size of sizes) {
    const source = join(lab.dir, `chain-${size}`)
    await mkdir(source)
    await writeChain(source, `chain-${size}`, size)
    const file = `${source}.son`
    const { code, stderr } = await lab.sonctl('package', source, '-o', file)
    if (code !== 0) throw new Error(`sonctl package ${source}: ${stderr}`)
    packages.set(size, await readFile(file))
  }
  return packages
}

const processes = async (lab: Lab): Promise<ReadonlyMap<string, number>> => {
  const pids = new Map<string, number>()
  const containers = await lab.docker.listContainers()
  await forEach(containers, AT_A_TIME, async ({ Id, Names }) => {
    const { State } = await lab.docker.getContainer(Id).inspect()
    pids.set(Names[0]?.slice(1) ?? '', State.Pid)
  })
  return pids
}

/** Pings each function's right neighbour from inside. Throws when one hop does not answer at the first attempt. */
const pingHops = async (lab: Lab, instance: Instance, size: number): Promise<void> => {
  const pids = await processes(lab)
  const hops = Array.from({ length: size - 1 }, (_, index) => index)
  await forEach(hops, AT_A_TIME, async (index) => {
    const pid = pids.get(containerOf(instance, `f${index}`)) ?? 0
    const address = addressOf(instance, `f${index + 1}`, 'left')
    const { code } = await run('nsenter', ['-t', String(pid), '-n', 'ping', '-q', '-c', '1', '-W', '1', address])
    if (code !== 0) throw new Error(`f${index} does not reach f${index + 1} (${address}), though the instance is Ready`)
  })
}

export interface ChainTimes {
  /** Ms from files dropped to Ready. */
  readonly ready: number
  /** Ms from files dropped to the last hop's answer. */
  readonly pinged: number
  /** Ms from file removed to nothing left. */
  readonly gone: number
}

export const chainOnce = async (lab: Lab, size: number, package_: Buffer): Promise<ChainTimes> => {
  const name = `chain-${size}`
  // Ready to look before the files are there, as who waits for a service would be.
  const reached = lab.api.follow(name, TIMEOUT, isReady)
  reached.catch(() => undefined) // told below, unless dropping fails first
  const begun = now()
  await lab.drop(`${name}.son`, package_)
  await lab.drop(`${name}.yaml`, manifestOf(name, name))
  const instance = await reached
  const ready = now() - begun
  if (instance === undefined) throw new Error(`instance ${name} is gone`)
  await pingHops(lab, instance, size)
  const pinged = now() - begun

  const removed = now()
  await lab.withdraw(`${name}.yaml`)
  await lab.api.follow(name, TIMEOUT, (there) => there === undefined)
  const gone = now() - removed
  await lab.withdraw(`${name}.son`)
  return { ready, pinged, gone }
}

/** The same static program the gate is made of, and nothing else. */
export const makeBenchImage = async (lab: Lab): Promise<void> => {
  const root = join(lab.dir, 'image')
  await mkdir(join(root, 'bin'), { recursive: true })
  await must('sh', ['-c', 'cp -L "$(command -v busybox)" "$1/bin/busybox"', 'sh', root])
  await must('tar', ['-C', root, '-cf', `${root}.tar`, '.'])
  const [repo = '', tag = ''] = benchImage.split(':')
  const progress = await lab.docker.importImage(`${root}.tar`, {
    repo,
    tag,
    changes: ['CMD ["/bin/busybox", "sleep", "1000000"]'],
  })
  await new Promise<void>((resolve, reject) => {
    lab.docker.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)))
  })
}
