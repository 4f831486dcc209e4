import t, { type Test } from 'tap'
import { faults } from '../../chaos/faults/faults.ts'
import { roundLine } from '../../chaos/report.ts'
import { runChaos } from '../../chaos/run.ts'
import type { LabEngines } from '../../deploy/lab/lab.ts'

const seed = 'npm-test'

/** Of each sort one or two, and none that takes long by itself: `npm run chaos` has them all. */
const onItsOwnEngines = [
  'sond killed',
  'state disk full',
  'state file cut at rest',
  'container killed',
  'container paused',
  'dockerd killed',
  'ovs-vswitchd killed',
  'veth deleted',
  'flow deleted',
  'NAT table deleted',
]

const onGivenEngines = [
  'memory short',
  'ovsdb-server killed',
  'everything killed',
  'dockerd restarted',
  'bridge deleted',
]

const endure = async (t: Test, engines: LabEngines, names: readonly string[]): Promise<void> => {
  const rounds = names.length
  t.comment(`npm run chaos -- --engines ${engines} --seed ${seed} --rounds ${rounds} --faults '${names.join(',')}'`)
  const { outcomes, complaints, logs } = await runChaos({
    ...{ engines, seed, rounds, from: 1, boundMs: 60_000 },
    faults: names.flatMap((name) => faults.filter((fault) => fault.name === name)),
    ended: (outcome) => t.same(outcome.complaints, [], roundLine(outcome)),
    signal: new AbortController().signal,
  })
  t.same(complaints, [], 'nothing is left at the end', { logs })
  t.equal(new Set(outcomes.map(({ round }) => round.fault.name)).size, rounds)
}

void t.test(
  'ten faults at random moments of ten changes: each time all is whole again, and nothing too many',
  async (t) => endure(t, 'embedded', onItsOwnEngines),
)

void t.test(
  'the same on engines that others look after, which are killed with everything or have no memory left',
  async (t) => endure(t, 'host', onGivenEngines),
)
