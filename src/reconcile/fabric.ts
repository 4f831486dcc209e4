import { emptyState } from '../desired/desire.ts'
import { desireFabric } from '../desired/fabric.ts'
import type { FabricNeeds } from '../desired/result.ts'
import type { DesiredState } from '../model/desired.ts'
import type { InstanceName } from '../model/names.ts'
import { isEmpty, type StepOutcome } from '../model/plan.ts'
import type { TopologyStatus } from '../model/status.ts'
import { summarizeDataCenter, summarizeLink, type FabricPass } from '../status/topology.ts'
import type { ObjectKey } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { converge } from './converge.ts'
import { logPlan, noteOutcome, policyOf } from './holds.ts'
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

const wanted = (context: LoopContext): DesiredState => {
  const catalog = context.watcher.catalog()
  return desireFabric({
    topology: {
      dataCenters: [...catalog.dataCenters.values()].map((one) => one.document),
      links: [...catalog.links.values()].map((one) => one.document),
    },
    owner: context.owner,
    needs: needsOf(context),
  })
}

/** Instances whose flow rules name a port that was made anew: it has another number, and nothing tells of rules that lead to the old one. */
const concerned = ({ wishes }: LoopContext, outcomes: readonly StepOutcome[]): readonly InstanceName[] => {
  const made = new Set<string>(
    outcomes.flatMap(({ step, result }): readonly string[] => {
      if (result !== 'done') return []
      return step.kind === 'setPort' ? [step.port.port] : step.kind === 'createBridge' ? [step.bridge.name] : []
    }),
  )
  if (made.size === 0) return []
  return [...wishes]
    .filter(([, { desired }]) =>
      desired.flows.some(({ bridge, needs }) => made.has(bridge) || needs.some((port) => made.has(port))),
    )
    .map(([name]) => name)
}

/**
 * One turn for the switches of data centers and the trunks between them: those declared, and those that instances stand on; `gone`:
 * none at all. Gives whether it is as it shall be, after how many milliseconds to look again, and which instances are to be looked at now.
 */
export const turnFabric = async (
  context: LoopContext,
  turn: Turn,
  aim: 'asWanted' | 'gone',
): Promise<{
  readonly done: boolean
  readonly again: number | undefined
  readonly concerned: readonly InstanceName[]
}> => {
  const desired = aim === 'gone' ? emptyState({ kind: 'fabric' }) : wanted(context)
  const seen = await converge(desired, {
    engines: context.engines,
    cookie: 0,
    act: true,
    look: () => {
      turn.look()
    },
    policy: (actual) => policyOf(context, actual, desired, context.settings.scripts.stopWaitMs),
    acting: ({ plan: next }) => {
      logPlan(context, { scope: 'fabric' }, next)
    },
    ended: (outcome) => {
      noteOutcome(context, outcome)
    },
    buildContext: context.buildContext,
    signal: turn.signal,
  })
  tell(context, { ...seen, desired })
  const { plan, outcomes } = seen
  if (!isEmpty(plan)) {
    const again = context.troubles.fail(fabricKey, `${String(plan.steps.length)} steps are left`)
    return { done: false, again, concerned: concerned(context, outcomes) }
  }
  context.troubles.succeed(fabricKey)
  return { done: true, again: undefined, concerned: concerned(context, outcomes) }
}
