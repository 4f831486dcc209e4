import type { EngineHint, Subscription } from '../../../src/engine/ports.ts'
import type { InstanceName } from '../../../src/model/names.ts'
import { until } from '../../support/until.ts'

interface Subscribable {
  subscribe(listener: (hint: EngineHint) => void): Promise<Subscription>
}

/** Runs `act` and waits until a hint says to look at `instance`, or everywhere. */
export const hintAfter = async (
  engine: Subscribable,
  instance: InstanceName | undefined,
  act: () => Promise<unknown>,
): Promise<EngineHint> => {
  const hints: EngineHint[] = []
  const subscription = await engine.subscribe((hint) => hints.push(hint))
  try {
    hints.length = 0
    await act()
    return await until('a hint', () =>
      hints.find((hint) => hint.instance === undefined || instance === undefined || hint.instance === instance),
    )
  } finally {
    await subscription.close()
  }
}
