import { desireFabric } from '../desired/fabric.ts'
import { isEmpty } from '../model/plan.ts'
import type { LoopContext } from './context.ts'
import { converge } from './converge.ts'
import { noteOutcome, policyOf } from './instance.ts'
import { fabricKey } from './keys.ts'
import type { Turn } from './queue.ts'

/** One turn for the switches of data centers and the trunks between them: those declared, and those that instances stand on. */
export const turnFabric = async (context: LoopContext, turn: Turn): Promise<number | undefined> => {
  const catalog = context.watcher.catalog()
  const desired = desireFabric({
    topology: {
      dataCenters: [...catalog.dataCenters.values()].map((one) => one.document),
      links: [...catalog.links.values()].map((one) => one.document),
    },
    owner: context.owner,
    needs: [...context.wishes.values()].map((one) => one.fabric),
  })
  const { plan } = await converge(desired, {
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
  if (!isEmpty(plan)) return context.troubles.fail(fabricKey, `${String(plan.steps.length)} steps are left`)
  context.troubles.succeed(fabricKey)
  return undefined
}
