import t from 'tap'
import { createOrphans, sightingDistance } from '../../src/reconcile/orphans.ts'
import { name } from '../support/build.ts'
import { createHandClock } from '../support/hand-clock.ts'

const [a, b] = [name.object('a'), name.object('b')]

void t.test('one sighting is none, and neither are two in a moment', (t) => {
  const clock = createHandClock()
  const orphans = createOrphans(clock)
  t.same(orphans.sight(new Set([a])), [])
  clock.step(sightingDistance - 1)
  t.same(orphans.sight(new Set([a, b])), [])
  clock.step(1)
  t.same(orphans.sight(new Set([a, b])), [a])
  t.end()
})

void t.test('one that was not seen in between begins anew', (t) => {
  const clock = createHandClock()
  const orphans = createOrphans(clock)
  orphans.sight(new Set([a]))
  clock.step(sightingDistance)
  orphans.sight(new Set())
  clock.step(sightingDistance)
  t.same(orphans.sight(new Set([a])), [])
  t.end()
})
