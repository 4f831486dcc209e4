import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { createDockerEngine } from '../../../src/engine/docker/engine.ts'
import type { DockerEngineOptions } from '../../../src/engine/docker/options.ts'
import { toDockerUpdate } from '../../../src/engine/docker/limits.ts'
import { must, parseImageRef, parseOwner } from '../../../src/model/names.ts'
import type { ImageRef, Owner } from '../../../src/model/names.ts'
import { busyboxPath, importBusyboxImage } from '../../support/engines.ts'
import type { TestEngines } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import type { ContainerSubject } from '../contract/containers.ts'

export const imageRef = (text: string): ImageRef => must(parseImageRef(text), text)
export const ownerName = (text: string): Owner => must(parseOwner(text), text)

/** The image of the contract: a shell, and a program that runs until killed. */
export const testImage = imageRef('local/vnf:1')

const checkedImage = imageRef('local/checked:1')

export const prepareImage = async (docker: Docker): Promise<void> => {
  await importBusyboxImage(docker, testImage)
  await importBusyboxImage(docker, checkedImage, { healthcheck: 'test -e /tmp/well' })
}

/** A Docker adapter on the test's private engine. */
export const makeEngine = (engines: TestEngines, owner: Owner, more: Partial<DockerEngineOptions> = {}) =>
  createDockerEngine({
    url: engines.dockerUrl,
    owner,
    stateDir: join(engines.dir, 'sond', owner),
    busybox: busyboxPath,
    log: memoryLog(),
    ...more,
  })

let count = 0

/** One of many subjects on one private engine: an owner mark and names of its own. */
export const makeSubject = async (engines: TestEngines): Promise<ContainerSubject> => {
  const { docker } = engines
  const number = (count += 1)
  const owner = ownerName(`t${number}`)
  const stateDir = await mkdtemp(join(engines.dir, 'sond-'))
  const engine = makeEngine(engines, owner, { stateDir })
  const at = (name: string) => docker.getContainer(name)
  return {
    engine,
    owner,
    instance: `i${number}`,
    image: testImage,
    checkedImage,
    missingImage: imageRef('local/nowhere:1'),
    hands: {
      kill: async (name) => {
        await at(name).kill()
      },
      restart: async (name) => {
        await at(name).restart({ t: 0 })
      },
      pause: async (name) => {
        await at(name).pause()
      },
      remove: async (name) => {
        await at(name).remove({ force: true })
      },
      updateLimits: async (name, limits) => {
        await at(name).update(toDockerUpdate(limits, '0-1'))
      },
      setHealth: async (name, health) => {
        const command = health === 'healthy' ? ['touch', '/tmp/well'] : ['rm', '-f', '/tmp/well']
        await engine.exec(name, command)
      },
      createForeign: async (name) => {
        await docker.createContainer({ name, Image: testImage, HostConfig: { NetworkMode: 'none' } })
      },
      exists: async (name) =>
        at(name)
          .inspect()
          .then(
            () => true,
            () => false,
          ),
    },
    close: async () => {
      for (const { Id } of await docker.listContainers({ all: true }))
        await docker.getContainer(Id).remove({ force: true })
      await engine.close()
    },
  }
}
