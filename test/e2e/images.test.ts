import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { EventRecord } from '../../src/model/status.ts'
import { busyboxPath, importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond, type Instance, type TestDaemon } from '../support/daemon.ts'
import { startRegistry } from '../support/registry.ts'
import { startSilentServer } from '../support/reach.ts'
import { buildManifest, buildPackage, type ServiceSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const local = 'test/host:1'

/** `here` runs a local image, `other` another one; a line joins them. */
const pair = (name: string, image: string, more: Partial<ServiceSketch> = {}): Promise<Uint8Array> =>
  buildPackage({
    name,
    functions: [
      { id: 'here', image: local, interfaces: ['port'] },
      { id: 'other', image, interfaces: ['port'] },
    ],
    links: [['line', 'E-Line', 'here:port', 'other:port']],
    ...more,
  })

const condition = ({ status }: Instance, type: string) => status.conditions.find((one) => one.type === type)
const functionOf = ({ status }: Instance, vnf: string) => status.functions.find(({ vnfId }) => vnfId === vnf)

const eventsOf = async (sond: TestDaemon, instance: string): Promise<readonly EventRecord[]> => {
  const { stdout } = await sond.sonctl('events', '--for', `instance/${instance}`, '-o', 'json')
  return (JSON.parse(stdout) as { items: readonly EventRecord[] }).items // the contract of `-o json`
}

void t.test('images', async (t) => {
  const engines = await startTestEngines(t, { bridge: true })
  await importBusyboxImage(engines.docker, local)
  const registry = await startRegistry(t, engines)
  const home = join(engines.dir, 'docker-config')
  await mkdir(home)
  await writeFile(join(home, 'config.json'), JSON.stringify(registry.dockerConfig))
  const sond = await startSond(t, engines, { env: { DOCKER_CONFIG: home } })
  const version = async (container: string): Promise<string> => {
    const { stdout } = await sond.sonctl('exec', container, 'other', '--', 'cat', '/etc/version')
    return stdout.trim()
  }
  const publish = async (text: string, repository: string): Promise<string> => {
    await importBusyboxImage(engines.docker, 'made/here:1', { files: { '/etc/version': text } })
    return registry.push('made/here:1', repository)
  }

  await t.test('keep: what is missing is pulled, with the password of docker login, and told', async (t) => {
    const image = await publish('one', 'vnf/pulled:1')
    await sond.drop('pulled.son', await pair('pulled', image))
    await sond.drop('pulled.yaml', buildManifest('pulled', 'pulled'))
    await sond.ready('pulled')
    t.equal(await version('pulled'), 'one')
    const events = await eventsOf(sond, 'pulled')
    t.match(
      events.filter(({ reason }) => reason.startsWith('ImagePull')),
      [
        { reason: 'ImagePulling', message: `pulling ${image}` },
        { reason: 'ImagePulled', message: new RegExp(`^pulled ${image} in `) },
      ],
    )
  })

  await t.test(
    'keep: progress of a pull: in the condition, in the events and in sonctl while it goes on',
    async (t) => {
      // Random bytes do not shrink: about six seconds, half of them for busybox.
      const ballast = randomBytes(2_000_000).toString('latin1')
      await importBusyboxImage(engines.docker, 'made/large:1', { files: { '/etc/ballast': ballast } })
      const pushed = await registry.push('made/large:1', 'vnf/large:1')
      await engines.docker.getImage('made/large:1').remove()
      const image = pushed.replace(registry.address, await registry.slowly(700_000))
      await sond.drop('large.son', await pair('large', image))
      await sond.drop('large.yaml', buildManifest('large', 'large'))
      const moving = /Downloading .*MB\/.*MB/
      const coming = await until('the progress to be told', async () => {
        const one = await sond.get('large').catch(() => undefined)
        return one !== undefined && moving.test(condition(one, 'ImagesReady')?.message ?? '') ? one : undefined
      })
      t.match(condition(coming, 'ImagesReady'), { status: 'False', reason: 'Fetching' })
      t.match((await sond.sonctl('describe', 'instance', 'large')).stdout, moving)
      t.equal(functionOf(coming, 'here')?.container?.state, 'running', 'what has its image runs')
      await sond.ready('large')
      const told = (await eventsOf(sond, 'large')).filter(({ reason }) => reason.startsWith('ImagePull'))
      t.ok(
        told.some(({ reason, message }) => reason === 'ImagePulling' && moving.test(message)),
        'an event on the way',
        { told },
      )
      t.match(told.at(-1), { reason: 'ImagePulled', message: `pulled ${image} in ` })
    },
  )

  await t.test('keep: pulled anew when that is asked for, else kept as it is', async (t) => {
    const image = `${registry.address}/vnf/pulled:1`
    const old = await engines.docker.getImage(image).inspect()
    await publish('two', 'vnf/pulled:1')
    // Publishing took the name away from what this host has pulled before.
    await engines.docker.getImage(old.Id).tag({ repo: `${registry.address}/vnf/pulled`, tag: '1' })
    await sond.drop('kept.yaml', buildManifest('kept', 'pulled'))
    await sond.ready('kept')
    t.equal(await version('kept'), 'one')
    await sond.drop('forced.yaml', buildManifest('forced', 'pulled', { images: { forcePull: true } }))
    const forced = await until('the other image', async () => {
      const one = await sond.get('forced').catch(() => undefined)
      return one !== undefined && functionOf(one, 'other')?.container?.state === 'running' ? one : undefined
    })
    t.match(functionOf(forced, 'here')?.problem, /test\/host:1/, 'an image that no registry has cannot be pulled anew')
    t.equal(await version('forced'), 'two')
    await sond.sonctl('delete', 'instance', 'forced', '--wait')
  })

  await t.test(
    'mend: a missing one affects its own function, which is tried again, and comes when it is there',
    async (t) => {
      const image = `${registry.address}/vnf/late:1`
      await sond.drop('late.son', await pair('late', image))
      await sond.drop('late.yaml', buildManifest('late', 'late'))
      const waiting = await until('the failure to be told', async () => {
        const late = await sond.get('late').catch(() => undefined)
        return late !== undefined && condition(late, 'ImagesReady')?.reason === 'ImageUnavailable' ? late : undefined
      })
      t.equal(functionOf(waiting, 'here')?.container?.state, 'running')
      t.equal(functionOf(waiting, 'other')?.container, null)
      t.match(functionOf(waiting, 'other')?.problem, /late:1.*next try at \d{4}-/)
      await publish('late', 'vnf/late:1')
      await sond.ready('late')
      t.equal(await version('late'), 'late')
    },
  )

  await t.test('one that appears on the host by another way is taken at once', async (t) => {
    await sond.drop('loaded.son', await pair('loaded', '127.0.0.1:9/vnf/loaded:1'))
    await sond.drop('loaded.yaml', buildManifest('loaded', 'loaded'))
    await until(
      'some tries',
      async () => {
        const events = await eventsOf(sond, 'loaded')
        return (events.find(({ reason }) => reason === 'ImagePulling')?.count ?? 0) >= 3
      },
      { timeout: 20_000, every: 200 },
    )
    const began = performance.now()
    await importBusyboxImage(engines.docker, '127.0.0.1:9/vnf/loaded:1')
    await sond.ready('loaded')
    t.ok(performance.now() - began < 5_000, 'long before the next try')
  })

  await t.test('a registry that hangs holds nothing else up', async (t) => {
    const { port, stop } = await startSilentServer(engines)
    t.teardown(stop)
    await sond.drop('slow.son', await pair('slow', `127.0.0.1:${port}/vnf/slow:1`))
    await sond.drop('slow.yaml', buildManifest('slow', 'slow'))
    const waiting = await until('the wait to be told', async () => {
      const slow = await sond.get('slow').catch(() => undefined)
      if (slow === undefined || functionOf(slow, 'here')?.container?.state !== 'running') return undefined
      return condition(slow, 'ImagesReady')?.reason === 'Fetching' ? slow : undefined
    })
    t.equal(condition(waiting, 'Stalled')?.status, 'False', 'it goes on by itself')
    const first = await engines.docker.getContainer('sond.slow.0.here.0').inspect()
    await engines.docker.getContainer('sond.slow.0.here.0').kill()
    await until('the sibling to be healed', async () => {
      const { State } = await engines.docker.getContainer('sond.slow.0.here.0').inspect()
      return State.Running && State.StartedAt !== first.State.StartedAt
    })
    await sond.drop('slow.yaml', buildManifest('slow', 'slow', { functions: [{ vnfId: 'other', image: local }] }))
    await sond.ready('slow')
  })

  await t.test('keep: built from the docker files of the package', async (t) => {
    await sond.drop(
      'built.son',
      await pair('built', 'vendor/built-image', {
        files: {
          'docker_files/other-vnf/Dockerfile':
            'FROM scratch\nADD busybox /bin/busybox\nADD version /etc/version\nENV PATH=/bin\nCMD ["/bin/busybox", "sleep", "100000"]\n',
          'docker_files/other-vnf/version': 'built\n',
          'docker_files/other-vnf/busybox': await readFile(busyboxPath),
        },
      }),
    )
    await sond.drop('built.yaml', buildManifest('built', 'built', { images: { buildDockerfiles: true } }))
    await sond.ready('built')
    const { stdout } = await sond.sonctl('exec', 'built', 'other', '--', '/bin/busybox', 'cat', '/etc/version')
    t.equal(stdout.trim(), 'built')
    const events = await eventsOf(sond, 'built')
    t.ok(events.some(({ reason, message }) => reason === 'ImageBuilt' && message.startsWith('built other-vnf:')))
  })

  await t.test('a build that fails tells what it said', async (t) => {
    const files = { 'docker_files/other-vnf/Dockerfile': `FROM ${local}\nRUN echo no compiler here; exit 3\n` }
    await sond.drop('broken.son', await pair('broken', 'vendor/broken', { files }))
    await sond.drop('broken.yaml', buildManifest('broken', 'broken', { images: { buildDockerfiles: true } }))
    const failed = await until('the failure', async () =>
      (await eventsOf(sond, 'broken')).find(({ reason }) => reason === 'ImageBuildFailed'),
    )
    t.match(failed.message, /no compiler here/)
    // The build may fail before its neighbour has started.
    await until('the other function to run', async () => {
      return functionOf(await sond.get('broken'), 'here')?.container?.state === 'running'
    })
  })

  await t.test('the password of a registry is in no log, status, event or argument', async (t) => {
    const secrets = Object.values(registry.dockerConfig.auths).flatMap(({ auth }) => [
      auth,
      Buffer.from(auth, 'base64').toString().split(':')[1] ?? auth,
    ])
    const children = (await readFile(`/proc/${sond.pid()}/task/${sond.pid()}/children`, 'utf8')).trim().split(' ')
    const lines = await Promise.all(
      [String(sond.pid()), ...children].map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    )
    const instance = await sond.get('pulled')
    const told = {
      log: sond.log(),
      status: JSON.stringify(instance),
      events: JSON.stringify(await eventsOf(sond, 'pulled')),
    }
    t.match(told.log, /pulled/)
    for (const [what, text] of Object.entries({ ...told, arguments: lines.join('\n') }))
      for (const secret of secrets) t.notOk(text.includes(secret), what)
  })

  await t.test(
    'what images.allow refuses does not run, nor what wants a password that is not known; the status says so',
    async (t) => {
      const strict = await startSond(t, engines, {
        name: 'strict',
        args: ['--owner', 'strict'],
        settings: { images: { allow: ['test/*', `${registry.address}/*`] } },
        env: { DOCKER_CONFIG: join(engines.dir, 'no-password') },
      })
      await strict.drop('locked.son', await pair('locked', await publish('locked', 'vnf/locked:1')))
      await strict.drop('locked.yaml', buildManifest('locked', 'locked'))
      await importBusyboxImage(engines.docker, 'elsewhere/host:1')
      await strict.drop('refused.son', await pair('refused', 'elsewhere/host:1'))
      await strict.drop('refused.yaml', buildManifest('refused', 'refused'))
      const refused = await until('the refusal to be told', async () => {
        const one = await strict.get('refused').catch(() => undefined)
        const isRunning = one !== undefined && functionOf(one, 'here')?.container?.state === 'running'
        return isRunning && condition(one, 'ImagesReady')?.reason === 'ImageRefused' ? one : undefined
      })
      t.equal(functionOf(refused, 'other')?.container, null)
      t.match(
        functionOf(refused, 'other')?.problem,
        /images\.allow of the daemon does not allow the image elsewhere\/host:1/,
      )
      await strict.drop(
        'refused.yaml',
        buildManifest('refused', 'refused', { functions: [{ vnfId: 'other', image: local }] }),
      )
      await strict.ready('refused')
      const locked = await until('the missing password to be told', async () => {
        const told = condition(await strict.get('locked'), 'ImagesReady')
        return told?.reason === 'ImageUnavailable' && told
      })
      t.match(locked.message, /no basic auth credentials/)
    },
  )
})
