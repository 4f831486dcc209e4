import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { createChance } from './chance.ts'
import { createExplorer, shrink, type Finding } from './explore.ts'
import { instrument } from './instrument.ts'
import type { WorkerOrder, WorkerReport } from './protocol.ts'

// One target for some seconds, in a thread of its own: what runs an input may never come back, and is then ended from outside.

const order = workerData as WorkerOrder // given by protocol.ts
const instrumentation = instrument()
const { openTargets } = await import('./targets.ts')
const { targets, close } = await openTargets()
const target = targets.find(({ name }) => name === order.target)
if (target === undefined) throw new Error(`no target ${order.target}`)

const state = new Int32Array(order.state)
const current = Buffer.from(order.current)
/** What is being run is written where the other thread can read it also when this one is stuck. */
const about = (input: Buffer): void => {
  input.copy(current)
  Atomics.store(state, 1, Math.min(input.length, current.length))
  Atomics.add(state, 0, 1)
}

const explorer = createExplorer(target, instrumentation, createChance(order.seed), about)
const known = new Set<string>()
const findings: Finding[] = []
const note = async (finding: Finding | undefined): Promise<void> => {
  if (finding === undefined || known.has(finding.signature)) return
  known.add(finding.signature)
  findings.push({ ...finding, input: await shrink(target, finding) })
}

mkdirSync(order.corpus, { recursive: true })
const old = readdirSync(order.corpus).map((name) => readFileSync(join(order.corpus, name)))
for (const input of [...target.seeds.map((seed) => Buffer.from(seed)), ...old]) await note(await explorer.take(input))
const loaded = explorer.kept.length
const end = performance.now() + order.seconds * 1_000
let runs = 0
while (performance.now() < end) {
  await note(await explorer.step())
  runs += 1
  // Timers and sockets of what is run get their turn.
  if (runs % 16 === 0) await new Promise(setImmediate)
}
for (const input of explorer.kept.slice(loaded)) {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16)
  writeFileSync(join(order.corpus, name), input)
}
await close()
const report: WorkerReport = { runs, reached: explorer.reached(), kept: explorer.kept.length, findings }
parentPort?.postMessage(report)
