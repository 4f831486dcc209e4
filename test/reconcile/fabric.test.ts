import t from 'tap'
import { buildManifest, type ServiceSketch } from '../support/service.ts'
import { startLoop, type TestLoop } from './world.ts'

const lan: ServiceSketch = {
  name: 'lan',
  functions: ['a', 'b'].map((id) => ({ id, image: 'img:1', interfaces: ['input'] })),
  links: [['l1', 'E-LAN', 'a:input', 'b:input']],
}
const topology = ['dc1', 'dc2']
  .map((name) => `apiVersion: sond.dev/v1alpha1\nkind: DataCenter\nmetadata: {name: ${name}}\nspec: {}\n`)
  .concat('apiVersion: sond.dev/v1alpha1\nkind: Link\nmetadata: {name: way}\nspec: {endpoints: [dc1, dc2]}\n')
  .join('---\n')
const apart = (more: Readonly<Record<string, unknown>> = {}): string =>
  buildManifest('demo', 'lan', {
    functions: [
      { vnfId: 'a', dataCenter: 'dc1' },
      { vnfId: 'b', dataCenter: 'dc2' },
    ],
    ...more,
  })

/** `sond-dc1 sond-dc2 | 2`: switches, and the VLANs that trunks carry. */
const fabric = ({ world }: TestLoop): string => {
  const bridges = [...world.bridges.values()]
  const trunks = bridges
    .flatMap((bridge) => [...bridge.ports.values()])
    .filter((port) => port.externalIds['role'] === 'trunk')
  return `${bridges
    .map(({ name }) => name)
    .sort()
    .join(' ')} | ${[...new Set(trunks.flatMap((port) => port.trunks))].join(' ')}`
}

const start = async (t: Parameters<typeof startLoop>[0]): Promise<TestLoop> => {
  const loop = await startLoop(t)
  await loop.files.onboard(lan)
  loop.files.apply(topology)
  loop.files.apply(apart())
  await loop.settled()
  if (loop.told('demo') !== 'Ready') throw new Error(loop.told('demo'))
  return loop
}

void t.test('switches and trunks follow what instances need', async (t) => {
  const loop = await start(t)
  t.match(fabric(loop), /^sond-dc1 sond-dc2 \| \d+$/)
  loop.files.apply(apart({ state: 'Stopped' }))
  await loop.settled()
  t.equal(fabric(loop), 'sond-dc1 sond-dc2 | 4095', 'none')
  loop.files.delete('Link/way')
  loop.files.delete('DataCenter/dc2')
  await loop.settled()
  t.equal(fabric(loop), 'sond-dc1 | ')
})

void t.test('nothing is taken from under an instance that is suspended, whatever its manifest says now', async (t) => {
  const loop = await start(t)
  const before = fabric(loop)
  const elsewhere = [{ vnfId: 'b', dataCenter: 'dc1' }]
  loop.files.apply(apart({ suspend: true, functions: elsewhere }))
  loop.files.delete('DataCenter/dc2')
  await loop.pass(120_000)
  t.equal(fabric(loop), before)
  await loop.stop()
  await t.test('nor after a restart', async (t) => {
    const again = await startLoop(t, { before: loop })
    await again.pass(120_000)
    t.equal(fabric(again), before)
    again.files.apply(apart({ functions: elsewhere }))
    await again.pass(1_000)
    t.equal(again.told('demo'), 'Ready')
    t.equal(fabric(again), 'sond-dc1 | ', 'moved, it leaves nothing behind')
  })
})

void t.test('nor of one whose package is not there after a restart, nor of one without a document', async (t) => {
  const loop = await start(t)
  const before = fabric(loop)
  await loop.stop()
  loop.files.dropPackages()
  await t.test('package', async (t) => {
    const again = await startLoop(t, { before: loop })
    again.files.delete('DataCenter/dc2')
    await again.pass(120_000)
    t.equal(fabric(again), before)
    await again.stop()
  })
  loop.files.lose('ServiceInstance/demo')
  loop.files.setGaps(['the directory is away'])
  await t.test('document', async (t) => {
    const again = await startLoop(t, { before: loop })
    await again.pass(120_000)
    t.equal(fabric(again), before)
    again.files.setGaps([])
    await again.pass(120_000)
    t.equal(fabric(again), 'sond-dc1 | ')
    t.equal(again.world.containers.size, 0)
  })
})

void t.test('the data center that nobody declared has a status as well', async (t) => {
  const loop = await startLoop(t)
  const ready = () => loop.board.topology('DataCenter/dc1')?.conditions.find(({ type }) => type === 'Ready')
  await loop.files.onboard(lan)
  loop.files.apply(buildManifest('waits', 'nothing'))
  await loop.pass(60_000)
  t.match(ready(), { status: 'True', reason: 'NotInUse' })
  loop.files.apply(buildManifest('demo', 'lan'))
  await loop.settled()
  t.match(ready(), { status: 'True', reason: 'SwitchUp', message: 'switch sond-dc1' })
})
