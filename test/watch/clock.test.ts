// The machine's clock is set, and files bear times that are yet to come.
import { rm, utimes, writeFile } from 'node:fs/promises'
import t from 'tap'
import { createWorld, type World } from './world.ts'

const day = 24 * 3_600_000
const year = 365 * day

const ownerOf = ({ catalog }: World): string | undefined => catalog().instances.values().next().value?.source.file

/** It is said of the file that another defines its object already. */
const reported = (world: World, file: string): boolean =>
  (world.errorOf(file) ?? '').includes('ServiceInstance/demo is defined by')

void t.test(
  'two files that define one object: the one that was there first keeps it, however the clock jumps',
  async (t) => {
    for (const jump of [year, -year]) {
      const world = await createWorld(t, { files: { 'z.yaml': 'instance demo 1' } })
      await world.write({ 'a.yaml': 'instance demo 2' })
      await world.eventually('the second file to be reported', () => reported(world, 'a.yaml'))
      world.jump(jump)
      await world.write({ 'z.yaml': 'instance demo 3' })
      await world.eventually('the edit', () => world.instances() === 'demo=3')
      t.equal(ownerOf(world), 'z.yaml')

      // The younger one looks older than the other, and the other way round.
      for (const by of [-year, year]) {
        const time = new Date(Date.now() + by)
        await utimes(world.path('a.yaml'), time, time)
        await world.watcher().rescan()
        t.equal(ownerOf(world), 'z.yaml')
      }
      await world.restart(async () => {
        world.jump(-2 * jump)
        await writeFile(world.path('z.yaml'), 'instance demo 4')
      })
      t.equal(world.instances(), 'demo=4', 'also over a restart')
      t.equal(ownerOf(world), 'z.yaml')
      t.ok(reported(world, 'a.yaml'))

      await rm(world.path('z.yaml'))
      await world.eventually('the other to take over', () => world.instances() === 'demo=2')
      await world.write({ 'z.yaml': 'instance demo 5' })
      await world.eventually('the one that came again to be reported', () => reported(world, 'z.yaml'))
      t.equal(world.instances(), 'demo=2', 'it is the younger one now')
    }
  },
)

void t.test('a file from the future is read as soon as any, and so are edits of it', async (t) => {
  const world = await createWorld(t)
  const tomorrow = new Date(Date.now() + day)
  const write = async (content: string): Promise<void> => {
    await writeFile(world.path('a.yaml'), content)
    await utimes(world.path('a.yaml'), tomorrow, tomorrow)
  }
  await write('instance demo 1')
  await world.eventually('the file', () => world.instances() === 'demo=1')
  // Of the same size and with the same time.
  await write('instance demo 2')
  await world.eventually('the edit', () => world.instances() === 'demo=2')
  await writeFile(world.path('a.yaml'), 'instance demo 3')
  await world.eventually('an edit with the time of now', () => world.instances() === 'demo=3')
  await write('instance demo 4')
  await world.restart(() => write('instance demo 5'))
  t.equal(world.instances(), 'demo=5', 'at the first look after a restart')
  world.jump(-year)
  await world.restart()
  await world.write({ 'a.yaml': 'instance demo 6' })
  await world.eventually('an edit before all times of files', () => world.instances() === 'demo=6')
})
