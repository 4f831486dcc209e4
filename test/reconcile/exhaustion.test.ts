import t from 'tap'
import type { SondConfiguration } from '../../src/model/documents.ts'
import { name } from '../support/build.ts'
import { buildManifest, chainSketch, type ServiceSketch } from '../support/service.ts'
import { startLoop, type TestLoop } from './world.ts'

const chain = chainSketch('chain', 3, 'img:1')
const lan: ServiceSketch = {
  ...chainSketch('lan', 3, 'img:1'),
  links: [['lan', 'E-LAN', 'f1:output', 'f2:input', 'f3:input']],
}
const outside: ServiceSketch = {
  ...chainSketch('outside', 1, 'img:1'),
  links: [['way', 'E-Line', 'ns:wan', 'f1:input']],
  points: { 'ns:wan': 'external' },
}
const pool = (prefix: string, size: number, count: number) => ({ prefix: name.cidr(prefix), size, count })
const small: SondConfiguration['spec']['pools'] = {
  sap: pool('10.10.0.0/16', 30, 4),
  elan: pool('10.20.0.0/16', 24, 4),
  eline: pool('10.30.0.0/16', 30, 4),
}
const large: SondConfiguration['spec']['pools'] = { ...small, eline: pool('10.128.0.0/9', 30, 30_000) }

const start = async (t: Parameters<typeof startLoop>[0], pools = small): Promise<TestLoop> => {
  const loop = await startLoop(t, { settings: { pools, saps: { deploy: true, vnfd: null } } })
  await loop.files.onboard(chain)
  await loop.files.onboard(lan)
  return loop
}

const problemsOf = (loop: TestLoop, instance: string): string =>
  [loop.told(instance), loop.condition(instance, 'Stalled')?.message, ...loop.events(`instance/${instance}`)].join('\n')

void t.test(
  'addresses: who goes without says what ran out and who holds it; what is given back is used at once',
  async (t) => {
    const loop = await start(t)
    for (const one of ['a', 'b', 'c']) loop.files.apply(buildManifest(one, 'chain'))
    await loop.settled()
    t.same([loop.told('a'), loop.told('b')], ['Ready', 'Ready'])
    t.match(
      loop.told('c'),
      /NotChained: 0 of 2 chained; l1: pool eline has no subnet left \(held by instance a, instance b\)/,
    )
    t.match(loop.condition('c', 'Stalled'), { status: 'True', message: /pool eline .*held by instance a, instance b/ })
    t.match(
      problemsOf(loop, 'c'),
      /EXHAUSTED: c copy 0 link l1: pool eline has nothing left \(held by instance a, instance b\)/,
    )
    t.equal(loop.running().length, 9, 'its functions run all the same')
    loop.calls()
    loop.files.delete('ServiceInstance/a')
    await loop.settled()
    t.equal(loop.told('c'), 'Ready', 'without waiting for anything')
    t.notOk(
      loop.calls().some((call) => call.includes('sond.b.')),
      'the other was not touched',
    )
    loop.files.apply(buildManifest('a', 'chain'))
    await loop.settled()
    t.match(loop.told('a'), /pool eline has no subnet left/)
    loop.files.apply(buildManifest('b', 'chain', { state: 'Stopped' }))
    await loop.settled()
    t.equal(loop.told('a'), 'Ready', 'a service that is stopped gives back too')
  },
)

void t.test('addresses of copies: those that fit are there; fewer copies of another make room at once', async (t) => {
  const loop = await start(t)
  loop.files.apply(buildManifest('a', 'chain', { replicas: 2 }))
  await loop.settled()
  loop.files.apply(buildManifest('b', 'chain'))
  await loop.settled()
  t.match(loop.told('b'), /held by instance a\)/)
  loop.files.apply(buildManifest('a', 'chain', { replicas: 1 }))
  await loop.settled()
  t.equal(loop.told('b'), 'Ready')
})

void t.test('addresses of LANs and of access points: each pool is named, and given out anew at once', async (t) => {
  for (const [pool, sketch] of [
    ['elan', lan],
    ['sap', outside],
  ] as const) {
    const loop = await start(t, { ...small, [pool]: { ...small[pool], count: 2 } })
    await loop.files.onboard(sketch)
    for (const one of ['a', 'b', 'c']) loop.files.apply(buildManifest(one, sketch.name))
    await loop.settled()
    t.same([loop.told('a'), loop.told('b')], ['Ready', 'Ready'])
    const holders = `pool ${pool} has no subnet left (held by instance a, instance b)`
    for (const type of ['Ready', 'LinksReady'] as const) {
      const { status, message } = loop.condition('c', type) ?? {}
      t.equal(status, 'False', `${pool} ${type}`)
      t.ok(message?.includes(holders), `${pool} ${type}: ${message}`)
    }
    t.match(loop.condition('c', 'Stalled'), { status: 'True' })
    t.match(problemsOf(loop, 'c'), new RegExp(`EXHAUSTED: c copy 0 link \\S+: pool ${pool} has nothing left`))
    loop.files.delete('ServiceInstance/b')
    await loop.settled()
    t.equal(loop.told('c'), 'Ready', `${pool}: without waiting for anything`)
    await loop.stop()
  }
})

void t.test('all 4094 VLANs', async (t) => {
  const loop = await start(t)
  const greedy = name.object('greedy')
  const held = Array.from({ length: 4094 }, (_, n) => ({ copy: 0, link: name.link(`l${n}`), vlan: n + 1 }))
  const nothing = { instance: greedy, cookie: 7, subnets: [], addresses: [], placements: [] }
  loop.files.apply(buildManifest('before', 'chain'))
  await loop.settled()
  loop.context.book.set({ ...nothing, vlans: held })
  loop.files.apply(buildManifest('late', 'lan'))
  await loop.settled()
  t.match(loop.told('late'), /NotChained: .*no VLAN is left \(held by instance greedy\)/)
  t.equal(loop.told('before'), 'Ready')
  loop.context.book.set({ ...nothing, vlans: held.slice(1) })
  await loop.settled()
  t.equal(loop.told('late'), 'Ready')
  t.equal(loop.board.status(name.object('late'))?.links[0]?.vlan, 1, 'the one that was given back')
})

void t.test('room in data centers', async (t) => {
  const loop = await start(t)
  loop.files.apply(
    'apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: dc1}\nspec: {capacity: {cpu: 4}}\n',
  )
  loop.files.apply(buildManifest('a', 'chain'))
  await loop.settled()
  loop.files.apply(buildManifest('b', 'chain'))
  await loop.settled()
  t.match(loop.told('b'), /Unplaceable: .*no data center has enough capacity left \(also in use by instance a\)/)
  t.equal(loop.told('a'), 'Ready')
  t.equal(loop.running().length, 4, 'what fits runs')
  loop.files.delete('ServiceInstance/a')
  await loop.settled()
  t.equal(loop.told('b'), 'Ready')
})

void t.test('a thousand instances at once: seconds, and no more memory than they are worth', async (t) => {
  const loop = await start(t, large)
  const count = 1_000
  const before = { cpu: process.cpuUsage(), rss: process.memoryUsage().rss }
  loop.files.apply(Array.from({ length: count }, (_, n) => buildManifest(`i${n}`, 'chain')).join('---\n'))
  await loop.controller.idle()
  const cpu = process.cpuUsage(before.cpu)
  const seconds = (cpu.user + cpu.system) / 1e6
  const megabytes = (process.memoryUsage().rss - before.rss) / 1e6
  t.equal(loop.board.readyCount(), count)
  t.equal(loop.running().length, 3 * count)
  const made = loop.calls().filter((call) => call.startsWith('containers.create '))
  t.equal(made.length, 3 * count, 'each was made once')
  // Measured alone on the reference machine: 5 s, 250 MB.
  t.ok(seconds < 20, `${seconds.toFixed(1)} CPU seconds`)
  t.ok(megabytes < 600, `${megabytes.toFixed(0)} MB`)
  t.comment(`${seconds.toFixed(1)} CPU seconds, ${megabytes.toFixed(0)} MB`)
})
