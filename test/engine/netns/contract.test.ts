import { execFileSync } from 'node:child_process'
import t from 'tap'
import { createLinkEngine } from '../../../src/engine/netns/engine.ts'
import { builder, name } from '../../support/build.ts'
import { memoryLog } from '../../support/log.ts'
import { linkContract } from '../contract/links.ts'
import { createHands } from './hands.ts'

const netns = `sond-links-${process.pid}`
execFileSync('ip', ['netns', 'add', netns])
t.teardown(() => execFileSync('ip', ['netns', 'del', netns]))
let subjects = 0

for (const checksumOffload of ['off', 'keep'] as const) {
  t.test(`checksum offload: ${checksumOffload}`, async (t) => {
    linkContract(t, async () => {
      subjects += 1
      const owner = `test-${subjects}`
      const hands = createHands(`/run/netns/${netns}`)
      const engine = createLinkEngine({
        owner: name.owner(owner),
        netns: `/run/netns/${netns}`,
        checksumOffload,
        log: memoryLog(),
      })
      return {
        engine,
        owner,
        instance: 'demo',
        prefix: `l${subjects}`,
        txOffloadBreaks: checksumOffload === 'off',
        hands: {
          addContainer: hands.addContainer,
          killContainer: hands.killContainer,
          addManagement: hands.addManagement,
          innerDevices: hands.innerDevices,
          deleteInner: async (of, device) => {
            await hands.deleteInner(of, device)
          },
          changeInner: hands.changeInner,
          deleteOuter: async (port) => {
            await hands.deleteDevice(port)
          },
          setOuter: async (port, up) => {
            await hands.setDevice(port, up)
          },
          addForeignDevice: async (device) => {
            await hands.addDevice(device)
          },
          addBridgeDevice: async (bridge) => {
            await hands.addDevice(bridge)
          },
          hasDevice: hands.hasDevice,
        },
        async close() {
          await engine.close()
          await hands.killAll()
        },
      }
    })
  })
}

t.test('a wire whose maker was killed before it had marked it is marked when it is mended', async (t) => {
  const hands = createHands(`/run/netns/${netns}`)
  const engine = createLinkEngine({
    owner: name.owner('cut'),
    netns: `/run/netns/${netns}`,
    checksumOffload: 'keep',
    log: memoryLog(),
  })
  t.teardown(async () => {
    await engine.close()
    await hands.killAll()
  })
  const build = builder({ owner: 'cut', instance: 'demo', cookie: 7 })
  const container = build.container('fw')
  const pid = await hands.addContainer(container.name)
  const wire = build.wire(container, 'input', 'cutp1', 'cutb0')
  await engine.createWire(wire, pid)
  execFileSync('ip', ['-n', netns, 'link', 'set', 'dev', 'cutp1', 'alias', '', 'down'])
  const seen = async () =>
    (await engine.observe([{ name: container.name, pid }])).find(({ port }) => port === wire.port)
  t.equal((await seen())?.instance, undefined)
  await engine.configureWire(wire, pid, [])
  t.match(await seen(), { instance: 'demo', up: true })
})
