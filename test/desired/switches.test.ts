import t from 'tap'
import { checkSwitch, merged, nested } from '../support/switches.ts'
import { desire, planSwitches } from './switches.ts'

for (const one of planSwitches) {
  const { setting, values, overridden, given, spec = {} } = one
  t.test(`keep: ${setting}: ${JSON.stringify(values[0])} or ${JSON.stringify(values[1])}`, async (t) => {
    for (const index of [0, 1] as const) {
      const asked = merged(given, nested(setting, values[index]))
      await checkSwitch(t, one, index, await desire(asked, spec))
      if (!overridden) continue
      const other = merged(given, nested(setting, values[1 - index]))
      const overruled = await desire(other, merged(spec, nested(setting, values[index])))
      await checkSwitch(t, one, index, overruled, 'against the daemon its instance')
    }
  })
}
