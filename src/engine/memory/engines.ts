import type { Engines } from '../ports.ts'
import { createMemoryContainers } from './containers.ts'
import { createMemoryLinks } from './links.ts'
import { createMemorySwitches } from './switches.ts'
import { createWorld, type World } from './world.ts'

/** The three engines over one world, for one owner. A world that several get is shared by them. */
export const createMemoryEngines = ({
  owner,
  world = createWorld(),
}: {
  readonly owner: string
  readonly world?: World
}): Engines => ({
  containers: createMemoryContainers(world, owner),
  switches: createMemorySwitches(world, owner),
  links: createMemoryLinks(world, owner),
})
