// The examples under manifests/, as a user runs them: images built, package made, files dropped, traffic looked at from inside.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildImage } from '../../deploy/images/build.ts'
import { exampleImages } from '../../deploy/images/images.ts'
import { type Instance, isReady } from '../../deploy/lab/api.ts'
import { addressOf } from '../../deploy/lab/faults.ts'
import { createLab, type Lab } from '../../deploy/lab/lab.ts'
import { findTraces } from '../../deploy/lab/leftovers.ts'

const folder = join(import.meta.dirname, '..', '..', 'manifests')

const onboard = async (lab: Lab, example: string): Promise<void> => {
  const file = join(lab.dir, `${example}.son`)
  const { code, stderr } = await lab.sonctl('package', join(folder, example), '-o', file)
  if (code !== 0) throw new Error(stderr)
  await lab.drop(`${example}.son`, await readFile(file))
}

const ready = async (lab: Lab, name: string): Promise<Instance> => {
  const instance = await lab.api.follow(name, 60_000, isReady)
  if (instance === undefined) throw new Error(`instance ${name} is gone`)
  return instance
}

/** What `wget` in a function says; undefined when nothing came within two seconds. */
const fetched = async (lab: Lab, instance: string, vnf: string, url: string): Promise<string | undefined> => {
  const { code, stdout } = await lab.sonctl('exec', instance, vnf, '--', 'timeout', '2', 'wget', '-qO-', url)
  return code === 0 ? stdout.trim() : undefined
}

const elan = async (t: Test, lab: Lab): Promise<void> => {
  await onboard(lab, 'elan')
  await lab.drop('office.yaml', await readFile(join(folder, 'elan', 'instance.yaml')))
  const office = await ready(lab, 'office')
  const names = ['alice', 'bob', 'carol']
  for (const from of names) {
    for (const to of names.filter((name) => name !== from)) {
      t.equal(await fetched(lab, 'office', from, `http://${addressOf(office, to, 'lan')}/`), to, `${from} to ${to}`)
    }
  }
}

const twoInstances = async (t: Test, lab: Lab): Promise<void> => {
  await onboard(lab, 'firewall-chain')
  await lab.drop('two.yaml', await readFile(join(folder, 'two-instances', 'instances.yaml')))
  for (const [name, admin] of [
    ['blue', undefined],
    ['green', 'server'],
  ] as const) {
    const server = addressOf(await ready(lab, name), 'server', 'data')
    t.equal(await fetched(lab, name, 'client', `http://${server}/`), 'server', `${name}: port 80`)
    t.equal(await fetched(lab, name, 'client', `http://${server}:8080/`), admin, `${name}: port 8080`)
  }
}

t.test('examples', async (t) => {
  const lab = await createLab('test')
  let stopped = false
  t.teardown(() => (stopped ? undefined : lab.stop()))
  await lab.start()
  for (const image of exampleImages) await buildImage(lab.docker, image)
  await t.test('elan', (t) => elan(t, lab))
  await t.test('two instances of one package', (t) => twoInstances(t, lab))
  await lab.stop()
  stopped = true
  const traces = await findTraces(lab.dir, lab.netns)
  t.same(traces, { processes: [], mounts: [], 'network namespaces': [], 'control groups': [] })
})
