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
  return {
    registry,
    turn: (kind, ms, result) => {
      turns.observe({ kind, result }, ms / 1000)
    },
    step: ({ step, result }) => {
      steps.inc({ kind: step.kind, result })
    },
    watch: (read) => {
      // Each is read when it is asked for: what one gauge sets of another comes too late, or with the next scrape.
      const gauge = (name: string, help: string, value: () => number): void => {
        new Gauge({
          name,
          help,
          registers: [registry],
          collect() {
            this.set(value())
          },
        })
      }
      gauge('sond_queue_depth', 'Keys waiting for a turn', () => read().depth)
      gauge('sond_instances', 'Service instances in the catalog', () => read().instances)
      gauge('sond_instances_ready', 'Service instances that are Ready', () => read().ready)
      gauge('sond_prune_held', 'Deletions held back by the guard', () => read().held)
      gauge('sond_up', '1 while the daemon answers', () => 1)
    },
  }
}
