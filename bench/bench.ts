// How long sond takes, on engines of its own. Times are medians; the machine is part of the result, so the number to look at is the ratio to
// what the bare Docker engine needs for as many containers without any network: with the network `none`, and (no net) with its networking
// switched off, which is as little as it can do.
//
//   npm run bench                    chains of 10, 25 and 50 functions, 3 rounds; healing, 5 rounds
//   npm run bench -- --quick         a chain of 10, 1 round; healing, 2 rounds
//   npm run bench -- --sizes 5,20 --rounds 5
//
// Fails only when something did not work, never because it was slow.
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildImage } from '../deploy/images/build.ts'
import { exampleImages } from '../deploy/images/images.ts'
import { isReady } from '../deploy/lab/api.ts'
import { addressOf, containerOf, faultsAt, heal, pidOf } from '../deploy/lab/faults.ts'
import { createLab, type Lab } from '../deploy/lab/lab.ts'
import { startTraffic } from '../deploy/lab/traffic.ts'
import { bareEngine, chainOnce, type ChainTimes, makeBenchImage, makeChains } from './chain.ts'
import { manifestOf } from './package.ts'

const out = (text: string): void => void process.stdout.write(`${text}\n`)
const seconds = (ms: number): string => (ms / 1000).toFixed(2)

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const [upper = 0, lower = 0] = [sorted[middle], sorted[middle - 1]]
  return sorted.length % 2 === 1 ? upper : (upper + lower) / 2
}

const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, index) => (index === 0 ? String(cell).padEnd(22) : String(cell).padStart(12))).join('')

const benchChains = async (lab: Lab, sizes: readonly number[], rounds: number): Promise<void> => {
  await makeBenchImage(lab)
  const packages = await makeChains(lab, sizes)
  // The first container after an engine's start takes longer than the others.
  await bareEngine(lab, 2)
  out(row(['functions', 'bare (s)', 'ready (s)', 'pinged (s)', 'ratio', 'gone (s)', 'no net (s)', 'ratio']))
  for (const size of sizes) {
    const bare: number[] = []
    const leanest: number[] = []
    const chains: ChainTimes[] = []
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await bareEngine(lab, size))
      leanest.push(await bareEngine(lab, size, 'off'))
      chains.push(await chainOnce(lab, size, packages.get(size) ?? Buffer.alloc(0)))
    }
    const middle = (pick: keyof ChainTimes): number => median(chains.map((times) => times[pick]))
    const ratioTo = (times: readonly number[]): string => (middle('pinged') / median(times)).toFixed(2)
    const sond = (['ready', 'pinged', 'gone'] as const).map((pick) => seconds(middle(pick)))
    const [ready = '', pinged = '', gone = ''] = sond
    const against = [seconds(median(leanest)), ratioTo(leanest)]
    out(row([size, seconds(median(bare)), ready, pinged, ratioTo(bare), gone, ...against]))
  }
}

/** A service of its own for each round: the second crash of a container within minutes is answered by a pause, on purpose. */
const healOnce = async (lab: Lab, name: string, told: (fault: string, ms: number) => void): Promise<void> => {
  await lab.drop(`${name}.yaml`, manifestOf(name, 'firewall-chain'))
  const instance = await lab.api.follow(name, 60_000, isReady)
  if (instance === undefined) throw new Error(`instance ${name} is gone`)
  const client = await pidOf(lab, containerOf(instance, 'client'))
  const traffic = startTraffic(client, addressOf(instance, 'server', 'data'), 80)
  try {
    for (const fault of await faultsAt(lab, instance, 'firewall', 'inside')) {
      told(fault.name, await heal(fault, traffic))
      await lab.api.follow(name, 30_000, isReady)
    }
  } finally {
    await traffic.stop()
  }
  await lab.withdraw(`${name}.yaml`)
  await lab.api.follow(name, 60_000, (there) => there === undefined)
}

const benchHealing = async (lab: Lab, rounds: number): Promise<void> => {
  const example = join(import.meta.dirname, '..', 'manifests', 'firewall-chain')
  for (const image of exampleImages) await buildImage(lab.docker, image)
  const file = join(lab.dir, 'firewall-chain.son')
  const { code, stderr } = await lab.sonctl('package', example, '-o', file)
  if (code !== 0) throw new Error(`sonctl package ${example}: ${stderr}`)
  await lab.drop('firewall-chain.son', await readFile(file))
  const times = new Map<string, number[]>()
  for (let round = 0; round < rounds; round += 1) {
    await healOnce(lab, `web-${round}`, (fault, ms) => void times.set(fault, [...(times.get(fault) ?? []), ms]))
  }
  out(row(['what is broken', 'median (ms)', 'least', 'most']))
  for (const [fault, each] of times) {
    out(row([fault, ...[median(each), Math.min(...each), Math.max(...each)].map(Math.round)]))
  }
}

const main = async (lab: Lab): Promise<void> => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      sizes: { type: 'string' },
      rounds: { type: 'string' },
    },
  })
  const sizes = (values.sizes ?? (values.quick ? '10' : '10,25,50')).split(',').map(Number)
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (![...sizes, rounds].every((each) => Number.isInteger(each) && each > 0) || sizes.some((size) => size < 2)) {
    throw new Error('--sizes takes whole numbers from 2 on, with commas; --rounds one from 1 on')
  }
  await lab.start()
  out(
    `E-Line chains, from files dropped to Ready and every hop pinged; medians of ${rounds}; ${availableParallelism()} CPUs`,
  )
  await benchChains(lab, sizes, rounds)
  out('')
  out('Healing, from the blow until TCP passes again; one function of a chain of three')
  await benchHealing(lab, values.quick ? 2 : 5)
}

const lab = await createLab('bench')
const interrupted = Promise.withResolvers<never>()
process.once('uncaughtException', (error) => interrupted.reject(error))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupted.reject(new Error(`interrupted (${signal})`)))
}
let code = 0
try {
  await Promise.race([main(lab), interrupted.promise])
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  code = 1
} finally {
  await lab.stop().catch((error: unknown) => {
    process.stderr.write(`bench: clean-up: ${String(error)}\n`)
    code = 1
  })
}
process.exit(code)
