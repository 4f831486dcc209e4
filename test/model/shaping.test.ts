import t from 'tap'
import { askedOf, lackingOf, shaperFor, type Shaper } from '../../src/model/shaping.ts'

const all: ReadonlySet<Shaper> = new Set(['netem', 'tbf'])
const bucket: ReadonlySet<Shaper> = new Set(['tbf'])
const none: ReadonlySet<Shaper> = new Set()

t.test('what is asked of a link', async (t) => {
  t.same(askedOf({}), [])
  t.same(askedOf({ delayMs: 0, lossPercent: 0 }), [], 'nothing of something is nothing')
  t.same(askedOf({ bandwidthBitsPerSecond: 1, delayMs: 1, jitterMs: 1, lossPercent: 1 }), [
    'bandwidth',
    'delay',
    'jitter',
    'loss',
  ])
})

t.test('what a kernel can do of it', async (t) => {
  const wide = { bandwidthBitsPerSecond: 1e6 }
  const both = { ...wide, delayMs: 10 }
  t.equal(shaperFor({}, all), undefined)
  t.equal(shaperFor(both, all), 'netem')
  t.equal(shaperFor(both, bucket), 'tbf')
  t.equal(shaperFor({ delayMs: 10 }, bucket), undefined)
  t.equal(shaperFor(wide, none), undefined)
  t.same(lackingOf(both, all), [])
  t.same(lackingOf(both, bucket), ['delay'])
  t.same(lackingOf({ delayMs: 10 }, bucket), ['delay'])
  t.same(lackingOf(both, none), ['bandwidth', 'delay'])
})
