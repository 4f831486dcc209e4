import t from 'tap'
import { startTestEngines } from '../../support/engines.ts'
import { containerContract } from '../contract/containers.ts'
import { makeSubject, prepareImage } from './subject.ts'

t.test('the Docker engine keeps the contract', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false } })
  await prepareImage(engines.docker)
  containerContract(t, () => makeSubject(engines))
})
