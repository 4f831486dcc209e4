import t from 'tap'
import type { Device } from '../../../src/engine/netns/devices.ts'
import type { InsideCall, IpTool } from '../../../src/engine/netns/ip.ts'
import type { DeviceChange } from '../../../src/engine/netns/monitor.ts'
import { createReadings, type Container } from '../../../src/engine/netns/readings.ts'

const device = (ifindex: number): Device => ({
  ifindex,
  ifname: `if${ifindex}`,
  flags: ['UP'],
  address: '02:00:00:00:00:01',
  ifalias: '',
  group: 'default',
  addr_info: [],
})

/** Device 2 as it is, unless said otherwise. */
const told = (nsid: number, more: Partial<DeviceChange> = {}): DeviceChange => ({
  nsid,
  what: 'link',
  deleted: false,
  ifindex: 2,
  name: 'if2',
  features: false,
  up: true,
  mac: '02:00:00:00:00:01',
  ...more,
})
const down = (nsid: number): DeviceChange => told(nsid, { up: false })

/** Containers with devices 2 and 3 each, whose offload is as `offload` says; counts who is entered. */
const makeWorld = () => {
  const entered: string[] = []
  const offload = new Map<string, 'on' | 'off'>()
  let during: () => void = () => undefined
  const answer = ({ pid, command }: InsideCall): string => {
    const [program, , name = ''] = command
    entered.push(`${pid} ${program ?? ''}${program === 'ethtool' ? ` ${name}` : ''}`)
    return program === 'ip'
      ? JSON.stringify([device(2), device(3)])
      : `Features for ${name}:\ntx-checksumming: ${offload.get(`${pid} ${name}`) ?? 'on'}\n`
  }
  const unused = (): never => {
    throw new Error('not used here')
  }
  const ip: IpTool = {
    run: unused,
    must: unused,
    command: unused,
    batch: unused,
    async inside(calls) {
      during()
      return calls.map((call) => ({ code: call.pid === 404 ? 1 : 0, stdout: answer(call), stderr: '' }))
    },
    close: () => undefined,
  }
  const readings = createReadings(ip, 60_000)
  readings.setWatched(true)
  const a: Container = { pid: 1, namespace: 'net:[1]', nsid: 10 }
  const b: Container = { pid: 2, namespace: 'net:[2]', nsid: 20 }
  const read = async (...containers: readonly Container[]) => {
    entered.length = 0
    const result = await readings.read(containers, (_container, devices) => devices.slice(0, 1))
    return { result, entered: [...entered] }
  }
  return { readings, read, a, b, offload, whileReading: (act: () => void) => (during = act) }
}

t.test('what was read is kept until a change is told', async (t) => {
  const { readings, read, a, b } = makeWorld()
  t.same((await read(a, b)).entered, ['1 ip', '2 ip', '1 ethtool if2', '2 ethtool if2'])
  t.same((await read(a, b)).entered, [])
  t.ok(readings.changed(20, down(20)))
  t.same((await read(a, b)).entered, ['2 ip'])
  readings.invalidatePid(1)
  t.same((await read(a, b)).entered, ['1 ip'])
  readings.invalidateAll()
  t.equal((await read(a, b)).entered.length, 4)
})

t.test('nothing is kept while nobody tells of changes', async (t) => {
  const { readings, read, a } = makeWorld()
  readings.setWatched(false)
  await read(a)
  t.equal((await read(a)).entered.length, 2)
})

t.test('another namespace, or one that has its number only now, is read anew', async (t) => {
  const { read, a } = makeWorld()
  await read(a)
  t.equal((await read({ ...a, namespace: 'net:[9]' })).entered.length, 2)
  t.equal((await read({ ...a, namespace: 'net:[9]', nsid: undefined })).entered.length, 2)
})

t.test('a change that is told during a reading is not lost', async (t) => {
  const { readings, read, a, whileReading } = makeWorld()
  await read(a)
  readings.changed(10, down(10))
  whileReading(() => readings.changed(10, down(10)))
  t.same((await read(a)).entered, ['1 ip'])
  whileReading(() => undefined)
  t.same((await read(a)).entered, ['1 ip'])
  t.same((await read(a)).entered, [])
})

t.test('what is told and was read so is no news', async (t) => {
  const { readings, read, a } = makeWorld()
  const address = { what: 'address', address: '10.30.0.1/30' } as const
  t.ok(readings.changed(10, told(10)), 'of a container that was never read everything is news')
  await read(a)
  t.notOk(readings.changed(10, told(10)))
  t.notOk(readings.changed(10, told(10, { ...address, deleted: true })))
  t.notOk(readings.changed(10, told(10, { ifindex: 9, deleted: true })))
  t.same((await read(a)).entered, [], 'the reading holds')
  for (const news of [
    told(10, { mac: '02:00:00:00:00:02' }),
    told(10, { name: 'other' }),
    told(10, { ifindex: 9 }),
    told(10, { deleted: true }),
    told(10, address),
  ]) {
    t.ok(readings.changed(10, news))
    t.same((await read(a)).entered, ['1 ip'])
  }
})

t.test('a reading taken along with a change of ours holds where all that is told agrees with it', async (t) => {
  const { readings, read, a } = makeWorld()
  const agreed = readings.begin(a)
  readings.changed(10, told(10))
  agreed([device(2), device(3)])
  t.same((await read(a)).entered, ['1 ethtool if2'])

  const contradicted = readings.begin(a)
  readings.changed(10, down(10))
  contradicted([device(2), device(3)])
  t.same((await read(a)).entered, ['1 ip'])

  const failed = readings.begin(a)
  failed(undefined)
  t.same((await read(a)).entered, ['1 ip'])
})

t.test('a container that has gone has no reading', async (t) => {
  const { read, a } = makeWorld()
  const { result } = await read({ ...a, pid: 404 })
  t.equal(result.get(404), undefined)
})

t.test('offload switched off by us is known; by others it is read', async (t) => {
  for (const order of ['told before', 'told after'] as const) {
    const { readings, read, a, offload } = makeWorld()
    offload.set('1 if2', 'off')
    const switching = readings.switchingOff(a, 2)
    if (order === 'told before') readings.featureChanged(10, 2)
    switching.settle(true)
    if (order === 'told after') t.equal(readings.featureChanged(10, 2), false, 'no news')
    const { result, entered } = await read(a)
    t.same(entered, ['1 ip'], order)
    t.equal(result.get(1)?.txOffload.get(2), false)
    offload.set('1 if2', 'on')
    t.equal(readings.featureChanged(10, 2), true)
    const after = await read(a)
    t.same(after.entered, ['1 ip', '1 ethtool if2'])
    t.equal(after.result.get(1)?.txOffload.get(2), true)
  }
})

t.test('somebody else switches it on while we switch it off', async (t) => {
  const { readings, read, a, offload } = makeWorld()
  offload.set('1 if2', 'on')
  const switching = readings.switchingOff(a, 2)
  readings.featureChanged(10, 2)
  readings.featureChanged(10, 2)
  switching.settle(true)
  t.equal((await read(a)).result.get(1)?.txOffload.get(2), true)
})

t.test('when nothing was switched, every change is somebody else’s', async (t) => {
  const { readings, read, a, offload } = makeWorld()
  readings.switchingOff(a, 2).settle(false)
  offload.set('1 if2', 'on')
  t.equal(readings.featureChanged(10, 2), true)
  t.equal((await read(a)).result.get(1)?.txOffload.get(2), true)
})
