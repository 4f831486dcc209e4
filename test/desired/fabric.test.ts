import t from 'tap'
import { desireFabric } from '../../src/desired/fabric.ts'
import { createRoutes } from '../../src/desired/topology.ts'
import type { PathPolicy } from '../../src/model/documents.ts'
import type { Link } from '../../src/model/documents.ts'
import { name } from '../support/build.ts'
import { dataCenter, trunk } from './samples.ts'

const owner = name.owner('sond')
const declared = ['dc2', 'dc1'].map((item) => dataCenter(item))

t.test('switches of declared data centers and of those in use', (t) => {
  const bridges = (names: readonly string[], used: readonly string[]) =>
    desireFabric({
      owner,
      topology: { dataCenters: names.map((item) => dataCenter(item)), links: [] },
      needs: [{ dataCenters: used.map(name.object), lans: [] }],
    }).bridges.map((item): string => item.name)
  t.strictSame(bridges([], []), [], 'the implicit one is made when an instance stands on it')
  t.strictSame(bridges([], ['dc1']), ['sond-dc1'])
  t.strictSame(bridges(['dc2'], ['dc1', 'dc2']), ['sond-dc1', 'sond-dc2'])
  t.match(bridges(['a-long-name-of-a-site'], []), [/^sb[a-z2-7]{12}$/u])
  t.end()
})

t.test('a link with no shape is a patch that carries the VLANs of E-LANs over it', (t) => {
  const lans = [
    { vlan: 9, links: ['dc1-dc2'] },
    { vlan: 3, links: ['dc1-dc2', 'other'] },
    { vlan: 4, links: [] },
  ]
  const needs = [
    { dataCenters: [], lans },
    { dataCenters: [], lans: [{ vlan: 7, links: ['dc1-dc2'] }] },
  ]
  const state = desireFabric({ owner, topology: { dataCenters: declared, links: [trunk('dc1-dc2')] }, needs })
  t.strictSame(state.trunks, [])
  const [patch] = state.patches
  t.strictSame(
    patch?.ends.map((end) => [end.bridge, end.trunks]),
    [
      ['sond-dc1', [3, 7, 9]],
      ['sond-dc2', [3, 7, 9]],
    ],
  )
  t.match(patch?.ends[0].externalIds, { 'sond-owner': 'sond', role: 'trunk', link: 'dc1-dc2', datacenter: 'dc1' })
  const quiet = desireFabric({ owner, topology: { dataCenters: declared, links: [trunk('dc1-dc2')] }, needs: [] })
  t.equal(quiet.patches[0]?.ends[0].trunks, undefined, 'none: nothing is switched over it')
  t.end()
})

t.test('a shaped link is a trunk', (t) => {
  const shapes: readonly Partial<Link['spec']>[] = [
    { bandwidthBitsPerSecond: 1e8 },
    { delayMs: 10 },
    { jitterMs: 1 },
    { lossPercent: 0.1 },
  ]
  for (const shape of shapes) {
    const state = desireFabric({
      owner,
      topology: { dataCenters: declared, links: [trunk('dc1-dc2', shape)] },
      needs: [],
    })
    t.strictSame(state.patches, [])
    t.strictSame(
      state.trunks.map((item) => [item.link, item.shaping]),
      [['dc1-dc2', shape]],
    )
  }
  t.end()
})

t.test('links that lead nowhere make nothing', (t) => {
  const links = [trunk('dc1-dc9'), trunk('dc1-dc1', {}, 'loop')]
  t.strictSame(desireFabric({ owner, topology: { dataCenters: declared, links }, needs: [] }).patches, [])
  t.end()
})

const known = (...names: readonly string[]) => new Set(names.map(name.object))

t.test('ways between data centers', (t) => {
  const links = [
    trunk('a-b', { delayMs: 50 }),
    trunk('b-a', { delayMs: 30 }, 'a-b-2'),
    trunk('b-c', { delayMs: 10 }),
    trunk('a-c', { delayMs: 100 }),
    trunk('c-d'),
  ]
  const way = (from: string, to: string, policy: PathPolicy = 'Hops') =>
    createRoutes(known('a', 'b', 'c', 'd', 'e'), links, owner, policy)
      .path(name.object(from), name.object(to))
      ?.map((hop) => hop.link)
  t.strictSame(way('a', 'a'), [])
  t.strictSame(way('a', 'd'), ['a-c', 'c-d'], 'fewest hops')
  t.strictSame(way('a', 'd', 'Delay'), ['a-b-2', 'b-c', 'c-d'], 'least delay, over the better of two links')
  t.strictSame(way('a', 'b'), ['a-b'], 'of two links the first by name')
  t.equal(way('a', 'e'), undefined)
  t.equal(way('a', 'e', 'Delay'), undefined)
  const [hop] = createRoutes(known('a', 'b'), links, owner, 'Hops').path(name.object('a'), name.object('b')) ?? []
  t.match(hop, { from: 'a', to: 'b', out: /^st[a-z2-7]{12}$/u, in: /^st/u })
  t.not(hop?.out, hop?.in)
  t.end()
})
