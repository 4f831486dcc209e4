import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { allProcesses } from '../../../src/engine/embedded/processes.ts'
import { createLinkEngine } from '../../../src/engine/netns/engine.ts'
import { isRuleGone, queueDevice } from '../../../src/engine/netns/side-monitor.ts'
import { name } from '../../support/build.ts'
import { memoryLog } from '../../support/log.ts'
import { until } from '../../support/until.ts'

const execute = promisify(execFile)

t.test('lines that matter', (t) => {
  t.ok(isRuleGone('sond_a', 'delete rule ip sond_a postrouting handle 2'))
  t.ok(isRuleGone('sond_a', 'delete table ip sond_a'))
  t.ok(isRuleGone('sond_a', 'delete rule ip filter FORWARD handle 2'))
  t.notOk(isRuleGone('sond_a', 'add rule ip sond_a postrouting masquerade'))
  t.notOk(isRuleGone('sond_a', 'delete rule ip nat POSTROUTING handle 9'))
  t.equal(queueDevice('deleted qdisc tbf 81de: dev va root rate 1Mbit'), 'va')
  t.equal(queueDevice('qdisc tbf 81de: dev va root refcnt 3 rate 1Mbit'), 'va')
  t.equal(queueDevice('class htb 1: dev va'), undefined)
  t.end()
})

t.test(
  'rules and queues that somebody takes away are told, not only found at the next look at everything',
  async (t) => {
    const netns = `sond-side-${process.pid}`
    await execute('ip', ['netns', 'add', netns])
    t.teardown(() => execute('ip', ['netns', 'del', netns]))
    const inside = (...command: readonly string[]) => execute('ip', ['netns', 'exec', netns, ...command])
    const engine = createLinkEngine({
      ...{ owner: name.owner('side'), netns: `/run/netns/${netns}`, checksumOffload: 'off', log: memoryLog() },
      timeouts: { sideRetry: 50 },
    })
    const hints: string[] = []
    const subscription = await engine.subscribe(({ cause }) => hints.push(cause))
    const monitors = async (program: string): Promise<readonly number[]> =>
      (await allProcesses())
        .filter(({ command }) => command.at(-2)?.endsWith(program) === true && command.at(-1) === 'monitor')
        .filter(({ pid }) => pid !== process.pid)
        .map(({ pid }) => pid)
    const before = { nft: await monitors('nft'), tc: await monitors('tc') }
    /** Until a hint tells of it; done over and over, as the monitor may still be starting. */
    const tells = (what: RegExp, act: () => Promise<unknown>): Promise<unknown> => {
      hints.length = 0
      return until(
        `a hint of ${String(what)}`,
        async () => {
          await act()
          return hints.some((hint) => what.test(hint))
        },
        { every: 100 },
      )
    }
    const bridge = name.bridge('sbside')
    const subnet = '10.10.0.0/30'
    await tells(/way to the outside/, async () => {
      await engine.addNat(bridge, subnet)
      await inside('nft', 'flush', 'table', 'ip', 'sond_side')
    })
    t.match(await engine.natRules(), [{ broken: 'address translation is missing' }])
    await engine.addNat(bridge, subnet)
    await tells(/way to the outside/, async () => {
      await engine.addNat(bridge, subnet)
      await inside('iptables', '-D', 'FORWARD', '1')
    })
    t.match(await engine.natRules(), [{ broken: /FORWARD/ }])

    const ends = ['stside1', 'stside2'].map((port) => ({ port: name.port(port), bridge, externalIds: {} }))
    const [one, other] = ends
    if (one === undefined || other === undefined) throw new Error('two')
    const trunk = { link: 'l', ends: [one, other], shaping: { bandwidthBitsPerSecond: 1e6 } } as never // as the planner makes them
    await engine.createTrunk(trunk)
    const shaped = (await engine.observe([])).some(({ shaper }) => shaper !== undefined)
    t.ok(shaped, 'the kernel can shape')
    await tells(/queueing of stside1/, async () => {
      await engine.shapeTrunk(trunk)
      await inside('tc', 'qdisc', 'del', 'dev', 'stside1', 'root')
    })
    await subscription.close()
    await engine.close()
    await until('the monitors to end', async () => {
      const now = { nft: await monitors('nft'), tc: await monitors('tc') }
      return now.nft.every((pid) => before.nft.includes(pid)) && now.tc.every((pid) => before.tc.includes(pid))
    })
  },
)
