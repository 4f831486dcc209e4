import t from 'tap'
import { planFields } from './fields.ts'
import { desire } from './switches.ts'

for (const { field, specs, look, expect, given = {} } of planFields) {
  t.test(`spec.${field}`, async (t) => {
    for (const index of [0, 1] as const)
      t.strictSame(look(await desire(given, specs[index])), expect[index], JSON.stringify(specs[index]))
  })
}
