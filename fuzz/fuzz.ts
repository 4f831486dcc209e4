// Coverage-guided fuzzing of every parser; see README.md.
//
//   npm run fuzz                       every target in turn, for an hour
//   npm run fuzz -- --minutes 5        for five minutes
//   npm run fuzz -- --target nsd       that one alone (may be repeated)
//   npm run fuzz -- --seed 7           the same changes as another run with that seed, where inputs take the same time
//   npm run fuzz -- --slice 30         seconds that each target has before the next one's turn
//
// Ends with code 1 when something was found; what was found lies in fuzz/findings/TARGET/.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { WorkerOrder, WorkerReport } from './protocol.ts'
import { openTargets } from './targets.ts'

/** Milliseconds in which a thread must begin another input; far above what one may take, for a machine that is busy. */
const hangMs = 60_000
/** Heap of a thread, MiB. What an input makes of it beyond that is a finding. */
const heapMb = 256
const longestInput = 64 * 1024

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    slice: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true },
    corpus: { type: 'string', default: join(import.meta.dirname, '.corpus') },
  },
})

const stamp = (): string => new Date().toISOString().slice(11, 19)
const say = (text: string): void => void process.stdout.write(`${stamp()} ${text}\n`)

const save = (target: string, input: Uint8Array, text: string): void => {
  const directory = join(import.meta.dirname, 'findings', target)
  mkdirSync(directory, { recursive: true })
  const file = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16))
  writeFileSync(file, input)
  say(`FOUND in ${target}: ${file}\n${text}`)
}

type Outcome = { readonly report: WorkerReport } | { readonly failed: string; readonly input: Buffer }

/** Runs one target for some seconds in a thread of its own. */
const runSlice = (target: string, seconds: number, seed: number): Promise<Outcome> => {
  const state = new SharedArrayBuffer(8)
  const current = new SharedArrayBuffer(longestInput)
  const order: WorkerOrder = { target, seconds, seed, corpus: join(values.corpus, target), state, current }
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  const numbers = new Int32Array(state)
  const input = (): Buffer => Buffer.from(Buffer.from(current).subarray(0, Atomics.load(numbers, 1)))
  return new Promise((resolve, reject) => {
    let last = -1
    const watch = setInterval(() => {
      const now = Atomics.load(numbers, 0)
      if (now === last) end({ failed: `no answer for ${hangMs / 1_000} s`, input: input() })
      last = now
    }, hangMs)
    const end = (outcome: Outcome): void => {
      clearInterval(watch)
      void worker.terminate().then(() => resolve(outcome))
    }
    // The worker posts nothing else.
    worker.once('message', (report: WorkerReport) => end({ report }))
    worker.once('error', (error) => {
      // It has not come to the first input: the fuzzer is at fault, or what is installed.
      if (Atomics.load(numbers, 0) === 0) reject(error instanceof Error ? error : new Error(String(error)))
      else end({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error), input: input() })
    })
  })
}

const { targets, close } = await openTargets()
await close()
const names = targets.map(({ name }) => name).filter((name) => values.target?.includes(name) ?? true)
if (names.length === 0) throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(', ')}`)

const begun = performance.now()
const until = begun + Number(values.minutes) * 60_000
let seed = Number(values.seed)
let found = 0
let runs = 0
say(`seed ${seed}, ${values.minutes} minutes, ${names.length} targets: ${names.join(', ')}`)
while (performance.now() < until) {
  for (const name of names) {
    const left = (until - performance.now()) / 1_000
    if (left <= 0) break
    const outcome = await runSlice(name, Math.min(Number(values.slice), left), seed)
    seed += 1
    if ('failed' in outcome) {
      found += 1
      save(name, outcome.input, outcome.failed)
      continue
    }
    const { report } = outcome
    runs += report.runs
    found += report.findings.length
    for (const { input, text } of report.findings) save(name, input, text)
    say(
      `${name}: ${report.runs} inputs, ${report.reached} blocks reached, ${report.kept} inputs kept, ${report.findings.length} findings`,
    )
  }
}
say(`${runs} inputs in ${Math.round((performance.now() - begun) / 60_000)} minutes, ${found} findings`)
process.exitCode = found === 0 ? 0 : 1
