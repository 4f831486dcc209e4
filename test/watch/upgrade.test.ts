// What an earlier version of the daemon remembered is read again by this one.
import { unlink } from 'node:fs/promises'
import t from 'tap'
import { createWorld } from './world.ts'

t.test('remembered bytes are parsed again where the directory has nothing better', async (t) => {
  const world = await createWorld(t, {
    files: { 'a.yaml': 'instance a 1', 'b.yaml': 'instance b 1', 'c.yaml': 'instance c 1', 'd.yaml': 'instance d 1' },
  })
  await world.restart(async () => {
    for (const file of ['a.yaml', 'b.yaml', 'c.yaml']) await unlink(world.path(file))
    await world.write({ 'd.yaml': 'nonsense' })
    world.parsers.parsed.length = 0
  })
  t.equal(world.instances(), 'a=1 b=1 c=1 d=1')
  t.strictSame([...new Set(world.parsers.parsed)].sort(), ['a.yaml', 'b.yaml', 'c.yaml', 'd.yaml'])
  t.strictSame(world.catalog().held?.files, ['a.yaml', 'b.yaml', 'c.yaml'])
  await world.restart(() => world.write({ 'd.yaml': 'bug' }))
  t.equal(world.instances(), 'a=1 b=1 c=1 d=1', 'a parser that fails leaves the documents that were kept')
})
