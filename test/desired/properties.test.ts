import fc from 'fast-check'
import t from 'tap'
import type { DesireResult } from '../../src/desired/result.ts'
import { type Block, blockOf, overlap } from '../../src/desired/subnets.ts'
import type { Allocation, Ledger } from '../../src/model/allocation.ts'
import type { FunctionOverride } from '../../src/model/documents.ts'
import { name } from '../support/build.ts'
import {
  type Options,
  type PackageText,
  configuration,
  dataCenter,
  desire,
  instance,
  ledgerOf,
  point,
  trunk,
  vnf,
} from './samples.ts'

const functionIds = ['a', 'b', 'c', 'd']
const references = fc.constantFrom(
  ...functionIds.flatMap((id) => ['in', 'out', 'mgmt', 'none'].map((port) => `${id}:${port}`)),
  ...['ns:x', 'ns:y', 'ns:z', 'ns:gone', 'bare'],
)
const linkTexts = fc
  .array(
    fc.tuple(
      fc.constantFrom('E-Line', 'E-Line', 'E-LAN', 'E-Tree', 'odd'),
      fc.oneof(fc.array(references, { maxLength: 6 }), fc.array(references, { minLength: 2, maxLength: 2 })),
    ),
    { maxLength: 8 },
  )
  .map((items) => items.map(([type, ends], index) => [`l${index}`, type, ...ends].join(' ')))

const packages = fc
  .record({
    count: fc.integer({ min: 1, max: 4 }),
    links: linkTexts,
    units: fc.integer({ min: 1, max: 2 }),
    types: fc.array(fc.constantFrom('internal', 'management', 'external', 'odd'), { minLength: 4, maxLength: 4 }),
  })
  .map(({ count, links, units, types }): PackageText => {
    const functions = functionIds
      .slice(0, count)
      .map((id) =>
        units === 1
          ? vnf(id, 'in out mgmt!')
          : vnf(id, 'in out@u2 mgmt! x y@u2', { units: [{}, {}], internalLinks: ['i E-Line u1:x u2:y'] }),
      )
    const points = ['ns:x', 'ns:y', 'ns:z', 'bare'].map((id, index) => `${id} ${types[index] ?? ''}`)
    return { functions, points, links }
  })

const overrides = fc
  .array(fc.tuple(fc.constantFrom(...functionIds), fc.integer({ min: 0, max: 3 })), { maxLength: 2 })
  .map((items) => [...new Map(items)].map(([id, replicas]): FunctionOverride => ({ vnfId: name.vnf(id), replicas })))

const topologies = fc
  .record({
    dataCenters: fc.subarray(['dc1', 'dc2', 'dc3']),
    trunks: fc.subarray(['dc1-dc2', 'dc2-dc3', 'dc1-dc3']),
  })
  .map(({ dataCenters, trunks }) => ({
    dataCenters: dataCenters.map((item) => dataCenter(item)),
    trunks: trunks.map((item) => trunk(item)),
  }))

const options = fc
  .record({
    topology: topologies,
    functions: overrides,
    replicas: fc.integer({ min: 1, max: 2 }),
    settings: fc.record({
      deploySaps: fc.boolean(),
      bidirectional: fc.boolean(),
      dockerManagement: fc.boolean(),
      placement: fc.constantFrom('First' as const, 'RoundRobin' as const, 'RoundRobinWithSaps' as const),
    }),
  })
  .map(({ topology, functions, replicas, settings }) => (instanceName: string): Options => ({
    ...topology,
    settings,
    instance: instance({ functions, replicas }, instanceName),
  }))

const check = <T extends unknown[]>(
  property: fc.IPropertyWithHooks<T>,
  parameters: fc.Parameters<T> = { numRuns: 150 },
): void => {
  fc.assert(property, parameters)
}

const distinct = (items: readonly unknown[]): boolean => new Set(items).size === items.length

/** One address per place: replicas on an E-Line have one together. */
const addressPlaces = (result: DesireResult): readonly string[] => {
  const macs = new Map(result.desired.interfaces.map((item) => [`${item.mac} ${item.address ?? ''}`, item]))
  return [...macs.values()].flatMap((item) => (item.address === undefined ? [] : [item.address.split('/')[0] ?? '']))
}

const noneOverlap = (blocks: readonly Block[]): boolean =>
  blocks.every((block, index) => blocks.slice(index + 1).every((other) => !overlap(block, other)))

const blocksOf = (allocation: Allocation | undefined): readonly Block[] =>
  (allocation?.subnets ?? []).map((item) => blockOf(item.subnet))

t.test('whatever a user writes: never an exception, all names and addresses unique', (t) => {
  check(
    fc.property(packages, options, (text, make) => {
      const result = desire(text, make('demo'))
      const { interfaces, patches, containers, flows, bridges } = result.desired
      const ports = [
        ...interfaces.map((item) => item.port),
        ...patches.flatMap((item) => item.ends.map((end) => end.port)),
      ]
      const external = bridges.flatMap((item) => (item.address === undefined ? [] : [item.address.split('/')[0]]))
      return (
        distinct(ports) &&
        distinct(containers.map((item) => item.name)) &&
        distinct(bridges.map((item) => item.name)) &&
        distinct(flows.map((flow) => `${flow.bridge} ${flow.priority} ${flow.match}`)) &&
        distinct([...addressPlaces(result), ...external]) &&
        noneOverlap(blocksOf(result.allocation))
      )
    }),
  )
  t.end()
})

t.test('flows name only ports that are there, and bridges that the state has', (t) => {
  check(
    fc.property(packages, options, (text, make) => {
      const { desired } = desire(text, make('demo'))
      const own = new Set<string>([
        ...desired.interfaces.map((item) => item.port),
        ...desired.patches.flatMap((item) => item.ends.map((end) => end.port)),
      ])
      const bridges = new Set(desired.bridges.map((item) => item.name))
      return (
        desired.flows.every((flow) => flow.needs.every((port) => own.has(port) || port.startsWith('st'))) &&
        [...desired.flows, ...desired.interfaces].every((item) => bridges.has(item.bridge)) &&
        desired.patches.every((item) => item.ends.every((end) => bridges.has(end.bridge)))
      )
    }),
  )
  t.end()
})

t.test('the same input gives the same output, and what is held changes nothing', (t) => {
  check(
    fc.property(packages, options, (text, make) => {
      const first = desire(text, make('demo'))
      const again = desire(text, make('demo'))
      const held = desire(text, { ...make('demo'), previous: first.allocation, ledger: ledgerOf(first.allocation) })
      return JSON.stringify(first) === JSON.stringify(again) && JSON.stringify(first) === JSON.stringify(held)
    }),
  )
  t.end()
})

t.test('instances side by side share nothing', (t) => {
  check(
    fc.property(packages, packages, options, options, (one, two, makeOne, makeTwo) => {
      const first = desire(one, makeOne('one'))
      const second = desire(two, { ...makeTwo('two'), ledger: ledgerOf(first.allocation) })
      const both = [first, second]
      const allocations = both.flatMap((item) => item.allocation ?? [])
      return (
        noneOverlap(allocations.flatMap(blocksOf)) &&
        distinct(allocations.flatMap((item) => item.vlans.map((held) => held.vlan))) &&
        distinct(allocations.map((item) => item.cookie)) &&
        distinct(both.flatMap((item) => item.desired.interfaces.map((wire) => wire.port))) &&
        distinct(both.flatMap(addressPlaces))
      )
    }),
  )
  t.end()
})

t.test('a change elsewhere moves nothing: other links, other instances, more replicas of others', (t) => {
  const interfaceKeys = (result: DesireResult): ReadonlyMap<string, string> =>
    new Map(
      result.desired.interfaces.map((item) => [
        `${item.container}:${item.name}`,
        JSON.stringify([item.mac, item.address, item.port, item.bridge]),
      ]),
    )
  check(
    fc.property(packages, options, packages, fc.integer({ min: 0, max: 7 }), (text, make, other, drop) => {
      const before = desire(text, make('demo'))
      const neighbour = desire(other, { ...make('zz'), ledger: ledgerOf(before.allocation) })
      const ledger = ledgerOf(before.allocation, neighbour.allocation)
      const same = desire(text, { ...make('demo'), ledger, previous: before.allocation })
      if (JSON.stringify(same) !== JSON.stringify(before)) return false
      const links = (text.links ?? []).filter((_, index) => index !== drop)
      const after = desire({ ...text, links }, { ...make('demo'), ledger, previous: before.allocation })
      const dropped = (text.links ?? [])[drop] ?? ''
      // Interfaces on the dropped link, and on links that lived off its addresses, may change; others stay as they are.
      const touched = new Set(
        before.links.filter((item) => dropped.startsWith(`${item.id} `)).map((item) => item.subnet ?? 'none'),
      )
      const kept = interfaceKeys(before)
      const now = interfaceKeys(after)
      return before.desired.interfaces.every((item) => {
        const key = `${item.container}:${item.name}`
        const subnet = before.allocation?.subnets.find((held) => held.link === item.link)?.subnet
        if (touched.has(subnet ?? 'none') || item.address === undefined) return true
        const sap = before.allocation?.subnets.some(
          (held) =>
            held.pool === 'sap' && item.address !== undefined && overlap(blockOf(held.subnet), blockOf(item.address)),
        )
        return sap === true || now.get(key) === undefined || now.get(key) === kept.get(key)
      })
    }),
  )
  t.end()
})

t.test('what an instance gives back is used again', (t) => {
  check(
    fc.property(packages, options, (text, make) => {
      const first = desire(text, make('one'))
      const second = desire(text, make('two'))
      const subnets = (result: DesireResult) => JSON.stringify(result.allocation?.subnets)
      return subnets(first) === subnets(second)
    }),
  )
  t.end()
})

t.test('pools that are nearly empty: conditions, never an exception', (t) => {
  const tiny = {
    sap: { ...configuration.pools.sap, count: 1 },
    elan: { ...configuration.pools.elan, count: 1 },
    eline: { ...configuration.pools.eline, count: 1 },
  }
  check(
    fc.property(packages, options, (text, make) => {
      const given = make('demo')
      const vlans = Array.from({ length: 4093 }, (_, index) => ({
        copy: 0,
        link: name.link(`l${index}`),
        vlan: index + 1,
      }))
      const greedy: Allocation = {
        instance: name.object('greedy'),
        cookie: 1,
        subnets: [],
        vlans,
        addresses: [],
        placements: [],
      }
      const ledger: Ledger = ledgerOf(greedy)
      const result = desire(text, { ...given, ledger, settings: { ...given.settings, pools: tiny } })
      return (
        result.exhausted.length === result.notices.filter((item) => item.code === 'EXHAUSTED').length &&
        result.links.every((item) => item.skipped?.code !== 'EXHAUSTED' || result.exhausted.length > 0) &&
        result.desired.containers.length === desire(text, given).desired.containers.length
      )
    }),
  )
  t.end()
})

t.test('points of the samples', (t) => {
  t.equal(point('ns:x odd').type, 'none')
  t.end()
})
