import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Observer } from '../reconcile/context.ts'

export interface Metrics extends Observer {
  readonly registry: Registry
  /** Called at each scrape. */
  watch(
    read: () => { readonly depth: number; readonly instances: number; readonly ready: number; readonly held: number },
  ): void
}

/** Metrics of the loop, in Prometheus' text form. */
export const createMetrics = (): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const turns = new Histogram({
    name: 'sond_reconcile_duration_seconds',
    help: 'Turns of the loop, by what they were about and how they ended',
    labelNames: ['kind', 'result'] as const,
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers: [registry],
  })
  const steps = new Counter({
    name: 'sond_steps_total',
    help: 'Steps carried out, by kind and result',
    labelNames: ['kind', 'result'] as const,
    registers: [registry],
  })
  const gauges = {
    depth: new Gauge({ name: 'sond_queue_depth', help: 'Keys waiting for a turn', registers: [registry] }),
    instances: new Gauge({ name: 'sond_instances', help: 'Service instances in the catalog', registers: [registry] }),
    ready: new Gauge({ name: 'sond_instances_ready', help: 'Service instances that are Ready', registers: [registry] }),
    held: new Gauge({ name: 'sond_prune_held', help: 'Deletions held back by the guard', registers: [registry] }),
  }

  return {
    registry,
    turn: (kind, ms, result) => {
      turns.observe({ kind, result }, ms / 1000)
    },
    step: ({ step, result }) => {
      steps.inc({ kind: step.kind, result })
    },
    watch: (read) => {
      const values = (): void => {
        const now = read()
        gauges.depth.set(now.depth)
        gauges.instances.set(now.instances)
        gauges.ready.set(now.ready)
        gauges.held.set(now.held)
      }
      // One gauge that is collected sets them all, so that a scrape sees one moment.
      new Gauge({
        name: 'sond_up',
        help: '1 while the daemon answers',
        registers: [registry],
        collect() {
          values()
          this.set(1)
        },
      })
    },
  }
}
