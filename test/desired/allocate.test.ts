import t from 'tap'
import { type Segment, allocate, cookieNumber } from '../../src/desired/allocate.ts'
import { someHolders } from '../../src/desired/result.ts'
import { hostAddress, hostCount, hostIndex, poolOrder, subnetOf, subnetText } from '../../src/desired/subnets.ts'
import type { Allocation, Ledger } from '../../src/model/allocation.ts'
import type { PoolSettings } from '../../src/model/documents.ts'
import { createLedgerBook } from '../../src/reconcile/ledger.ts'
import { name } from '../support/build.ts'
import { configuration, emptyLedger, ledgerOf } from './samples.ts'

const pool = (prefix: string, size: number, count: number): PoolSettings => ({ prefix: name.cidr(prefix), size, count })
const subnets = (settings: PoolSettings, hosts: number): readonly string[] => {
  const order = poolOrder(settings, hosts)
  return Array.from({ length: order.count }, (_, place) => subnetText(order.at(place)))
}

t.test('keep: subnets of a pool in their order', (t) => {
  const wide = subnets(pool('10.30.0.0/16', 30, 50), 2)
  t.strictSame(wide.slice(0, 3), ['10.30.0.0/30', '10.30.1.0/30', '10.30.2.0/30'], 'one per third octet')
  t.equal(wide.length, 50)
  t.equal(subnets(pool('10.20.0.0/16', 24, 50), 4).at(-1), '10.20.49.0/24')
  const narrow = ['10.1.2.0/30', '10.1.2.4/30', '10.1.2.8/30', '10.1.2.12/30']
  t.strictSame(subnets(pool('10.1.2.0/28', 30, 50), 2), narrow, 'beside each other where the prefix is narrow')
  t.strictSame(subnets(pool('10.30.0.0/16', 30, 3), 5), ['10.30.0.0/29', '10.30.1.0/29', '10.30.2.0/29'])
  t.strictSame(subnets(pool('10.30.0.0/16', 30, 4), 300), ['10.30.0.0/23', '10.30.2.0/23'], 'as large as needed')
  t.strictSame(subnets(pool('10.30.0.4/30', 30, 1), 2), ['10.30.0.4/30'])
  t.strictSame(subnets(pool('10.30.0.0/30', 30, 1), 9), [])
  t.strictSame(subnets(pool('10.30.0.0/31', 31, 1), 2), [], 'a subnet has at least two hosts')
  t.equal(subnets(pool('255.255.255.252/30', 30, 1), 2)[0], '255.255.255.252/30')
  t.end()
})

t.test('hosts of a subnet', (t) => {
  const subnet = name.cidr('10.30.1.0/30')
  t.strictSame(
    [0, 1, 2, 3].map((index) => hostAddress(subnet, index)),
    [undefined, '10.30.1.1/30', '10.30.1.2/30', undefined],
  )
  t.equal(hostCount(subnet), 2)
  t.equal(hostIndex(name.cidr('10.30.1.2/30')), 2)
  t.equal(subnetOf(name.cidr('10.30.1.2/30')), subnet)
  t.end()
})

const segment = (link: string, count = 2, more: Partial<Segment> = {}): Segment => ({
  copy: 0,
  link: name.link(link),
  pool: 'eline',
  members: Array.from({ length: count }, (_, index) => ({
    vnf: name.vnf(`${link}${index}`),
    vdu: '',
    interface: name.interface('i'),
    link: name.link(link),
    replicas: [0],
    position: index + 1,
  })),
  usedUp: [],
  ...more,
})

const small = { ...configuration.pools, eline: pool('10.30.0.0/16', 30, 3) }

const run = (
  links: readonly string[],
  ledger: Ledger = emptyLedger,
  previous?: Allocation,
  vlans: readonly string[] = [],
) => {
  const instance = name.object('demo')
  const result = allocate({
    instance,
    ledger,
    previous,
    pools: small,
    segments: links.map((link) => segment(link)),
    vlans: vlans.map((link) => ({ copy: 0, link: name.link(link) })),
  })
  const { cookie, subnets: held, addresses, vlans: tags } = result
  const allocation: Allocation = { instance, cookie, subnets: held, vlans: tags, addresses, placements: [] }
  return { ...result, allocation, told: held.map((item) => `${item.link} ${item.subnet}`) }
}

const as = (allocation: Allocation, instance: string): Allocation => ({
  ...allocation,
  instance: name.object(instance),
})

t.test('mend: the lowest free subnet; kept while it fits; free when dropped', (t) => {
  const first = run(['a', 'b'])
  t.strictSame(first.told, ['a 10.30.0.0/30', 'b 10.30.1.0/30'])
  const without = run(['b'], emptyLedger, first.allocation)
  t.strictSame(without.told, ['b 10.30.1.0/30'], 'a change elsewhere moves nothing')
  t.strictSame(run(['c', 'b'], emptyLedger, without.allocation).told, ['c 10.30.0.0/30', 'b 10.30.1.0/30'])
  t.strictSame(
    run(['c', 'b'], emptyLedger, first.allocation).told,
    ['c 10.30.0.0/30', 'b 10.30.1.0/30'],
    'used again at once',
  )
  t.strictSame(run(['a'], ledgerOf(as(first.allocation, 'other'))).told, ['a 10.30.2.0/30'])
  t.strictSame(run(['b', 'a'], ledgerOf(first.allocation), first.allocation).told, ['b 10.30.1.0/30', 'a 10.30.0.0/30'])
  t.end()
})

t.test('what the host or Docker uses is never handed out, and what is held stays', (t) => {
  const reserved = [{ subnet: name.cidr('10.30.0.0/23'), holder: 'Docker network x' }]
  const ledger = { ...emptyLedger, reserved }
  t.strictSame(run(['a'], ledger).told, ['a 10.30.2.0/30'])
  t.strictSame(run(['a'], ledger, run(['a']).allocation).told, ['a 10.30.0.0/30'])
  t.end()
})

t.test('two that hold the same: the one that comes later moves', (t) => {
  const first = run(['a'])
  t.strictSame(run(['a'], ledgerOf(as(first.allocation, 'other')), first.allocation).told, ['a 10.30.1.0/30'])
  const twice: Allocation = {
    ...first.allocation,
    subnets: ['a', 'b'].map((link) => ({
      copy: 0,
      link: name.link(link),
      pool: 'eline',
      subnet: name.cidr('10.30.0.0/30'),
    })),
  }
  t.strictSame(run(['a', 'b'], emptyLedger, twice).told, ['a 10.30.0.0/30', 'b 10.30.1.0/30'])
  t.end()
})

t.test('a subnet that is too small or of another pool is given up', (t) => {
  const first = run(['a']).allocation
  const grown = (of: Segment) =>
    allocate({
      instance: name.object('demo'),
      ledger: emptyLedger,
      previous: first,
      pools: small,
      segments: [of],
      vlans: [],
    })
  t.equal(grown(segment('a', 5)).subnets[0]?.subnet, '10.30.0.0/29')
  t.equal(grown(segment('a', 2, { usedUp: [9] })).subnets[0]?.subnet, '10.30.0.0/28')
  t.equal(grown(segment('a', 2, { pool: 'elan' })).subnets[0]?.subnet, '10.20.0.0/24')
  t.end()
})

t.test('mend: running out names the pool and who holds it, and throws nothing', (t) => {
  const other = as(run(['x', 'y']).allocation, 'other')
  const result = run(['a', 'b'], {
    ...ledgerOf(other),
    reserved: [{ subnet: name.cidr('10.9.0.0/16'), holder: 'elsewhere' }],
  })
  t.strictSame(result.told, ['a 10.30.2.0/30'])
  t.strictSame(result.exhausted, [
    {
      pool: 'eline',
      wanted: 'demo copy 0 link b',
      copy: 0,
      link: name.link('b'),
      holders: ['instance other', 'instance demo'],
    },
  ])
  t.equal(result.subnet(segment('b')), undefined)
  t.strictSame(run(['x', 'y', 'z', 'w']).exhausted[0]?.holders, ['instance demo'])
  const blocked = { ...emptyLedger, reserved: [{ subnet: name.cidr('10.0.0.0/8'), holder: 'VPN' }] }
  t.strictSame(run(['x'], blocked).exhausted[0]?.holders, ['VPN'])
  t.end()
})

t.test('a book that is kept answers as one that is counted anew', (t) => {
  const book = createLedgerBook([])
  let freed = 0
  book.onFree(() => (freed += 1))
  const a = as(run(['x']).allocation, 'b')
  book.set(a)
  t.strictSame(run(['a', 'b'], book.view()).told, ['a 10.30.1.0/30', 'b 10.30.2.0/30'])
  const held = run(['a', 'b'], book.view()).allocation
  book.set(held)
  book.set(as(run([]).allocation, 'z'))
  t.equal(freed, 0)
  t.strictSame(run(['c'], book.view(), held).told, ['c 10.30.1.0/30'], 'what it gives up itself')
  t.strictSame(run(['q', 'a', 'b'], book.view(), held).exhausted[0]?.holders, ['instance demo', 'instance b'])
  book.reserve([{ subnet: name.cidr('10.30.1.0/30'), holder: 'VPN' }])
  book.reserve([{ subnet: name.cidr('10.30.1.0/30'), holder: 'VPN' }])
  book.set({ ...held, subnets: [] })
  book.release(a.instance)
  t.equal(freed, 3)
  t.strictSame(run(['a'], book.view()).told, ['a 10.30.0.0/30'], 'used again at once')
  t.equal(someHolders(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e and 2 others')
  const tied = ['z', 'y', 'x'].map((of, index) =>
    as({ ...a, subnets: run(['u', 'v', 'w']).subnets.slice(index, index + 1) }, of),
  )
  t.strictSame(run(['a'], ledgerOf(...tied)).exhausted[0]?.holders, ['instance x', 'instance y', 'instance z'])
  t.end()
})

t.test('VLANs: the lowest that nobody has, kept, and they run out', (t) => {
  const vlan = (of: ReturnType<typeof run>) => of.vlans.map((item) => `${item.link} ${item.vlan}`)
  const first = run([], emptyLedger, undefined, ['a', 'b'])
  t.strictSame(vlan(first), ['a 1', 'b 2'])
  t.strictSame(vlan(run([], emptyLedger, first.allocation, ['c', 'b'])), ['c 1', 'b 2'])
  t.strictSame(vlan(run([], ledgerOf(as(first.allocation, 'other')), first.allocation, ['a'])), ['a 3'])
  const all: Allocation = {
    ...as(first.allocation, 'greedy'),
    vlans: Array.from({ length: 4093 }, (_, index) => ({ copy: 0, link: name.link(`l${index}`), vlan: index + 1 })),
  }
  const last = run([], ledgerOf(all), undefined, ['a', 'b'])
  t.strictSame(vlan(last), ['a 4094'])
  t.match(last.exhausted, [{ pool: 'vlan', link: 'b', holders: ['instance greedy', 'instance demo'] }])
  t.equal(last.vlan(0, name.link('b')), undefined)
  t.end()
})

t.test('addresses: kept ones, then positions, then what is free', (t) => {
  const member = (vnf: string, position?: number, replica = 0) => ({
    vnf: name.vnf(vnf),
    vdu: '',
    interface: name.interface('i'),
    link: name.link('m'),
    replicas: [replica],
    ...(position === undefined ? {} : { position }),
  })
  const addresses = (members: Segment['members'], usedUp: readonly number[], previous?: Allocation) => {
    const lan: Segment = { copy: 0, link: name.link('m'), pool: 'elan', members, usedUp }
    const input = { instance: name.object('demo'), ledger: emptyLedger, previous, pools: small, vlans: [] }
    const result = allocate({ ...input, segments: [lan] })
    const held = { instance: name.object('demo'), cookie: 1, vlans: [], placements: [] }
    const allocation: Allocation = { ...held, subnets: result.subnets, addresses: result.addresses }
    return { told: result.addresses.map((item) => `${item.vnf}${item.replica} ${hostIndex(item.address)}`), allocation }
  }
  const first = addresses([member('a', 1), member('b', 2), member('b', undefined, 1), member('c', 4)], [3])
  t.strictSame(first.told, ['a0 1', 'b0 2', 'b1 5', 'c0 4'])
  const moved = addresses([member('c', 1), member('d', 2), member('b', 3)], [], first.allocation)
  t.strictSame(moved.told, ['c0 4', 'd0 1', 'b0 2'], 'who was there keeps its address')
  t.end()
})

t.test('cookie numbers: by name, kept, unique', (t) => {
  const demo = name.object('demo')
  const own = cookieNumber(demo, emptyLedger, undefined)
  t.ok(own >= 1 && own < 2 ** 24)
  t.equal(cookieNumber(demo, emptyLedger, undefined), own)
  const holder = (cookie: number): Allocation => as({ ...run([]).allocation, cookie }, `h${cookie}`)
  t.equal(cookieNumber(demo, ledgerOf(holder(own)), undefined), own + 1)
  t.equal(cookieNumber(demo, emptyLedger, holder(7)), 7)
  t.equal(cookieNumber(demo, ledgerOf(holder(2 ** 24 - 1)), holder(2 ** 24 - 1)), 1, 'after the last comes the first')
  t.equal(cookieNumber(demo, ledgerOf(as(holder(7), 'demo')), holder(7)), 7, 'its own entry is not in its way')
  t.end()
})
