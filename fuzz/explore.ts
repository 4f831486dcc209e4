import type { Chance } from './chance.ts'
import type { Instrumentation } from './instrument.ts'
import { mutate } from './mutate.ts'
import type { Target } from './targets/target.ts'

export interface Finding {
  readonly kind: 'error' | 'slow'
  readonly input: Buffer
  /** Findings of one signature are one. */
  readonly signature: string
  readonly text: string
}

export interface Explorer {
  /** One more input; a finding when it broke a promise. */
  readonly step: () => Promise<Finding | undefined>
  /** Runs an input that is given, and keeps it when it is worth it. */
  readonly take: (input: Buffer) => Promise<Finding | undefined>
  readonly kept: readonly Buffer[]
  /** Blocks that some input has entered. */
  readonly reached: () => number
}

/** Milliseconds of CPU that one input may take. */
const patience = 2_000

/** Counts as AFL groups them: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more. */
const bucketOf = (hits: number): number => {
  if (hits <= 3) return hits - 1
  if (hits < 8) return 3
  if (hits < 16) return 4
  if (hits < 32) return 5
  return hits < 128 ? 6 : 7
}

/** The error and where it came from: two inputs that fail in one place have found one thing. */
const signatureOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const frame =
    (error.stack ?? '').split('\n').find((line) => /^\s+at /.test(line) && !line.includes('at promise ')) ?? ''
  return `${error.name} ${frame.trim().replace(/\(?file:.*\//, '')}`
}

/** Runs a target with one input after the other; those that enter code in a way that none before did are kept and changed further. */
export const createExplorer = (
  target: Target,
  { hits, blocks, words }: Instrumentation,
  chance: Chance,
  about: (input: Buffer) => void,
): Explorer => {
  const seen = new Uint8Array(hits.length)
  const kept: Buffer[] = []
  const stock = { words: [...words], other: () => kept[chance.below(kept.length)] ?? Buffer.alloc(0) }

  const isNew = (): boolean => {
    let found = false
    for (let block = blocks() - 1; block >= 0; block -= 1) {
      const count = hits[block] ?? 0
      if (count === 0) continue
      hits[block] = 0
      const bit = 1 << bucketOf(count)
      if (((seen[block] ?? 0) & bit) !== 0) continue
      seen[block] = (seen[block] ?? 0) | bit
      found = true
    }
    return found
  }

  const run = async (input: Buffer): Promise<Finding | undefined> => {
    about(input)
    const before = process.threadCpuUsage()
    try {
      await target.run(new Uint8Array(input))
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { kind: 'error', input, signature: signatureOf(error), text }
    }
    const { user, system } = process.threadCpuUsage(before)
    const spent = (user + system) / 1_000
    if (spent < patience) return undefined
    return { kind: 'slow', input, signature: `slow ${target.name}`, text: `${Math.round(spent)} ms of CPU` }
  }

  const take = async (input: Buffer): Promise<Finding | undefined> => {
    const finding = await run(input)
    if (isNew() && finding === undefined) kept.push(input)
    return finding
  }

  /** The newest are the least explored. */
  const choose = (): Buffer => {
    const recent = Math.min(kept.length, 20)
    const at = chance.below(2) === 0 ? kept.length - 1 - chance.below(recent) : chance.below(kept.length)
    return kept[at] ?? Buffer.alloc(0)
  }

  return {
    kept,
    take,
    step: () => take(mutate(choose(), chance, stock)),
    reached: () => seen.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0),
  }
}

/** A smaller input with the same finding: pieces are left out while it stays. At most `runs` tries. */
export const shrink = async (target: Target, finding: Finding, runs = 2_000): Promise<Buffer> => {
  let input = finding.input
  if (finding.kind !== 'error') return input
  const stays = async (smaller: Buffer): Promise<boolean> => {
    try {
      await target.run(new Uint8Array(smaller))
      return false
    } catch (error) {
      return signatureOf(error) === finding.signature
    }
  }
  let left = runs
  for (let size = Math.ceil(input.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2)) {
    for (let at = 0; at < input.length && left > 0; left -= 1) {
      const smaller = Buffer.concat([input.subarray(0, at), input.subarray(at + size)])
      if (await stays(smaller)) input = smaller
      else at += size
    }
  }
  return input
}
