// Breaks a sond on engines of its own at random moments of random changes, and looks whether everything is whole again.
//
//   npm run chaos                              10 rounds of a seed of the day's
//   npm run chaos -- --seed S --rounds N       these
//   npm run chaos -- --seed S --rounds N --from M    only from the Mth on
//   npm run chaos -- --engines host            engines that are not sond's own: it is given their sockets, others start them again
//   npm run chaos -- --faults 'sond killed,port deleted'    only these faults; --list shows all
import { parseArgs } from 'node:util'
import { faults as allFaults } from './faults/faults.ts'
import { roundLine, summary } from './report.ts'
import { runChaos } from './run.ts'

const out = (text: string): void => void process.stdout.write(`${text}\n`)

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    engines: { type: 'string', default: 'embedded' },
    faults: { type: 'string' },
    bound: { type: 'string', default: '60' },
    list: { type: 'boolean', default: false },
  },
})

const main = async (): Promise<number> => {
  if (values.list) {
    for (const { name } of allFaults) out(name)
    return 0
  }
  const seed = values.seed ?? String(Date.now())
  const [rounds, from, bound] = [values.rounds, values.from, values.bound].map(Number)
  const names = values.faults?.split(',').map((name) => name.trim())
  const unknown = names?.find((name) => !allFaults.some((fault) => fault.name === name))
  if (unknown !== undefined) throw new Error(`there is no fault "${unknown}"; --list shows all`)
  if (![rounds, from, bound].every((each) => Number.isInteger(each) && Number(each) > 0)) {
    throw new Error('--rounds, --from and --bound take whole numbers from 1 on')
  }
  const { engines } = values
  if (engines !== 'embedded' && engines !== 'host') throw new Error('--engines takes embedded or host')
  const faults = allFaults.filter(({ name }) => names?.includes(name) ?? true)
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort())
  out(`seed ${seed}, ${rounds ?? 0} rounds, engines ${engines}`)
  const begun = Date.now()
  const { outcomes, complaints, logs } = await runChaos({
    engines,
    seed,
    rounds: rounds ?? 0,
    from: from ?? 1,
    faults,
    boundMs: (bound ?? 0) * 1000,
    ended: (outcome) => out(roundLine(outcome)),
    signal: interrupted.signal,
  })
  out(summary(outcomes))
  const held = outcomes.filter((outcome) => outcome.complaints.length === 0).length
  out(
    `seed ${seed}: ${held} of ${(rounds ?? 0) - (from ?? 1) + 1} rounds held, ${Math.round((Date.now() - begun) / 1000)} s`,
  )
  for (const complaint of complaints) out(`  ${complaint}`)
  if (complaints.length > 0) {
    const last = outcomes.at(-1)?.round.number ?? 1
    const chosen = values.faults === undefined ? '' : ` --faults '${values.faults}'`
    const only = `${chosen}${engines === 'host' ? ' --engines host' : ''}`
    out(`logs: ${logs ?? 'none'}`)
    out(
      `again: npm run chaos -- --seed ${seed} --rounds ${last} --from ${last}${only}; or without --from, from the first`,
    )
  }
  return complaints.length > 0 || interrupted.signal.aborted ? 1 : 0
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`)
  return 2
})
process.exit()
