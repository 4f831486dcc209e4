import fc from 'fast-check'
import { makeCookie } from '../../src/model/cookie.ts'
import type { DesiredContainer, DesiredFlow, DesiredPatch, DesiredState } from '../../src/model/desired.ts'
import { builder, name } from './build.ts'

/** A small service, as data that shrinks well: a chain of functions over two switches, perhaps with a LAN and an external SAP. */
export interface Scenario {
  readonly functions: readonly {
    readonly bridge: 0 | 1
    readonly hash: number
    readonly image: number
    /** Megabytes. */
    readonly memory: number
    readonly script: 'none' | 'start' | 'stop'
    readonly management: boolean
    /** Number of its subnet. */
    readonly subnet: number
  }[]
  readonly lan: boolean
  readonly sap: boolean
  /** A rule spreads what enters the first switch by its own device over the inputs there. */
  readonly spread?: boolean
}

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  functions: fc.array(
    fc.record({
      bridge: fc.constantFrom(0, 1),
      hash: fc.integer({ min: 1, max: 2 }),
      image: fc.integer({ min: 1, max: 2 }),
      memory: fc.integer({ min: 1, max: 2 }),
      script: fc.constantFrom('none', 'start', 'stop'),
      management: fc.boolean(),
      subnet: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 4 },
  ),
  lan: fc.boolean(),
  sap: fc.boolean(),
  spread: fc.boolean(),
})

const commands = { none: {}, start: { SON_EMU_CMD: 'echo up' }, stop: { SON_EMU_CMD_STOP: 'echo down' } } as const

/** What the scenario asks for. Names of ports begin with `prefix`. */
export const desiredOf = (
  { functions, lan, sap, spread }: Scenario,
  context: { readonly owner: string; readonly instance: string; readonly cookie: number; readonly prefix: string },
): DesiredState => {
  const { prefix, cookie } = context
  const build = builder(context)
  const bridgeName = (index: number): string => `${prefix}dc${index}`
  const containers = functions.map((one, n): DesiredContainer => {
    // Everything that takes a new container to change is in the stamp.
    const specHash = `1-${[one.hash, one.image, one.script, one.management].join('.')}`
    return build.container(`vnf${n}`, {
      specHash,
      image: name.image(`img:${one.image}`),
      limits: { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: one.memory << 20 },
      env: commands[one.script],
      network: one.management ? { kind: 'bridge', interface: name.interface('mgmt') } : { kind: 'none' },
    })
  })
  const interfaces = containers.flatMap((container, n) => {
    const one = functions[n]
    if (one === undefined) return []
    const bridge = bridgeName(one.bridge)
    const at = (host: number) => ({ address: name.cidr(`10.${n}.${one.subnet}.${host}/24`) })
    return [
      build.wire(container, 'input', `${prefix}i${n}`, bridge, at(1)),
      build.wire(container, 'output', `${prefix}o${n}`, bridge, at(2)),
      ...(lan ? [build.wire(container, 'lan', `${prefix}l${n}`, bridge, { vlan: 100 })] : []),
    ]
  })
  const patches: DesiredPatch[] = []
  const flows: DesiredFlow[] = []
  const flow = (from: string, to: string, bridge: string, link: string): void => {
    flows.push(build.flow(from, to, bridge, link))
    flows.push(build.flow(to, from, bridge, link))
  }
  const patch = (a: string, on: string, b: string, other: string): void => {
    const end = (port: string, bridge: string) => ({
      port: name.port(port),
      bridge: name.bridge(bridge),
      externalIds: build.marks(),
    })
    patches.push({ ends: [end(a, on), end(b, other)] })
  }
  functions.slice(1).forEach((to, index) => {
    const from = functions[index]
    if (from === undefined) return
    const [a, b, link] = [`${prefix}o${index}`, `${prefix}i${index + 1}`, `chain${index}`]
    const [here, there] = [bridgeName(from.bridge), bridgeName(to.bridge)]
    if (here === there) {
      flow(a, b, here, link)
    } else {
      patch(`${prefix}x${index}`, here, `${prefix}y${index}`, there)
      flow(a, `${prefix}x${index}`, here, link)
      flow(b, `${prefix}y${index}`, there, link)
    }
  })
  if (lan) {
    for (const [n, one] of functions.entries()) {
      const port = name.port(`${prefix}l${n}`)
      const more = { actions: 'NORMAL', cookie: makeCookie(cookie, 2), needs: [port] }
      flows.push(build.flow(port, port, bridgeName(one.bridge), 'lan', more))
    }
  }
  const inputs = interfaces
    .filter((one) => one.name === 'input' && one.bridge === bridgeName(0))
    .map(({ port }) => port)
  if (spread === true && inputs.length > 0) {
    const actions = `bundle(symmetric_l3l4,0,hrw,ofport,members:${inputs.join(',')})`
    const more = { match: 'in_port=LOCAL', actions, needs: [], replicas: [inputs] }
    flows.push(build.flow('LOCAL', 'LOCAL', bridgeName(0), 'spread', more))
  }
  const sapBridge = `${prefix}sap`
  if (sap) {
    patch(`${prefix}s`, sapBridge, `${prefix}t`, bridgeName(0))
    const port = name.port(`${prefix}s`)
    flows.push(build.flow(port, 'LOCAL', sapBridge, 'sap', { actions: 'LOCAL', needs: [port] }))
  }
  const used = new Set([...interfaces, ...flows].map((one) => one.bridge))
  return build.state({
    bridges: [
      ...[0, 1].map((index) => build.bridge(bridgeName(index))).filter((one) => sap || used.has(one.name)),
      ...(sap ? [build.sapBridge(sapBridge, '10.10.0.1/30', '10.10.0.0/30')] : []),
    ],
    containers,
    interfaces,
    patches,
    flows,
  })
}
