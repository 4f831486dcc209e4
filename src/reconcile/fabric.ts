import { emptyState } from '../desired/desire.ts'
import { desireFabric } from '../desired/fabric.ts'
import type { FabricNeeds } from '../desired/result.ts'
import type { DesiredState } from '../model/desired.ts'
import type { InstanceName } from '../model/names.ts'
import type { StepOutcome } from '../model/plan.ts'
import type { TopologyStatus } from '../model/status.ts'
import { summarizeDataCenter, summarizeLink, type FabricPass } from '../status/topology.ts'
import { summarizeTopologyUnseen } from '../status/unseen.ts'
import type { ObjectKey } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { converge } from './converge.ts'
import { dataCenterEntries } from './data-centers.ts'
import { logPlan, noteOutcome, policyOf } from './holds.ts'
import { fabricKey } from './keys.ts'
import { needsOf } from './needs.ts'
import { retryAfter, tellSteps, waitingSteps, withWaiting } from './outcomes.ts'
import type { Turn } from './queue.ts'

const tell = ({ board, clock, watcher }: LoopContext, pass: FabricPass): void => {
  const catalog = watcher.catalog()
  const now = new Date(clock.now()).toISOString()
  const statuses = new Map<ObjectKey, TopologyStatus>()
  for (const entry of dataCenterEntries(catalog))
    statuses.set(entry.key, summarizeDataCenter(entry, pass, board.topology(entry.key), now))
  for (const entry of catalog.links.values())
    statuses.set(entry.key, summarizeLink(entry, pass, board.topology(entry.key), now))
  board.setTopology(statuses)
}

/** Says of data centers and links that they cannot be looked at: whether they work is not known now. */
export const tellFabricUnseen = ({ board, clock, watcher }: LoopContext, problem: string): void => {
  const catalog = watcher.catalog()
  // What is not among objects because files cannot be read has not gone.
  if (!catalog.complete) return
  const now = new Date(clock.now()).toISOString()
  const statuses = [...dataCenterEntries(catalog), ...catalog.links.values()].flatMap(({ key }) => {
    const previous = board.topology(key)
    return previous === undefined ? [] : [[key, summarizeTopologyUnseen(previous, problem, now)] as const]
  })
  board.setTopology(new Map(statuses))
}

const wanted = (context: LoopContext, needs: readonly FabricNeeds[]): DesiredState => {
  const catalog = context.watcher.catalog()
  return desireFabric({
    topology: {
      dataCenters: [...catalog.dataCenters.values()].map((one) => one.document),
      links: [...catalog.links.values()].map((one) => one.document),
    },
    owner: context.owner,
    needs,
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

/** What a turn for the fabric came to. */
interface FabricTurn {
  /** It is as it shall be. */
  readonly done: boolean
  /** Milliseconds after which to look again. */
  readonly again: number | undefined
  /** Something is there for instances that have left their places only in part. */
  readonly isWider: boolean
  /** Instances to be looked at now. */
  readonly concerned: readonly InstanceName[]
}

/**
 * One turn for the switches of data centers and the trunks between them: those declared, and those that instances stand on; `gone`:
 * none at all.
 */
export const turnFabric = async (context: LoopContext, turn: Turn, aim: 'asWanted' | 'gone'): Promise<FabricTurn> => {
  turn.look()
  const { needs, isWider } = await needsOf(context)
  const desired = aim === 'gone' ? emptyState({ kind: 'fabric' }) : wanted(context, needs)
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
    applied: (outcomes) => {
      tellSteps(context, 'fabric/sond', outcomes)
    },
    buildContext: context.buildContext,
    stale: () => turn.stale(),
    waiting: waitingSteps(context, fabricKey),
    signal: turn.signal,
  })
  const told = concerned(context, seen.outcomes)
  if (turn.signal.aborted) return { done: false, again: undefined, isWider, concerned: [] }
  const isStale = turn.stale()
  const again = isStale ? undefined : retryAfter(context, fabricKey, seen)
  tell(context, { ...withWaiting(context, fabricKey, seen), desired })
  return { done: !isStale && again === undefined, again, isWider, concerned: told }
}
