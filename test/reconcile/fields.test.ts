import t from 'tap'
import { chainSketch } from '../support/service.ts'
import { loopFields, manifestOf } from './fields.ts'
import { startLoop } from './world.ts'

for (const { field, specs, look, expect } of loopFields) {
  t.test(`spec.${field}`, async (t) => {
    for (const index of [0, 1] as const) {
      const loop = await startLoop(t)
      await loop.files.onboard(chainSketch('chain', 3, 'img:1'))
      await loop.files.onboard(chainSketch('pair', 2, 'img:1'))
      // What runs before it says so.
      loop.files.apply(manifestOf({}))
      await loop.settled()
      loop.files.apply(manifestOf(specs[index]))
      await loop.settled()
      t.strictSame(await look(loop), expect[index], JSON.stringify(specs[index]))
    }
  })
}
