import fc from 'fast-check'
import t from 'tap'
import { holdReason, type Loss } from '../../src/watch/prune.ts'
import { createSettle } from '../../src/watch/settle.ts'

const loss = (more: Partial<Loss>): Loss => ({
  directory: '/m',
  lost: [],
  lostManifests: 0,
  manifests: 10,
  present: 5,
  returned: false,
  maxPrunePercent: 50,
  ...more,
})

t.test('one lost file is always believed, everything at once never', (t) => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20), fc.nat(100), fc.boolean(), (present, more, maxPrunePercent, returned) => {
      const one = loss({ lost: ['a'], lostManifests: 1, manifests: present + 1, present, maxPrunePercent, returned })
      const lost = ['a', 'b', ...Array.from({ length: more }, String)]
      const all = loss({
        lost,
        lostManifests: lost.length,
        manifests: lost.length,
        present: 0,
        maxPrunePercent,
        returned,
      })
      return holdReason(one) === undefined && holdReason(all) !== undefined
    }),
  )
  t.end()
})

t.test('the share that may go is a setting; packages are not counted', (t) => {
  const lost = ['a', 'b', 'c', 'd', 'e', 'f']
  t.equal(holdReason(loss({ lost, lostManifests: 5 })), undefined)
  t.match(holdReason(loss({ lost, lostManifests: 6 })), /6 of 10 manifests went at once/)
  t.equal(holdReason(loss({ lost, lostManifests: 6, maxPrunePercent: 60 })), undefined)
  t.match(holdReason(loss({ lost, lostManifests: 2, maxPrunePercent: 0 })), /maxPrunePercent \(0 %\)/)
  t.equal(holdReason(loss({ lost, lostManifests: 1, maxPrunePercent: 0 })), undefined)
  t.match(holdReason(loss({ lost: ['a', 'b'], returned: true })), /since \/m was away or replaced/)
  t.end()
})

t.test('a file rests when it looked the same for the settle time, or is known to have rested', (t) => {
  const settle = createSettle(100)
  const never = () => false
  t.equal(settle.left('a', 0), 100)
  settle.observe(
    new Map([
      ['a', '1'],
      ['old', '1'],
    ]),
    1000,
    (file) => file === 'old',
  )
  t.strictSame([settle.left('a', 1000), settle.left('a', 1060), settle.left('a', 1100)], [100, 40, 0])
  t.equal(settle.left('old', 1000), 0)
  settle.observe(
    new Map([
      ['a', '2'],
      ['old', '1'],
    ]),
    1090,
    never,
  )
  t.strictSame([settle.left('a', 1100), settle.left('old', 1100)], [90, 0])
  settle.observe(new Map([['a', '2']]), 1200, never)
  t.equal(settle.left('a', 1200), 0)
  t.end()
})
