import type { Test } from 'tap'
import { groupRules, makeGroup, ofReplica, toReplica } from '../../../src/desired/groups.ts'
import type { SwitchEngine } from '../../../src/engine/ports.ts'
import type { ObservedFlow, ObservedPort } from '../../../src/model/actual.ts'
import { makeCookie } from '../../../src/model/cookie.ts'
import type { DesiredFlow } from '../../../src/model/desired.ts'
import { EngineError } from '../../../src/model/errors.ts'
import type { BridgeName, InstanceName, PortName } from '../../../src/model/names.ts'
import { externalIds } from '../../../src/model/ownership.ts'
import type { DesiredPort, FlowChange } from '../../../src/model/plan.ts'
import { sealedVlan } from '../../../src/model/vlans.ts'
import { builder, name } from '../../support/build.ts'
import { until } from '../../support/until.ts'
import { hintAfter } from './hints.ts'

export interface SwitchSubject {
  readonly engine: SwitchEngine
  readonly owner: string
  readonly instance: string
  /** At most 8 characters; begins the name of everything the suite makes. */
  readonly prefix: string
  /** Another daemon with the same owner mark on the same switch; the suite closes it. */
  rival(): Promise<SwitchEngine>
  /** What a user does by hand. */
  readonly hands: {
    /** A network device of that name in the switches' namespace, for a port to stand on; ours by its mark. */
    addDevice(port: PortName): Promise<void>
    deleteDevice(port: PortName): Promise<void>
    addForeignBridge(bridge: BridgeName): Promise<void>
    hasBridge(bridge: BridgeName): Promise<boolean>
    deleteBridge(bridge: BridgeName): Promise<void>
    /** An internal port without our marks. */
    addForeignPort(bridge: BridgeName, port: PortName): Promise<void>
    hasPort(bridge: BridgeName, port: PortName): Promise<boolean>
    deletePort(bridge: BridgeName, port: PortName): Promise<void>
    setTag(port: PortName, tag: number): Promise<void>
    /** Adds or overwrites. `cookie` as 16 hex digits with 0x. */
    addFlow(bridge: BridgeName, cookie: string, priority: number, match: string, actions: string): Promise<void>
    deleteFlow(bridge: BridgeName, priority: number, match: string): Promise<void>
    /** All flows on the bridge, anyone's. */
    countFlows(bridge: BridgeName): Promise<number>
    /** Resolves when the switch daemon is back. */
    restartSwitch(): Promise<void>
  }
  close(): Promise<void>
}

const adds = (...flows: readonly DesiredFlow[]): readonly FlowChange[] =>
  flows.map((flow) => ({ op: 'add', flow, after: [] }))

const plain = (flows: readonly ObservedFlow[]): readonly string[] =>
  flows
    .map(({ bridge, cookie, priority, match, actions }) => [bridge, cookie, priority, match, actions].join(' '))
    .sort()

const wanted = (flow: DesiredFlow): string =>
  [flow.bridge, flow.cookie, flow.priority, flow.match, flow.actions].join(' ')

/** The contract of `SwitchEngine`. */
export const switchContract = (t: Test, makeSubject: () => Promise<SwitchSubject>): void => {
  const withSubject = (
    title: string,
    body: (t: Test, subject: SwitchSubject, tools: ReturnType<typeof toolsOf>) => Promise<void>,
  ): void => {
    t.test(title, async (t) => {
      const subject = await makeSubject()
      t.teardown(() => subject.close())
      await body(t, subject, toolsOf(subject))
    })
  }

  const toolsOf = (subject: SwitchSubject) => {
    const { engine, hands, prefix } = subject
    const instance: InstanceName = name.object(subject.instance)
    const build = builder({ owner: subject.owner, instance, cookie: 7 })
    const bridge = build.bridge(`${prefix}b0`)
    const scope = { instance, cookie: 7 }
    const a = name.port(`${prefix}p1`)
    const b = name.port(`${prefix}p2`)
    const port = (of: PortName, more: Partial<DesiredPort> = {}): DesiredPort => ({
      port: of,
      bridge: bridge.name,
      externalIds: build.marks(),
      ...more,
    })
    const see = async () => engine.observe(scope, [bridge.name])
    const seePort = async (of: PortName): Promise<ObservedPort | undefined> =>
      (await see()).ports.find((one) => one.name === of)
    /** The bridge with ports `a` and `b` on devices of that name. */
    const setUp = async (): Promise<void> => {
      await engine.setBridge(bridge)
      await hands.addDevice(a)
      await hands.addDevice(b)
      await Promise.all([engine.setPort(port(a)), engine.setPort(port(b))])
    }
    const there = build.flow(a, b, bridge.name)
    const back = build.flow(b, a, bridge.name)
    return { build, bridge, instance, scope, a, b, port, see, seePort, setUp, there, back }
  }

  withSubject('answers a ping and knows its datapath', async (t, { engine }) => {
    await t.resolves(engine.ping())
    t.ok(['system', 'netdev'].includes(await engine.datapath()))
  })

  withSubject('makes and removes a bridge', async (t, { engine, owner, hands }, { bridge, see }) => {
    await engine.setBridge(bridge)
    await engine.setBridge(bridge)
    const [seen] = (await see()).bridges
    t.match(seen, { name: bridge.name, failMode: 'secure', live: true, datapathType: await engine.datapath() })
    t.match(seen?.externalIds, { ...bridge.externalIds, [externalIds.owner]: owner })
    t.same(seen?.ownPortIds, seen?.externalIds, 'the port of its own device bears the same marks')
    if (seen === undefined) return
    await engine.removeBridge(seen)
    await engine.removeBridge(seen)
    t.same((await see()).bridges, [])
    t.notOk(await hands.hasBridge(bridge.name))
  })

  withSubject('a bridge without flows moves nothing', async (t, { engine, hands }, { bridge }) => {
    await engine.setBridge(bridge)
    t.equal(await hands.countFlows(bridge.name), 0)
  })

  withSubject('leaves foreign bridges alone', async (t, { engine, hands }, { bridge, see, scope }) => {
    await hands.addForeignBridge(bridge.name)
    const seen = await see()
    t.same(seen.bridges, [])
    t.match(seen.conflicts, [{ kind: 'bridge', name: bridge.name }])
    t.same((await engine.observe(scope, [])).conflicts, [])
    await t.rejects(engine.setBridge(bridge), { code: 'CONFLICT' })
    t.ok(await hands.hasBridge(bridge.name))
  })

  withSubject(
    'attaches sealed, access and trunk ports',
    async (t, { engine, hands }, { a, b, port, seePort, setUp }) => {
      await setUp()
      const sealed = await seePort(a)
      t.match(sealed, { name: a, kind: 'system', trunks: [sealedVlan] })
      t.equal(sealed?.tag, undefined)
      t.equal(sealed?.error, undefined)
      t.ok((sealed?.ofport ?? 0) > 0)
      await engine.setPort(port(a, { vlan: 100 }))
      t.match(await seePort(a), { tag: 100, trunks: [], ofport: sealed?.ofport })
      await engine.setPort(port(b, { trunks: [300, 200] }))
      t.same((await seePort(b))?.trunks, [200, 300])
      t.equal((await seePort(b))?.tag, undefined)
      await engine.setPort(port(a))
      t.match(await seePort(a), { trunks: [sealedVlan], ofport: sealed?.ofport })
      t.equal((await seePort(a))?.tag, undefined)
      await hands.setTag(a, 7)
      await until('the tag', async () => (await seePort(a))?.tag === 7)
      await engine.setPort(port(a))
      t.equal((await seePort(a))?.tag, undefined)
    },
  )

  withSubject('marks of a port are replaced', async (t, { engine, owner }, { a, build, port, seePort, setUp }) => {
    await setUp()
    await engine.setPort(port(a, { externalIds: build.marks({ address: '10.0.0.1/30' }) }))
    t.match((await seePort(a))?.externalIds, { [externalIds.owner]: owner, address: '10.0.0.1/30' })
    await engine.setPort(port(a, { externalIds: build.marks({ vlan: '5' }) }))
    t.match((await seePort(a))?.externalIds, { [externalIds.owner]: owner, vlan: '5' })
    t.notOk('address' in ((await seePort(a))?.externalIds ?? {}))
  })

  withSubject(
    'moves a port to another bridge',
    async (t, { engine, hands, prefix }, { a, build, bridge, port, seePort, setUp }) => {
      await setUp()
      const other = build.bridge(`${prefix}b1`)
      await engine.setBridge(other)
      await engine.setPort(port(a, { bridge: other.name }))
      t.match(await seePort(a), { bridge: other.name })
      t.ok(((await seePort(a))?.ofport ?? 0) > 0)
      t.notOk(await hands.hasPort(bridge.name, a))
    },
  )

  withSubject(
    'joins two bridges by patch ports',
    async (t, { engine, prefix }, { build, bridge, port, see, seePort }) => {
      const other = build.bridge(`${prefix}b1`)
      await engine.setBridge(bridge)
      await engine.setBridge(other)
      const [x, y] = [name.port(`${prefix}x`), name.port(`${prefix}y`)]
      await Promise.all([
        engine.setPort(port(x, { peer: y, trunks: [9] })),
        engine.setPort(port(y, { peer: x, trunks: [9], bridge: other.name })),
      ])
      t.match(await seePort(x), { kind: 'patch', peer: y, bridge: bridge.name, trunks: [9] })
      t.match(await seePort(y), { kind: 'patch', peer: x, bridge: other.name, trunks: [9] })
      for (const one of (await see()).ports) await engine.removePort(one)
      t.same((await see()).ports, [])
    },
  )

  withSubject('removes ports, and only ours', async (t, { engine, hands, prefix }, { a, bridge, see, setUp }) => {
    await setUp()
    const foreign = name.port(`${prefix}f`)
    await hands.addForeignPort(bridge.name, foreign)
    const { ports } = await see()
    t.notOk(ports.some((one) => one.name === foreign))
    for (const one of ports) {
      await engine.removePort(one)
      await engine.removePort(one)
    }
    t.same((await see()).ports, [])
    t.notOk(await hands.hasPort(bridge.name, a))
    t.ok(await hands.hasPort(bridge.name, foreign))
  })

  withSubject(
    'observes one instance, or all',
    async (t, { engine, owner, instance, prefix, hands }, { a, b, port, setUp, there, back, bridge, scope }) => {
      await setUp()
      const other = builder({ owner, instance: `${instance}-b`, cookie: 8 })
      const c = name.port(`${prefix}p3`)
      await hands.addDevice(c)
      await engine.setPort(port(c, { externalIds: other.marks() }))
      const theirs = other.flow(c, a, bridge.name)
      await engine.changeFlows(bridge.name, adds(there, back, theirs))
      const one = await engine.observe(scope, [])
      t.same(one.ports.map((p) => p.name).sort(), [a, b])
      t.same(plain(one.flows), [there, back].map(wanted).sort())
      t.same(one.bridges, [], 'a bridge that is not asked for and not of the instance')
      t.same((await engine.observe({ instance: scope.instance }, [])).flows, [], 'without a cookie, no flows')
      const all = await engine.observe({}, [])
      t.same(all.ports.map((p) => p.name).sort(), [a, b, c])
      t.same(plain(all.flows), [there, back, theirs].map(wanted).sort())
      t.same(
        all.bridges.map((p) => p.name),
        [bridge.name],
      )
    },
  )

  withSubject(
    'flows read back as they were written',
    async (t, { engine, hands }, { a, b, bridge, build, see, setUp }) => {
      await setUp()
      const group = makeGroup([a, b].map(name.port), 4711, 7)
      const flows = [
        build.flow(a, b, bridge.name),
        build.flow(b, a, bridge.name, 'lan', { actions: 'NORMAL', cookie: makeCookie(7, 2) }),
        build.flow(a, b, bridge.name, 'tagged', {
          priority: 11,
          match: `in_port=${a},dl_vlan=100`,
          actions: `pop_vlan,output:${b}`,
        }),
        build.flow(b, a, bridge.name, 'tag', {
          priority: 12,
          match: `in_port=${b},vlan_tci=0x0000/0x1fff`,
          actions: `push_vlan:0x8100,set_field:4196->vlan_vid,output:${a}`,
        }),
        build.flow(a, b, bridge.name, 'from', {
          priority: 11,
          match: `ip,in_port=${a}`,
          actions: `${ofReplica(group, 0)},${toReplica(group)},output:${b}`,
        }),
        ...groupRules(group).map((rule) => build.flow(a, b, bridge.name, 'group', rule)),
      ]
      await engine.changeFlows(bridge.name, adds(...flows))
      t.same(plain((await see()).flows), flows.map(wanted).sort())
      await engine.changeFlows(bridge.name, adds(...flows))
      t.equal(await hands.countFlows(bridge.name), flows.length)
      await engine.changeFlows(
        bridge.name,
        (await see()).flows.map((flow) => ({ op: 'remove', flow, after: [] })),
      )
      t.equal(await hands.countFlows(bridge.name), 0)
    },
  )

  withSubject(
    'an added flow replaces one of the same match and priority',
    async (t, { engine, hands }, { bridge, there, see, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there))
      const other = { ...there, actions: 'drop', cookie: makeCookie(7, 3) }
      await engine.changeFlows(bridge.name, adds(other))
      t.same(plain((await see()).flows), [wanted(other)])
      t.equal(await hands.countFlows(bridge.name), 1)
    },
  )

  withSubject(
    'changes of one call happen together or not at all',
    async (t, { engine }, { bridge, there, back, see, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there))
      const [old] = (await see()).flows
      t.ok(old)
      if (old === undefined) return
      const bad = { ...back, match: 'in_port=nosuchport' }
      await t.rejects(engine.changeFlows(bridge.name, [{ op: 'remove', flow: old, after: [] }, ...adds(back, bad)]))
      t.same(plain((await see()).flows), [wanted(there)])
    },
  )

  withSubject(
    'removing spares flows that are not ours',
    async (t, { engine, hands }, { a, bridge, there, see, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there))
      await hands.addFlow(bridge.name, '0x0000000000000001', 5, `in_port=${a}`, 'drop')
      const { flows } = await see()
      t.same(plain(flows), [wanted(there)])
      const gone = flows.map((flow): FlowChange => ({ op: 'remove', flow, after: [] }))
      await engine.changeFlows(bridge.name, gone)
      await engine.changeFlows(bridge.name, gone)
      t.equal(await hands.countFlows(bridge.name), 1)
      await hands.addFlow(bridge.name, '0x0000000000000001', there.priority, there.match, 'drop')
      await engine.changeFlows(bridge.name, gone)
      t.equal(await hands.countFlows(bridge.name), 2, 'one that took the place of ours stays too')
    },
  )

  withSubject(
    'removing a flow whose port is gone does not fail',
    async (t, { engine, hands }, { a, bridge, there, back, see, seePort, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there, back))
      const { flows } = await see()
      await hands.deleteDevice(a)
      await until('a port without number', async () => (await seePort(a))?.ofport === undefined)
      await engine.changeFlows(
        bridge.name,
        flows.map((flow) => ({ op: 'remove', flow, after: [] })),
      )
      await engine.changeFlows(
        bridge.name,
        (await see()).flows.map((flow) => ({ op: 'remove', flow, after: [] })),
      )
      t.same((await see()).flows, [])
    },
  )

  withSubject(
    'tells of flows deleted, altered and added by hand',
    async (t, { engine, hands }, { a, b, bridge, instance, there, back, see, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there, back))
      await hintAfter(engine, instance, () => hands.deleteFlow(bridge.name, there.priority, there.match))
      await until('one flow', async () => (await see()).flows.length === 1)
      await hintAfter(engine, instance, () =>
        hands.addFlow(bridge.name, back.cookie, back.priority, back.match, 'drop'),
      )
      t.same(plain((await see()).flows), [wanted({ ...back, actions: 'drop' })])
      const extra = { ...there, priority: 99, cookie: makeCookie(7, 77), match: `in_port=${a}`, actions: `output:${b}` }
      await hintAfter(engine, instance, () =>
        hands.addFlow(bridge.name, extra.cookie, extra.priority, extra.match, extra.actions),
      )
      t.ok(plain((await see()).flows).includes(wanted(extra)))
    },
  )

  withSubject(
    'tells of a port deleted by hand; its flows lose its name',
    async (t, { engine, hands }, { a, bridge, instance, port, there, see, seePort, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there))
      await hintAfter(engine, instance, () => hands.deletePort(bridge.name, a))
      await until('its absence', async () => (await seePort(a)) === undefined)
      const stale = await until('the flow with a number', async () => {
        const [flow] = (await see()).flows
        return flow !== undefined && flow.match !== there.match ? flow : undefined
      })
      t.match(stale.match, /^in_port=\d+$/)
      await engine.setPort(port(a))
      await engine.changeFlows(bridge.name, [{ op: 'remove', flow: stale, after: [] }, ...adds(there)])
      t.same(plain((await see()).flows), [wanted(there)])
    },
  )

  withSubject(
    'tells of a bridge deleted by hand, with all that was on it',
    async (t, { engine, hands }, { a, bridge, instance, port, there, see, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there))
      await hintAfter(engine, instance, () => hands.deleteBridge(bridge.name))
      await until('its absence', async () => (await see()).bridges.length === 0)
      t.same((await see()).ports, [])
      t.same((await see()).flows, [])
      await engine.setBridge(bridge)
      await engine.setPort(port(a))
      t.match((await see()).ports, [{ name: a, bridge: bridge.name }])
    },
  )

  withSubject(
    'a port whose device goes has no number until the device is back',
    async (t, { engine, hands }, { a, instance, port, seePort, setUp }) => {
      await setUp()
      await hintAfter(engine, instance, () => hands.deleteDevice(a))
      const lost = await until('a port without number', async () => {
        const seen = await seePort(a)
        return seen !== undefined && (seen.ofport ?? -1) < 1 ? seen : undefined
      })
      t.equal(lost.name, a)
      t.equal(lost.ofport, undefined)
      await hands.addDevice(a)
      await engine.setPort(port(a))
      const back = await seePort(a)
      t.ok((back?.ofport ?? 0) > 0)
      t.equal(back?.error, undefined)
    },
  )

  withSubject(
    'a restart of the switch loses flows, and says so',
    async (t, { engine, hands }, { a, bridge, there, back, see, seePort, setUp }) => {
      await setUp()
      await engine.changeFlows(bridge.name, adds(there, back))
      await hintAfter(engine, undefined, () => hands.restartSwitch())
      t.same((await see()).flows, [])
      t.match((await see()).bridges, [{ name: bridge.name, live: true }])
      await until('the port', async () => ((await seePort(a))?.ofport ?? 0) > 0)
      await engine.changeFlows(bridge.name, adds(there, back))
      t.same(plain((await see()).flows), [there, back].map(wanted).sort())
    },
  )

  withSubject('one daemon per owner', async (t, subject) => {
    const { engine } = subject
    t.equal(await engine.claim(), true)
    t.equal(await engine.claim(), true)
    const other = await subject.rival()
    t.equal(await other.claim(), false)
    await engine.close()
    await until('the claim', () => other.claim())
    await other.close()
  })

  withSubject('errors are engine errors', async (t, { engine, prefix }, { a, port, there }) => {
    for (const call of [
      () => engine.changeFlows(name.bridge(`${prefix}no`), adds(there)),
      () => engine.setPort(port(a, { bridge: name.bridge(`${prefix}no`) })),
    ]) {
      const error: unknown = await call().catch((error: unknown) => error)
      t.ok(error instanceof EngineError, String(error))
    }
  })
}
