import { appendFile, link, symlink, writeFile } from 'node:fs/promises'
import t from 'tap'
import { createArrivals } from '../../src/watch/arrivals.ts'
import { createWorld } from './world.ts'

/** Longer than any test: a file that has to rest is not read here. */
const settleMs = 600_000

t.test('what came under its name is whole until it is written to', (t) => {
  const arrivals = createArrivals()
  t.notOk(arrivals.isWhole('/m/a.yaml'), 'never heard of')
  arrivals.heard('/m/a.yaml', 'rename')
  t.ok(arrivals.isWhole('/m/a.yaml'))
  arrivals.heard('/m/b.yaml', 'change')
  t.ok(arrivals.isWhole('/m/a.yaml'), 'another was written to')
  arrivals.heard('/m/a.yaml', 'change')
  t.notOk(arrivals.isWhole('/m/a.yaml'))
  arrivals.heard('/m/a.yaml', 'rename')
  t.ok(arrivals.isWhole('/m/a.yaml'), 'replaced by a rename again')
  t.end()
})

t.test('a directory that is filled with thousands of names makes it forget, not grow', (t) => {
  const arrivals = createArrivals()
  const names = Array.from({ length: 10_000 }, (_, index) => `/m/${index}.yaml`)
  for (const name of names) arrivals.heard(name, 'rename')
  t.ok(names.filter((name) => arrivals.isWhole(name)).length <= 4096)
  arrivals.heard('/m/last.yaml', 'rename')
  t.ok(arrivals.isWhole('/m/last.yaml'))
  t.end()
})

t.test('a renamed or linked file is read at once, one written where it lies has to rest', async (t) => {
  const world = await createWorld(t, { settleMs })
  await world.write({ 'rests.yaml': 'instance rests 1' })
  await world.replace('renamed.yaml', 'instance renamed 1')
  await world.eventually('the renamed one counts', () => world.instances() === 'renamed=1')
  await writeFile(world.path('.hidden'), 'instance linked 1')
  await link(world.path('.hidden'), world.path('linked.yaml'))
  await world.eventually('the linked one counts', () => world.instances() === 'linked=1 renamed=1')
  await world.replace('renamed.yaml', 'instance renamed 2')
  await world.eventually('a second rename counts', () => world.instances() === 'linked=1 renamed=2')
  await world.replace('rests.yaml', 'instance rests 2')
  await world.eventually('a rename over the first', () => world.instances() === 'linked=1 renamed=2 rests=2')
})

t.test('what is written to after it came, and what a link leads to, has to rest', async (t) => {
  const world = await createWorld(t, { settleMs })
  await world.replace('a.yaml', 'instance a 1')
  await world.eventually('it counts', () => world.instances() === 'a=1')
  await appendFile(world.path('a.yaml'), '\ninstance more 1')
  await writeFile(`${world.directory}/../elsewhere`, 'instance elsewhere 1')
  await symlink('../elsewhere', world.path('b.yaml'))
  await writeFile(world.path('empty.yaml'), '')
  await world.replace('last.yaml', 'instance last 1')
  await world.eventually('what came after them counts', () => world.instances() === 'a=1 last=1')
  t.match(world.catalog().gaps, ['b.yaml is still being written', 'empty.yaml is still being written'])
})
