import { readAllocations } from '../desired/read-allocations.ts'
import type { Ledger } from '../model/allocation.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import { externalIds } from '../model/ownership.ts'
import type { LoopContext } from './context.ts'
import type { Orphans } from './orphans.ts'
import { sightingDistance } from './orphans.ts'
import { tombstoneKey } from './tombstones.ts'

/** What a look at everything found. */
export interface World {
  /** Instances that have anything on the engines. */
  readonly instances: ReadonlySet<InstanceName>
}

const reserved = async (context: LoopContext): Promise<Ledger['reserved']> => {
  const [networks, routes] = await Promise.all([context.engines.containers.networks(), context.engines.links.routes()])
  return [
    ...networks.map(({ subnet, name }) => ({ subnet, holder: `Docker network ${name}` })),
    ...routes.map(({ subnet, device }) => ({ subnet, holder: `route of the host over ${device}` })),
  ]
}

/**
 * Looks at all three engines in full, whatever they remember, and books what is found there for instances that hold nothing in the book.
 *
 * @throws EngineError when one of them cannot be read in full; nothing is concluded then.
 */
export const lookAtAll = async (context: LoopContext): Promise<World> => {
  const { containers, switches, links } = context.engines
  const [seenContainers, seenSwitches] = await Promise.all([containers.observe(), switches.observe({}, [])])
  const running = seenContainers.filter(({ pid }) => pid > 0).map(({ name, pid }) => ({ name, pid }))
  const wires = await links.observe(running)
  const held = await reserved(context)
  context.book.reserve(held)
  const { ports, bridges } = seenSwitches
  for (const allocation of readAllocations(seenContainers, ports, context.settings.pools, bridges))
    if (context.book.of(allocation.instance) === undefined) context.book.set(allocation)
  const names: (string | undefined)[] = [
    ...seenContainers.map(({ instance }) => instance),
    ...seenSwitches.ports.map((port) => port.externalIds[externalIds.instance]),
    ...seenSwitches.bridges.map((bridge) => bridge.externalIds[externalIds.instance]),
    ...wires.map((wire) => wire.instance),
  ]
  const instances = new Set(names.flatMap((name) => (name === undefined ? [] : (parseObjectName(name) ?? []))))
  // One whose last object went while this look was under way was booked by what the look began to see.
  const wanted = context.watcher.catalog().instances
  for (const name of [...context.book.view().allocations.keys()])
    if (!instances.has(name) && !wanted.has(name)) context.book.release(name)
  return { instances }
}

/**
 * Instances on the engines that have no document: those whose deletion was seen go at once, the others at the second sighting,
 * and none while the directory may be hiding something.
 */
export const findGone = (
  context: LoopContext,
  world: World,
  orphans: Orphans,
): { readonly gone: readonly InstanceName[]; readonly again: number | undefined } => {
  const catalog = context.watcher.catalog()
  const without = [...world.instances].filter((name) => !catalog.instances.has(name))
  const buried = without.filter((name) => context.store.get('tombstones', tombstoneKey(name)) !== undefined)
  const strays = new Set(without.filter((name) => !buried.includes(name)))
  if (strays.size > 0 && catalog.gaps.length > 0) {
    orphans.sight(new Set()) // what was seen before the gap counts no longer
    context.board.say(
      'file/.',
      'Warning',
      'OrphansKept',
      `${[...strays].join(', ')}: running without a manifest, kept because ${catalog.gaps.join('; ')}`,
    )
    return { gone: buried, again: undefined }
  }
  const second = orphans.sight(strays)
  for (const name of second)
    context.board.event(
      `instance/${name}`,
      'Warning',
      'OrphanRemoved',
      `no manifest defines ${name}: its containers, ports and flows are removed`,
    )
  return {
    gone: [...buried, ...second],
    again: second.length < strays.size ? sightingDistance + 100 : undefined,
  }
}
