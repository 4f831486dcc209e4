import { desireFabric } from '../desired/fabric.ts'
import type { FabricNeeds } from '../desired/result.ts'
import { isEmpty } from '../model/plan.ts'
import type { TopologyStatus } from '../model/status.ts'
import { summarizeDataCenter, summarizeLink, type FabricPass } from '../status/topology.ts'
import type { ObjectKey } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { converge } from './converge.ts'
import { noteOutcome, policyOf } from './instance.ts'
import { fabricKey } from './keys.ts'
import type { Turn } from './queue.ts'

const tell = ({ board, clock, watcher }: LoopContext, pass: FabricPass): void => {
  const { dataCenters, links } = watcher.catalog()
  const now = new Date(clock.now()).toISOString()
  const statuses = new Map<ObjectKey, TopologyStatus>()
  for (const entry of dataCenters.values())
    statuses.set(entry.key, summarizeDataCenter(entry, pass, board.topology(entry.key), now))
  for (const entry of links.values())
    statuses.set(entry.key, summarizeLink(entry, pass, board.topology(entry.key), now))
  board.setTopology(statuses)
}

/**
 * What instances need of the fabric. One that runs and has no document, or whose package is not there, has no wish: its
 * data centers are known from where its functions stand.
 */
const needsOf = ({ wishes, book }: LoopContext): readonly FabricNeeds[] => [
  ...[...wishes.values()].map(({ fabric }) => fabric),
  ...[...book.view().allocations]
    .filter(([name]) => !wishes.has(name))
    .map(([, { placements }]) => ({ dataCenters: placements.map(({ dataCenter }) => dataCenter), lans: [] })),
]

/** One turn for the switches of data centers and the trunks between them: those declared, and those that instances stand on. */
export const turnFabric = async (context: LoopContext, turn: Turn): Promise<number | undefined> => {
  const catalog = context.watcher.catalog()
  const desired = desireFabric({
    topology: {
      dataCenters: [...catalog.dataCenters.values()].map((one) => one.document),
      links: [...catalog.links.values()].map((one) => one.document),
    },
    owner: context.owner,
    needs: needsOf(context),
  })
  const seen = await converge(desired, {
    engines: context.engines,
    cookie: 0,
    act: true,
    look: () => {
      turn.look()
    },
    policy: (actual) => policyOf(context, actual, desired),
    acting: ({ plan: next }) => {
      context.log.info('carrying out a plan', { scope: 'fabric', steps: next.steps.length })
    },
    ended: (outcome) => {
      noteOutcome(context, outcome)
    },
    buildContext: context.buildContext,
    signal: turn.signal,
  })
  tell(context, { ...seen, desired })
  const { plan } = seen
  if (!isEmpty(plan)) return context.troubles.fail(fabricKey, `${String(plan.steps.length)} steps are left`)
  context.troubles.succeed(fabricKey)
  return undefined
}
