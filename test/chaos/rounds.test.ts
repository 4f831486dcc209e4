import t from 'tap'
import { faults } from '../../chaos/faults/faults.ts'
import { createRandom, drawn } from '../../chaos/random.ts'
import { type Round, roundsOf } from '../../chaos/rounds.ts'
import { changeNames } from '../../chaos/wanted.ts'

const told = ({ number, change, fault, moment }: Round): string =>
  `${number} ${JSON.stringify(change)} ${fault.name} ${moment}`
const rounds = (seed: string, count: number): readonly Round[] => [...roundsOf(seed, faults, count)]

t.test('a seed gives the same rounds each time, another seed others', async (t) => {
  const once = rounds('one', 40).map(told)
  t.same(rounds('one', 40).map(told), once)
  t.same(rounds('one', 20).map(told), once.slice(0, 20), 'the first ones do not depend on how many follow')
  t.notSame(rounds('two', 40).map(told), once)
})

t.test('every fault comes once before any comes again, every change too', async (t) => {
  const some = rounds('one', 200)
  t.equal(new Set(some.slice(0, faults.length).map(({ fault }) => fault.name)).size, faults.length)
  t.ok(some.length / faults.length > 2)
  const names = new Set(some.map(({ change }) => change.name))
  for (const name of [...changeNames, 'create', 'start'] as const) t.ok(names.has(name), name)
  t.same(
    new Set(Array.from({ length: 5 }, (_, place) => drawn([1, 2, 3, 4, 5], 'seed', 5 + place))),
    new Set([1, 2, 3, 4, 5]),
  )
})

t.test(
  'each change begins where the last one ended: what is not there is created, what is stopped is started',
  async (t) => {
    let before: Round | undefined
    for (const round of rounds('one', 200)) {
      const was = before?.change.to
      const { name, to, awayMs } = round.change
      t.equal(name === 'create', was?.present !== true, `${round.number}: ${name}`)
      if (was?.present === true) t.equal(name === 'start', !was.running && name !== 'delete' && name !== 're-create')
      t.equal(name === 'delete', !to.present)
      t.equal(awayMs !== undefined, name === 're-create')
      before = round
    }
  },
)

t.test('chance picks evenly, and nothing of nothing', async (t) => {
  const random = createRandom('seed')
  const counts = [0, 0, 0]
  for (let count = 0; count < 3000; count += 1) {
    const at = random.below(3)
    counts[at] = (counts[at] ?? 0) + 1
  }
  t.ok(counts.every((count) => count > 800))
  t.equal(random.pick<number>([]), undefined)
  t.same(random.shuffle([1, 2, 3]).sort(), [1, 2, 3])
})
