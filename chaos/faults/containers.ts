import type { Container } from 'dockerode'
import type { Arena } from '../arena.ts'
import type { Random } from '../random.ts'
import { type Fault, missed, signal, steadily } from './fault.ts'

const hit = (name: string, blow: (container: Container, pid: number) => Promise<unknown>): Fault => ({
  name,
  strike: async ({ lab }: Arena, random: Random) => {
    const found = await steadily(async () => {
      const listed = await lab.docker.listContainers({ filters: { label: ['sond.dev/owner=sond'] } })
      const byName = [...listed].sort((one, other) => ((one.Names[0] ?? '') < (other.Names[0] ?? '') ? -1 : 1))
      const chosen = random.pick(byName)
      return chosen === undefined ? undefined : lab.docker.getContainer(chosen.Id).inspect()
    })
    if (found === undefined) return missed
    await blow(lab.docker.getContainer(found.Id), found.State.Pid)
    return found.Name.slice(1)
  },
})

/** sond may be faster: it takes away what a change leaves without use. */
const unlessGone = async (blow: Promise<unknown>): Promise<void> => {
  await blow.catch((error: unknown) => {
    const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
    if (status !== 304 && status !== 404 && status !== 409) throw error
  })
}

export const containerFaults: readonly Fault[] = [
  hit('container killed', (container) => unlessGone(container.kill())),
  hit('program killed', async (_, pid) => signal(pid, 'SIGKILL')),
  hit('container paused', (container) => unlessGone(container.pause())),
  hit('container stopped', (container) => unlessGone(container.stop({ t: 0 }))),
  hit('container removed', (container) => unlessGone(container.remove({ force: true }))),
]
