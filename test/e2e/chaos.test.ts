import t from 'tap'
import { faults } from '../../chaos/faults/faults.ts'
import { roundLine } from '../../chaos/report.ts'
import { runChaos } from '../../chaos/run.ts'

const seed = 'npm-test'

/** Of each sort one or two, and none that takes long by itself: `npm run chaos` has them all. */
const chosen = [
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

void t.test(
  'ten faults at random moments of ten changes: each time all is whole again, and nothing too many',
  async (t) => {
    t.comment(`npm run chaos -- --seed ${seed} --rounds 10 --faults '${chosen.join(',')}'`)
    const { outcomes, complaints, logs } = await runChaos({
      seed,
      rounds: 10,
      from: 1,
      faults: chosen.flatMap((name) => faults.filter((fault) => fault.name === name)),
      boundMs: 60_000,
      ended: (outcome) => t.same(outcome.complaints, [], roundLine(outcome)),
      signal: new AbortController().signal,
    })
    t.same(complaints, [], 'nothing is left at the end', { logs })
    t.equal(new Set(outcomes.map(({ round }) => round.fault.name)).size, 10)
  },
)
