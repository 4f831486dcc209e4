import t from 'tap'
import { createMetrics } from '../../src/main/metrics.ts'

void t.test('gauges tell what is so at the scrape, at the first one too', async (t) => {
  const metrics = createMetrics()
  let ready = 2
  metrics.watch(() => ({ depth: 3, instances: 5, ready, held: 1 }))
  const told = async (name: string): Promise<string | undefined> =>
    new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.registry.metrics())?.[1]
  t.equal(await told('sond_instances_ready'), '2')
  ready = 4
  t.equal(await told('sond_instances_ready'), '4')
  const all = ['sond_queue_depth', 'sond_instances', 'sond_prune_held', 'sond_up']
  t.same(await Promise.all(all.map(told)), ['3', '5', '1', '1'])
})

void t.test('turns and steps are counted by kind and result', async (t) => {
  const metrics = createMetrics()
  metrics.turn('instance', 20, 'done')
  t.match(
    await metrics.registry.metrics(),
    /^sond_reconcile_duration_seconds_sum\{kind="instance",result="done"\} 0\.02$/m,
  )
})
