import type { Test } from 'tap'
import type { LinkEngine } from '../../../src/engine/ports.ts'
import type { ObservedWire } from '../../../src/model/actual.ts'
import type { DesiredTrunk } from '../../../src/model/desired.ts'
import { shaperFor } from '../../../src/model/shaping.ts'
import { EngineError } from '../../../src/model/errors.ts'
import type { BridgeName, ContainerName, PortName } from '../../../src/model/names.ts'
import type { Owned } from '../../../src/model/ownership.ts'
import { builder, name } from '../../support/build.ts'
import { until } from '../../support/until.ts'
import { hintAfter } from './hints.ts'

export interface LinkSubject {
  readonly engine: LinkEngine
  readonly owner: string
  readonly instance: string
  /** At most 8 characters; begins the name of every device the suite makes in the switches' namespace. */
  readonly prefix: string
  /** True when transmit checksum offload must be off on inner ends. */
  readonly txOffloadBreaks: boolean
  /** What others do. */
  readonly hands: {
    /** A process in a network namespace of its own, as a started container is; gives its process id. */
    addContainer(name: ContainerName): Promise<number>
    /** Ends that process; its namespace goes. */
    killContainer(name: ContainerName): Promise<void>
    /** A device `eth0` in it, as the container engine's own network gives. */
    addManagement(name: ContainerName): Promise<void>
    innerDevices(name: ContainerName): Promise<readonly string[]>
    deleteInner(name: ContainerName, device: string): Promise<void>
    changeInner(
      name: ContainerName,
      device: string,
      change: {
        readonly up?: boolean
        readonly mac?: string
        readonly addAddress?: string
        readonly deleteAddress?: string
        readonly txOffload?: boolean
        readonly rename?: string
      },
    ): Promise<void>
    deleteOuter(port: PortName): Promise<void>
    setOuter(port: PortName, up: boolean): Promise<void>
    /** A device in the switches' namespace without our mark. */
    addForeignDevice(device: PortName): Promise<void>
    /** A bridge's own device, as the switch makes it. */
    addBridgeDevice(bridge: BridgeName): Promise<void>
    hasDevice(device: string): Promise<boolean>
  }
  close(): Promise<void>
}

/** The contract of `LinkEngine`. */
export const linkContract = (t: Test, makeSubject: () => Promise<LinkSubject>): void => {
  const withSubject = (
    title: string,
    body: (t: Test, subject: LinkSubject, tools: Awaited<ReturnType<typeof toolsOf>>) => Promise<void>,
  ): void => {
    t.test(title, async (t) => {
      const subject = await makeSubject()
      t.teardown(() => subject.close())
      await body(t, subject, await toolsOf(subject))
    })
  }

  /** One container with process id `pid`, and a wire that is wanted in it. */
  const toolsOf = async (subject: LinkSubject) => {
    const { engine, hands, prefix } = subject
    const instance = name.object(subject.instance)
    const build = builder({ owner: subject.owner, instance, cookie: 7 })
    const container = build.container('fw')
    const pid = await hands.addContainer(container.name)
    const wire = build.wire(container, 'input', `${prefix}p1`, `${prefix}b0`, { address: name.cidr('10.30.0.1/30') })
    const see = async (): Promise<Owned<ObservedWire> | undefined> =>
      (await engine.observe([{ name: container.name, pid }])).find((one) => one.port === wire.port)
    const right = {
      port: wire.port,
      up: true,
      inner: { container: container.name, name: 'input', mac: wire.mac, addresses: ['10.30.0.1/30'], up: true },
    }
    return { build, instance, container, pid, wire, see, right }
  }

  withSubject('answers a ping', async (t, { engine }) => {
    await t.resolves(engine.ping())
  })

  withSubject(
    'makes a wire: named, addressed, up',
    async (t, { engine, txOffloadBreaks }, { pid, wire, see, right }) => {
      t.equal(await see(), undefined)
      await engine.createWire(wire, pid)
      const seen = await see()
      t.match(seen, right)
      if (txOffloadBreaks) t.equal(seen?.inner?.txOffload, false)
      await engine.createWire(wire, pid)
      t.match(await see(), right)
    },
  )

  withSubject('a wire without address', async (t, { engine }, { pid, wire, see }) => {
    const { address: _, ...bare } = wire
    await engine.createWire(bare, pid)
    t.same((await see())?.inner?.addresses, [])
    t.equal((await see())?.inner?.up, true)
  })

  withSubject(
    'many wires of one container at once',
    async (t, { engine, prefix, hands }, { build, container, pid }) => {
      const wires = Array.from({ length: 5 }, (_, n) =>
        build.wire(container, `if${n}`, `${prefix}w${n}`, `${prefix}b0`, { address: name.cidr(`10.30.${n}.1/30`) }),
      )
      await Promise.all(wires.map((wire) => engine.createWire(wire, pid)))
      const seen = await engine.observe([{ name: container.name, pid }])
      t.same(
        seen.map((one) => `${one.port} ${String(one.inner?.name)} ${String(one.inner?.addresses)}`).sort(),
        wires.map((wire) => `${wire.port} ${wire.name} ${String(wire.address)}`).sort(),
      )
      await Promise.all(seen.map((one) => engine.removeWire(one)))
      t.same(await engine.observe([{ name: container.name, pid }]), [])
      t.notOk((await hands.innerDevices(container.name)).includes('if0'))
    },
  )

  withSubject('the inner end is told only for the containers asked for', async (t, { engine }, { pid, wire }) => {
    await engine.createWire(wire, pid)
    const [seen] = (await engine.observe([])).filter((one) => one.port === wire.port)
    t.ok(seen)
    t.equal(seen?.inner, undefined)
  })

  withSubject('moves a wire to another container', async (t, { engine, hands }, { build, container, pid, wire }) => {
    await engine.createWire(wire, pid)
    const other = build.container('ids')
    const otherPid = await hands.addContainer(other.name)
    await engine.createWire({ ...wire, container: other.name }, otherPid)
    const seen = await engine.observe([
      { name: container.name, pid },
      { name: other.name, pid: otherPid },
    ])
    t.match(seen, [{ port: wire.port, inner: { container: other.name } }])
    t.notOk((await hands.innerDevices(container.name)).includes('input'))
  })

  withSubject(
    'sees and mends what was done to the inner end',
    async (t, { engine, hands }, { container, instance, pid, wire, see, right }) => {
      await engine.createWire(wire, pid)
      const spoil = async (change: Parameters<typeof hands.changeInner>[2], seen: object): Promise<void> => {
        await hintAfter(engine, instance, () => hands.changeInner(container.name, 'input', change))
        t.match((await see())?.inner, seen)
        await engine.configureWire(wire, pid, [])
        t.match(await see(), right)
      }
      await spoil({ deleteAddress: '10.30.0.1/30' }, { addresses: [] })
      await spoil({ up: false }, { up: false })
      await spoil({ mac: '02:00:00:aa:bb:cc' }, { mac: '02:00:00:aa:bb:cc' })
      const before = await see()
      await engine.configureWire(wire, pid, [])
      t.same(await see(), before)
    },
  )

  withSubject(
    'checksum offload switched on again',
    async (t, { engine, hands, txOffloadBreaks }, { container, pid, wire, see }) => {
      await engine.createWire(wire, pid)
      await hands.changeInner(container.name, 'input', { txOffload: true })
      t.equal((await see())?.inner?.txOffload, true)
      await engine.configureWire(wire, pid, [])
      t.equal((await see())?.inner?.txOffload, !txOffloadBreaks)
    },
  )

  withSubject(
    'leaves addresses that the function gave itself',
    async (t, { engine, hands }, { container, pid, wire, see }) => {
      await engine.createWire(wire, pid)
      await hands.changeInner(container.name, 'input', { addAddress: '192.0.2.7/24' })
      await engine.configureWire(wire, pid, [])
      t.same([...((await see())?.inner?.addresses ?? [])].sort(), ['10.30.0.1/30', '192.0.2.7/24'])
      const moved = { ...wire, address: name.cidr('10.30.4.1/30') }
      await engine.configureWire(moved, pid, [name.cidr('10.30.0.1/30')])
      t.same([...((await see())?.inner?.addresses ?? [])].sort(), ['10.30.4.1/30', '192.0.2.7/24'])
      const { address: _, ...bare } = wire
      await engine.configureWire(bare, pid, [name.cidr('10.30.4.1/30')])
      t.same((await see())?.inner?.addresses, ['192.0.2.7/24'])
    },
  )

  withSubject(
    'deleting either end deletes the other',
    async (t, { engine, hands }, { container, instance, pid, wire, see }) => {
      await engine.createWire(wire, pid)
      await hintAfter(engine, instance, () => hands.deleteInner(container.name, 'input'))
      await until('its absence', async () => (await see()) === undefined)
      t.notOk(await hands.hasDevice(wire.port))
      await engine.createWire(wire, pid)
      await hintAfter(engine, instance, () => hands.deleteOuter(wire.port))
      await until('its absence', async () => (await see()) === undefined)
      t.notOk((await hands.innerDevices(container.name)).includes('input'))
    },
  )

  withSubject('a wire goes with its container', async (t, { engine, hands }, { container, pid, wire, see }) => {
    await engine.createWire(wire, pid)
    await hands.killContainer(container.name)
    await until('its absence', async () => (await engine.observe([])).every((one) => one.port !== wire.port))
    t.equal(await see(), undefined)
    const error: unknown = await engine.createWire(wire, pid).catch((error: unknown) => error)
    t.ok(error instanceof EngineError, String(error))
    t.notOk(await hands.hasDevice(wire.port))
  })

  withSubject(
    'an inner end that was renamed is told under its new name',
    async (t, { engine, hands }, { container, pid, wire, see, right }) => {
      await engine.createWire(wire, pid)
      await hands.changeInner(container.name, 'input', { up: false, rename: 'other' })
      t.match(await see(), { inner: { name: 'other' } })
      await engine.createWire(wire, pid)
      t.match(await see(), right)
      t.notOk((await hands.innerDevices(container.name)).includes('other'))
    },
  )

  withSubject('raises the outer end', async (t, { engine, hands }, { instance, pid, wire, see }) => {
    await engine.createWire(wire, pid)
    await hintAfter(engine, instance, () => hands.setOuter(wire.port, false))
    t.match(await see(), { up: false })
    await engine.configureWire(wire, pid, [])
    t.match(await see(), { up: true })
  })

  withSubject('removing what is gone succeeds', async (t, { engine }, { pid, wire, see }) => {
    await engine.createWire(wire, pid)
    const seen = await see()
    t.ok(seen)
    if (seen === undefined) return
    await engine.removeWire(seen)
    await engine.removeWire(seen)
    t.equal(await see(), undefined)
  })

  withSubject('leaves foreign devices alone', async (t, { engine, hands, prefix }, { pid, wire, see }) => {
    await hands.addForeignDevice(wire.port)
    t.equal(await see(), undefined)
    t.match(await engine.conflicts([wire.port, name.port(`${prefix}p2`)]), [{ kind: 'device', name: wire.port }])
    await t.rejects(engine.createWire(wire, pid), { code: 'CONFLICT' })
    t.ok(await hands.hasDevice(wire.port))
    t.same(await engine.conflicts([name.port(`${prefix}p2`)]), [])
  })

  withSubject('our own devices are no conflict', async (t, { engine }, { pid, wire }) => {
    await engine.createWire(wire, pid)
    t.same(await engine.conflicts([wire.port]), [])
  })

  withSubject('renames the management interface', async (t, { engine, hands }, { container, pid }) => {
    await hands.addManagement(container.name)
    await engine.renameManagement(pid, name.interface('mgmt'))
    t.ok((await hands.innerDevices(container.name)).includes('mgmt'))
    t.notOk((await hands.innerDevices(container.name)).includes('eth0'))
    await engine.renameManagement(pid, name.interface('mgmt'))
  })

  withSubject('makes and shapes a trunk', async (t, { engine, hands, prefix }, { build }) => {
    const [x, y] = [name.port(`${prefix}x`), name.port(`${prefix}y`)]
    const end = (port: PortName) => ({ port, bridge: name.bridge(`${prefix}b0`), externalIds: build.marks() })
    const trunk: DesiredTrunk = {
      link: 'dc1-dc2',
      ends: [end(x), end(y)],
      shaping: { bandwidthBitsPerSecond: 100_000_000, delayMs: 10, jitterMs: 1, lossPercent: 0.1 },
    }
    await engine.createTrunk(trunk)
    await engine.createTrunk(trunk)
    const observed = async () => (await engine.observe([])).filter((one) => one.port === x || one.port === y)
    const shapers = await engine.shapers()
    await engine.shapeTrunk(trunk)
    const shaper = shaperFor(trunk.shaping, shapers)
    t.same(
      (await observed()).map((one) => one.shaper),
      [shaper, shaper],
      'shaped as far as the kernel can',
    )
    const delayed = shaperFor({ delayMs: 5 }, shapers)
    await engine.shapeTrunk({ ...trunk, shaping: { delayMs: 5 } })
    t.same(
      (await observed()).map((one) => one.shaper),
      [delayed, delayed],
      'a bandwidth that is asked for no more does not stay',
    )
    await engine.shapeTrunk({ ...trunk, shaping: {} })
    const seen = await observed()
    t.same(
      seen.map((one) => one.shaper),
      [undefined, undefined],
    )
    t.match(
      seen.sort((a, b) => a.port.localeCompare(b.port)),
      [
        { port: x, up: true },
        { port: y, up: true },
      ],
    )
    for (const one of seen) await engine.removeWire(one)
    t.notOk(await hands.hasDevice(y))
  })

  withSubject("addresses of a bridge's own device", async (t, { engine, hands, prefix }) => {
    const bridge = name.bridge(`${prefix}b0`)
    await hands.addBridgeDevice(bridge)
    t.same((await engine.addresses([bridge])).get(bridge) ?? [], [])
    await engine.setAddress(bridge, name.cidr('10.10.250.1/30'))
    await engine.setAddress(bridge, name.cidr('10.10.250.1/30'))
    t.same((await engine.addresses([bridge])).get(bridge), ['10.10.250.1/30'])
    await engine.setAddress(bridge, name.cidr('10.10.251.1/30'))
    t.same((await engine.addresses([bridge])).get(bridge), ['10.10.251.1/30'])
    await engine.setAddress(bridge, undefined)
    t.same((await engine.addresses([bridge])).get(bridge) ?? [], [])
  })

  withSubject('translates addresses to the outside', async (t, { engine, prefix }) => {
    const bridge = name.bridge(`${prefix}b0`)
    const rules = async () =>
      (await engine.natRules()).filter((rule) => rule.bridge === bridge).map((rule) => rule.subnet)
    await engine.addNat(bridge, '10.10.250.0/30')
    await engine.addNat(bridge, '10.10.250.0/30')
    t.same(await rules(), ['10.10.250.0/30'])
    for (const rule of await engine.natRules()) {
      await engine.removeNat(rule)
      await engine.removeNat(rule)
    }
    t.same(await rules(), [])
  })

  withSubject('tells the routes of the host', async (t, { engine }) => {
    for (const route of await engine.routes()) t.match(route.subnet, /^[\d.]+\/\d+$/)
  })
}
