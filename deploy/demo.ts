// The main job from end to end, on engines of its own: a service comes up from two files, is broken and heals, grows, and goes, and
// nothing is left of it. Ends with exit code 0 when all of that was so.
//
//   npm run demo              takes about a minute; cleans up, also after Ctrl-C
//   npm run demo -- --keep    stops after the service is up, and leaves it running
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  containerIds,
  crossChain,
  DemoFailure,
  expect,
  expectNoTraces,
  healAll,
  showInstance,
  watchConverge,
} from './demo/chain.ts'
import { createScreen, type Screen } from './demo/screen.ts'
import { buildImage } from './images/build.ts'
import { exampleImages } from './images/images.ts'
import type { Instance } from './lab/api.ts'
import { addressOf, containerOf, pidOf } from './lab/faults.ts'
import { createLab, type Lab } from './lab/lab.ts'
import { findTraces } from './lab/leftovers.ts'
import { now } from './lab/run.ts'
import { startTraffic } from './lab/traffic.ts'

const example = join(import.meta.dirname, '..', 'manifests', 'firewall-chain')

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const bringUp = async (lab: Lab, screen: Screen): Promise<Instance> => {
  screen.step('Start sond, with a Docker engine and an Open vSwitch of its own')
  screen.command(`sond run --engines embedded --manifests ${lab.manifests} ...`)
  let begun = now()
  await lab.start()
  screen.good('it has read its files and its engines', now() - begun)

  screen.step('Make the images of two functions from what this machine has installed')
  screen.command(`node_modules/.bin/node deploy/images/build.ts --docker-host ${lab.dockerUrl}`)
  for (const image of exampleImages) {
    begun = now()
    await buildImage(lab.docker, image)
    screen.good(image.name, now() - begun)
  }

  screen.step('Drop a package and a manifest into the watched directory')
  const package_ = join(lab.dir, 'firewall-chain.son')
  screen.command('sonctl package manifests/firewall-chain -o firewall-chain.son')
  const { code, stderr } = await lab.sonctl('package', example, '-o', package_)
  expect(code === 0, `sonctl package: ${stderr}`)
  screen.command(`cp firewall-chain.son manifests/firewall-chain/instance.yaml ${lab.manifests}/`)
  begun = now()
  await lab.drop('firewall-chain.son', await readFile(package_))
  await lab.drop('web.yaml', await readFile(join(example, 'instance.yaml')))
  const instance = await watchConverge(lab, screen, begun, 'web', 1)
  showInstance(screen, instance)

  screen.step('Cross the chain: client, firewall, server')
  await crossChain(lab, screen, instance)
  return instance
}

const theInstance = async (lab: Lab): Promise<Instance> => {
  const instance = await lab.api.instance('web')
  if (instance === undefined) throw new DemoFailure('instance web is gone')
  return instance
}

const scale = async (lab: Lab, screen: Screen, before: Instance): Promise<void> => {
  screen.step('Scale by editing the manifest: a second copy, while the first goes on')
  const manifest = await readFile(join(example, 'instance.yaml'), 'utf8')
  const traffic = startTraffic(await pidOf(lab, containerOf(before, 'client')), addressOf(before, 'server', 'data'), 80)
  try {
    await traffic.passes(10_000)
    const begun = now()
    screen.command('sed -i "s/replicas: 1/replicas: 2/" web.yaml')
    await lab.drop('web.yaml', manifest.replace('replicas: 1', 'replicas: 2'))
    const scaled = await watchConverge(lab, screen, begun, 'web', before.metadata.generation + 1)
    showInstance(screen, scaled)
    expect(scaled.status.functions.length === 6, `there are ${scaled.status.functions.length} functions, not 6`)
    expect(containerIds(before, 0) === containerIds(scaled, 0), 'containers of copy 0 were made anew while scaling')
    screen.good('the three containers of copy 0 are the same as before')
    const { exchanges, failed } = await traffic.since(begun)
    screen.good(`meanwhile ${exchanges} TCP exchanges crossed copy 0, ${failed === 0 ? 'none' : failed} failed`)
    await crossChain(lab, screen, scaled, 1)
  } finally {
    await traffic.stop()
  }
}

const terminate = async (lab: Lab, screen: Screen): Promise<void> => {
  screen.step('Terminate by deleting the manifest')
  screen.command(`rm ${lab.manifests}/web.yaml`)
  const begun = now()
  await lab.withdraw('web.yaml')
  await lab.api.follow('web', 60_000, (instance) => instance === undefined)
  screen.good('the instance is gone', now() - begun)
  await expectNoTraces(lab, screen)
}

const endLab = async (lab: Lab, screen: Screen): Promise<void> => {
  screen.step('Stop sond and its engines')
  const begun = now()
  await lab.stop()
  screen.good('they have ended', now() - begun)
  for (const [what, left] of Object.entries(await findTraces(lab.dir, lab.netns))) {
    expect(left.length === 0, `${what} left behind: ${left.join(', ')}`)
    screen.good(`no ${what} left`)
  }
}

const explainKept = (lab: Lab, screen: Screen, port: number): void => {
  screen.step('It goes on running')
  screen.line(`dashboard    http://127.0.0.1:${port}/  (loopback, open to every user of this machine)`)
  screen.line(`look         bin/sonctl.js --server ${lab.server} get instances`)
  screen.line(`             bin/sonctl.js --server ${lab.server} describe instance web`)
  screen.line(`files        ${lab.manifests}`)
  screen.line(`log          ${lab.logFile}`)
  screen.line(
    `stop it      kill ${String(lab.pid())} && tail --pid=${String(lab.pid())} -f /dev/null && rm -r ${lab.dir}`,
  )
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } })
  const screen = createScreen(process.stdout)
  const port = values.keep ? await freePort() : 0
  const lab = await createLab('demo', values.keep ? { listen: [`tcp:127.0.0.1:${port}`] } : {})
  const interrupted = Promise.withResolvers<never>()
  process.once('uncaughtException', (error) => interrupted.reject(error))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interrupted.reject(new DemoFailure(`interrupted (${signal})`)))
  }
  const work = async (): Promise<void> => {
    const instance = await bringUp(lab, screen)
    if (values.keep) return
    screen.step('Break it, and see it heal')
    await healAll(lab, screen, instance)
    await scale(lab, screen, await theInstance(lab))
    await terminate(lab, screen)
    await endLab(lab, screen)
  }
  try {
    await Promise.race([work(), interrupted.promise])
    if (values.keep) {
      explainKept(lab, screen, port)
      lab.release()
    } else screen.step('Done: everything was as promised')
    return 0
  } catch (error) {
    screen.bad(error instanceof Error ? error.message : String(error))
    screen.line('Cleaning up ...')
    await lab.stop().catch((problem: unknown) => screen.bad(`clean-up: ${String(problem)}`))
    return 1
  }
}

process.exit(await main())
