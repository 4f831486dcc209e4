import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../../support/engines.ts'

t.test('private engines start, run a container and go without a trace', async (t) => {
  const t0 = performance.now()
  const engines = await startTestEngines(t)
  console.error('started', performance.now() - t0)
  await importBusyboxImage(engines.docker, 'local/bb')
  console.error('imported', performance.now() - t0)
  const c = await engines.docker.createContainer({ Image: 'local/bb', HostConfig: { NetworkMode: 'none' } })
  await c.start()
  console.error('run', performance.now() - t0)
  t.equal((await c.inspect()).State.Running, true)
  const t1 = performance.now()
  t.teardown(() => console.error('stop took', performance.now() - t1))
})
