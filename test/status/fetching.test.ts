import t from 'tap'
import type { ObservedContainer } from '../../src/model/actual.ts'
import { EngineError, type EngineErrorCode } from '../../src/model/errors.ts'
import type { InstanceStatus } from '../../src/model/status.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { chainSketch } from '../support/service.ts'
import { createDemo, told, type Demo } from './pass.ts'

/** A demo of two functions after a pass in which the step for the second one's image ended with this error. */
const withImage = async (code: EngineErrorCode, nextTry?: string): Promise<InstanceStatus> => {
  const sketch = chainSketch('svc', 2, 'img:1')
  const [first, second] = sketch.functions
  if (first === undefined || second === undefined) throw new Error('two functions')
  const demo = await createDemo({ service: { ...sketch, functions: [first, { ...second, image: 'late:1' }] } })
  const { actual, plan } = await demo.look()
  const images = new Set([...actual.images].filter((image) => image !== 'late:1'))
  const look = await demo.look({ actual: { ...actual, images } })
  const step = look.plan.steps.find(({ kind }) => kind === 'pullImage')
  if (step === undefined) throw new Error(`no image is pulled: ${plan.steps.map(({ id }) => id).join()}`)
  const error = new EngineError(code, { image: 'late:1' })
  const outcomes = [{ step, result: 'failed', ms: 1, error } as const]
  return demo.status({ ...look, outcomes, ...(nextTry === undefined ? {} : { nextTry }) })
}

const moment = '2026-01-01T00:00:04.000Z'

t.test('a failure is told with its next try; an image on its way comes when it comes', async (t) => {
  const failed = await withImage('IMAGE_NOT_FOUND', moment)
  t.match(failed.functions[1]?.problem, /cannot be pulled .*; next try at 2026-01-01T00:00:04/)
  t.match(told(failed, 'Stalled'), /^True Blocked: .*; next try at 2026-01-01T00:00:04/)
  const fetching = await withImage('FETCHING', moment)
  t.notMatch(fetching.functions[1]?.problem, /next try/)
})

t.test('an image on its way is waited for; nothing stands in the way', async (t) => {
  const status = await withImage('FETCHING')
  t.match(told(status, 'ImagesReady'), /^False Fetching: late:1: the image is still being fetched/)
  t.match(told(status, 'Stalled'), /^False/)
  t.match(told(status, 'Reconciling'), /^True Applying/)
  t.match(status.functions[1]?.problem, /still being fetched/)
})

t.test('one that cannot be had is a failure', async (t) => {
  const status = await withImage('IMAGE_NOT_FOUND')
  t.match(told(status, 'ImagesReady'), /^False ImageUnavailable: late:1: the image is not on this host/)
  t.match(told(status, 'Stalled'), /^True/)
})

t.test('what went while it was worked on is looked at anew: nothing stands in the way', async (t) => {
  const demo = await createDemo({ service: chainSketch('svc', 2, 'img:1') })
  const { plan, ...look } = await demo.look()
  const step = plan.steps.find(({ kind }) => kind === 'setPort')
  if (step === undefined) throw new Error('no port is set')
  for (const [code, stalled] of [
    ['NOT_FOUND', /^False/],
    ['REFUSED', /^True/],
  ] as const) {
    const error = new EngineError(code, { bridge: 'sond-dc1' })
    const status = demo.status({ ...look, plan, outcomes: [{ step, result: 'failed', ms: 1, error }] })
    t.match(told(status, 'Stalled'), stalled, code)
    t.match(told(status, 'Ready'), /^False/)
  }
})

t.test('one that the daemon does not allow is told whether it runs or not', async (t) => {
  const { images } = defaultConfiguration().spec
  const demo = await createDemo({
    service: chainSketch('svc', 1, 'img:1'),
    settings: { images: { ...images, allow: ['other:*'] } },
  })
  await demo.converge()
  const status = demo.status(await demo.look())
  t.match(told(status, 'ImagesReady'), /^False ImageRefused: f1: images\.allow of the daemon does not allow/)
})

const afterScript = async (demo: Demo, start: ObservedContainer['scripts']['start']): Promise<string | undefined> => {
  await demo.converge()
  const { actual } = await demo.look()
  const scripts = start === undefined ? {} : { start }
  const containers = actual.containers.map((one) => ({ ...one, scripts }))
  const status = demo.status(await demo.look({ actual: { ...actual, containers } }))
  t.match(told(status, 'ContainersReady'), /^True/, 'its function runs all the same')
  return status.functions[0]?.problem
}

t.test('a start script that failed is told of its function', async (t) => {
  const demo = await createDemo({ service: chainSketch('svc', 1, 'img:1') })
  t.equal(await afterScript(demo, undefined), undefined)
  t.equal(await afterScript(demo, { run: 'running' }), undefined)
  t.equal(await afterScript(demo, { run: 'done' }), undefined, 'nobody saw its end')
  t.equal(await afterScript(demo, { run: 'done', exitCode: 0 }), undefined)
  t.equal(await afterScript(demo, { run: 'done', exitCode: 3 }), 'its start script (SON_EMU_CMD) ended with code 3')
})

t.test("an interface on Docker's bridge is told with what Docker gave it", async (t) => {
  const { management } = defaultConfiguration().spec
  const demo = await createDemo({
    service: {
      name: 'svc',
      functions: [{ id: 'f', image: 'img:1', interfaces: ['mgmt'], management: ['mgmt'] }],
      points: { 'ns:mgmt': 'management' },
      links: [['mgmt', 'E-LAN', 'ns:mgmt', 'f:mgmt']],
    },
    settings: { management: { ...management, dockerNetwork: true } },
  })
  const none = { name: 'mgmt', address: null, mac: '', switchPort: '', link: null }
  t.same(demo.status(await demo.look()).functions[0]?.interfaces, [none])
  await demo.converge()
  const [found] = demo.status(await demo.look()).functions[0]?.interfaces ?? []
  t.match(found, { name: 'mgmt', address: /^172\.17\.\d+\.\d+\/16$/, mac: /^02:42:/, switchPort: '', link: null })
})
