import type { Shaper } from '../../model/shaping.ts'
import { runProgram, type ProgramOptions } from '../process.ts'

/** What each is asked to do on a device of no importance. */
const trials: readonly (readonly [Shaper, readonly string[]])[] = [
  ['netem', ['netem', 'delay', '1ms']],
  ['tbf', ['tbf', 'rate', '1mbit', 'burst', '64k', 'latency', '50ms']],
]

/**
 * Tells which queueing disciplines the kernel has, by using them: a list of modules would not show what is built in, nor what
 * is loaded when first asked for. Tried on the loopback device of a network namespace that ends with the trial. What is lacking is looked for again
 * after `againMs`: a module may have been installed.
 */
export const createShapers = (options: ProgramOptions, againMs: number): (() => Promise<ReadonlySet<Shaper>>) => {
  let known: { readonly shapers: Promise<ReadonlySet<Shaper>>; readonly at: number } | undefined

  const has = async (args: readonly string[]): Promise<boolean> =>
    (await runProgram('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', ...args], options)).code === 0

  const look = async (): Promise<ReadonlySet<Shaper>> => {
    const found = await Promise.all(trials.map(async ([shaper, args]) => ((await has(args)) ? [shaper] : [])))
    return new Set(found.flat())
  }

  return () => {
    const now = performance.now()
    if (known === undefined || now - known.at > againMs) {
      const shapers = look()
      known = { shapers, at: now }
      shapers.catch(() => (known = undefined))
    }
    return known.shapers
  }
}
