import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { EngineError } from '../../../src/model/errors.ts'
import { builder, name } from '../../support/build.ts'
import { startTestEngines, type TestEngines } from '../../support/engines.ts'
import { until } from '../../support/until.ts'
import { imageRef, makeEngine, ownerName, prepareImage, testImage } from './subject.ts'

const execute = promisify(execFile)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof EngineError ? error.code : error),
  )

/** A way to the engine on which these calls, every start for one, fail with that sentence, until it relents. */
const refuseCalls = async (t: Test, engines: TestEngines, sentence: string, calls = /\/start$/) => {
  let refuses = true
  const server = createServer((asked, answer) => {
    if (refuses && calls.test(asked.url ?? '')) {
      answer.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ message: sentence }))
      return
    }
    const { method, url: path, headers } = asked
    const socketPath = engines.dockerUrl.replace('unix://', '')
    const passed = request({ socketPath, method, path, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 500, told.headers)
      told.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  })
  const socket = join(await mkdtemp(join(engines.dir, 'refusing-')), 'docker.sock')
  server.listen(socket)
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return { url: `unix://${socket}`, relent: () => (refuses = false) }
}

t.test('containers, images and networks', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false }, bridge: true })
  const { docker } = engines
  await prepareImage(docker)
  const owner = ownerName('work')
  const engine = makeEngine(engines, owner)
  t.teardown(() => engine.close())
  const demo = name.object('demo')
  const build = builder({ owner, instance: 'demo', cookie: 1 })

  t.test('a container without a network has its loopback, and knows its names as with any other', async (t) => {
    const container = build.container('names', { image: testImage })
    await engine.create(container)
    await engine.start(container.name)
    const { Config, NetworkSettings } = await docker.getContainer(container.name).inspect()
    t.match(Config, { NetworkDisabled: true })
    t.same(NetworkSettings.Networks, {})
    const said = await engine.exec(container.name, ['ping', '-c', '1', 'localhost'])
    t.match(said, { exitCode: 0 }, said.output)
    t.same(await engine.exec(container.name, ['sh', '-c', 'cd /sys/class/net && echo *']), {
      exitCode: 0,
      output: 'lo\n',
    })
    await engine.exec(container.name, ['sh', '-c', 'echo 10.0.0.9 peer >> /etc/hosts'])
    await docker.getContainer(container.name).restart({ t: 0 })
    const { output } = await engine.exec(container.name, ['cat', '/etc/hosts', '/etc/resolv.conf'])
    t.match(output, /localhost/)
    t.match(output, /^10\.0\.0\.9 peer$/m, 'what it changed itself stays')
    t.notMatch(output, /nameserver 127\./)
    const given = build.container('given', {
      image: testImage,
      volumes: [
        { host: join(engines.dir, 'sond', owner, 'gates', container.name, 'hosts'), container: '/etc/hosts:ro' },
      ],
    })
    await engine.create(given)
    await engine.start(given.name)
    t.match(await engine.exec(given.name, ['cat', '/etc/hosts']), { output: /10\.0\.0\.9 peer/ })
  })

  t.test('makes a container as it is asked for', async (t) => {
    const share = join(engines.dir, 'share', 'fw')
    const container = build.container('fw', {
      image: testImage,
      hostname: 'fw-host',
      env: { VNF_NAME: 'fw', EQUAL: 'a=b' },
      volumes: [{ host: share, container: '/mnt/share/' }],
    })
    await engine.create(container)
    await engine.start(container.name)
    const { HostConfig: host, Config: config } = await docker.getContainer(container.name).inspect()
    t.match(host, {
      NetworkMode: 'none',
      RestartPolicy: { Name: 'no' },
      CapAdd: ['NET_ADMIN'],
      Privileged: false,
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } },
    })
    t.match(config.Labels, container.labels)
    const said = await engine.exec(container.name, [
      'sh',
      '-c',
      'hostname; echo $VNF_NAME $EQUAL; echo x > /mnt/share/log; cat /proc/sys/net/ipv4/ip_forward',
    ])
    t.same(said, { exitCode: 0, output: 'fw-host\nfw a=b\n1\n' })
    t.equal(await readFile(join(share, 'log'), 'utf8'), 'x\n')
    t.equal(await codeOf(engine.exec(container.name, ['touch', '/.sond/mine'])), 'no error')
    await t.rejects(
      stat(join(engines.dir, 'sond', owner, 'gates', container.name, 'mine')),
      'the gate is read-only inside',
    )
  })

  t.test("gives a container Docker's bridge where it is asked for", async (t) => {
    const container = build.container('managed', {
      image: testImage,
      network: { kind: 'bridge', interface: name.interface('mgmt') },
    })
    await engine.create(container)
    await engine.start(container.name)
    t.match((await engine.exec(container.name, ['ip', '-4', 'addr', 'show', 'eth0'])).output, /inet 172\./)
    t.equal((await engine.observe(demo)).find((one) => one.name === container.name)?.network, 'bridge')
    t.match(await engine.networks(), [{ name: 'bridge', subnet: /^172\./ }])
  })

  t.test('one that its engine has left half started is taken away, and can be made again', async (t) => {
    for (const [vnf, sentence] of Object.entries({
      half: 'task 0123: already exists',
      shim: 'failed to start shim: mkdir /run/task: file exists: unknown',
    })) {
      const refusing = await refuseCalls(t, engines, sentence)
      const through = makeEngine(engines, owner, { url: refusing.url })
      t.teardown(() => through.close())
      const container = build.container(vnf, { image: testImage })
      const state = async () => (await engine.observe(demo)).find((one) => one.name === container.name)?.state
      await through.create(container)
      t.equal(await codeOf(through.start(container.name)), 'START_FAILED')
      t.equal(await state(), undefined)
      refusing.relent()
      await through.create(container)
      await through.start(container.name)
      t.equal(await state(), 'running')
    }
  })

  t.test('one that its engine cannot read holds up no other; what says that it never starts makes room', async (t) => {
    const sentence = 'RWLayer of container 0123 is unexpectedly nil'
    const torn = builder({ owner, instance: 'torn', cookie: 2 })
    const broken = torn.container('broken', { image: testImage })
    const whole = torn.container('whole', { image: testImage })
    for (const one of [broken, whole]) await engine.create(one)
    for (const one of [broken, whole]) await engine.start(one.name)
    const { Id } = await docker.getContainer(broken.name).inspect()
    const refusing = await refuseCalls(t, engines, sentence, new RegExp(`/${Id}/(json|start)|/${broken.name}/json`))
    const through = makeEngine(engines, owner, { url: refusing.url })
    t.teardown(() => through.close())
    t.equal(await codeOf(through.observe(name.object('torn'))), 'REFUSED', 'nothing is guessed of one that runs')
    const all = await through.observe()
    t.match(
      all.find((one) => one.name === broken.name),
      { state: 'running', pid: 0, unread: sentence, instance: 'torn', dataCenter: 'dc1' },
      'its marks are known',
    )
    t.match(
      all.find((one) => one.name === whole.name),
      { state: 'running', unread: undefined, pid: await engine.pidOf(whole.name) },
    )
    await docker.getContainer(broken.name).kill()
    await docker.getContainer(broken.name).wait()
    const seen = async () => (await through.observe(name.object('torn'))).map((one) => `${one.vnf} ${one.state}`).sort()
    t.same(await seen(), ['broken exited', 'whole running'])
    t.match(
      (await through.observe()).find((one) => one.name === broken.name),
      { exitCode: 137, unread: sentence },
    )
    await t.rejects(through.start(broken.name), { code: 'START_FAILED', details: { reason: sentence } })
    t.same(await seen(), ['whole running'])
    await through.create(broken)
    await through.start(broken.name)
    t.same(await seen(), ['broken running', 'whole running'])
  })

  t.test('a directory that it mounts and that is gone is made anew for its next start', async (t) => {
    const share = join(engines.dir, 'lost', 'share')
    const container = build.container('lost', {
      image: testImage,
      volumes: [{ host: share, container: '/mnt/share/' }],
    })
    await engine.create(container)
    await engine.start(container.name)
    await docker.getContainer(container.name).kill()
    await docker.getContainer(container.name).wait()
    await rm(join(engines.dir, 'lost'), { recursive: true })
    await engine.start(container.name)
    t.equal((await engine.observe(demo)).find((one) => one.name === container.name)?.state, 'running')
  })

  t.test('limits: lists and ranges are one, refusals have their code', async (t) => {
    const none = { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 0 }
    const container = build.container('limits', { image: testImage, limits: { ...none, cpuset: '1,0' } })
    await engine.create(container)
    await engine.start(container.name)
    const limitsNow = async () => (await engine.observe(demo)).find((one) => one.name === container.name)?.limits
    t.equal((await limitsNow())?.cpuset, '0,1')
    await engine.updateLimits(container.name, { ...none, cpuset: '0-0', cpuQuota: 500_000, memoryBytes: 64 << 20 })
    t.same(await limitsNow(), { cpuset: '0', cpuPeriod: 1_000_000, cpuQuota: 500_000, memoryBytes: 64 << 20 })
    const group = `/sys/fs/cgroup/memory/${engines.netns.name}/${(await docker.getContainer(container.name).inspect()).Id}`
    const there = await stat(group).then(
      () => true,
      () => false,
    )
    if (there) t.equal((await readFile(`${group}/memory.limit_in_bytes`, 'utf8')).trim(), String(64 << 20))
    await engine.updateLimits(container.name, none)
    t.same(await limitsNow(), none)
    t.equal((await engine.exec(container.name, ['nproc'])).output, (await execute('nproc')).stdout)
    for (const [refused, limits] of Object.entries({
      'a CPU the host lacks': { ...none, cpuset: '0,4000' },
      'too little memory': { ...none, memoryBytes: 1024 },
      'a quota under a millisecond': { ...none, cpuQuota: 10 },
    })) {
      t.equal(await codeOf(engine.updateLimits(container.name, limits)), 'LIMITS_REFUSED', refused)
      t.equal(
        await codeOf(engine.create(build.container('refused', { image: testImage, limits }))),
        'LIMITS_REFUSED',
        refused,
      )
    }
    t.same(await limitsNow(), none)
  })

  t.test('logs by lines, the last of them, and as they come', async (t) => {
    const container = build.container('talks', { image: testImage })
    await engine.create(container)
    await engine.start(container.name)
    await engine.openGate(container.name)
    const say = (text: string) => engine.exec(container.name, ['sh', '-c', `echo ${text} > /proc/1/fd/1`])
    await say('one')
    await say('two')
    const read = async (options: { tail?: number }) => {
      const lines: string[] = []
      for await (const line of engine.logs(container.name, options)) lines.push(line)
      return lines
    }
    await until('both lines', async () => (await read({})).length === 2)
    t.same(await read({}), ['one', 'two'])
    t.same(await read({ tail: 1 }), ['two'])
    const stop = new AbortController()
    const followed: string[] = []
    for await (const line of engine.logs(container.name, { follow: true, signal: stop.signal })) {
      followed.push(line)
      if (line === 'two') await say('three')
      if (line === 'three') stop.abort()
    }
    t.same(followed, ['one', 'two', 'three'])
    t.equal(
      await codeOf(read({}).then(() => engine.logs(build.container('nobody').name, {})[Symbol.asyncIterator]().next())),
      'NOT_FOUND',
    )
  })

  t.test('builds an image from a folder of a package, and says why it cannot', async (t) => {
    const folder = join(engines.dir, 'context')
    await mkdir(folder)
    const tarOf = async (dockerfile: string): Promise<Uint8Array> => {
      await writeFile(join(folder, 'Dockerfile'), dockerfile)
      await execute('tar', ['-C', folder, '-cf', `${folder}.tar`, '.'])
      return readFile(`${folder}.tar`)
    }
    const lines: string[] = []
    const image = imageRef('local/built:1')
    await engine.buildImage(
      image,
      await tarOf(`FROM ${testImage}\nRUN echo hello > /greeting\nCMD ["cat", "/greeting"]\n`),
      (line) => lines.push(line),
    )
    t.ok(lines.some((line) => line.startsWith('Step 1/3')))
    const container = build.container('built', { image })
    await engine.create(container)
    await engine.start(container.name)
    await engine.openGate(container.name)
    await until('its greeting', async () => {
      for await (const line of engine.logs(container.name, {})) if (line === 'hello') return true
      return false
    })
    t.equal(
      await codeOf(engine.buildImage(image, await tarOf(`FROM ${testImage}\nRUN false\n`), () => undefined)),
      'REFUSED',
    )
  })

  t.test('errors have their codes', async (t) => {
    const nobody = build.container('nobody', { image: testImage }).name
    t.equal(await codeOf(engine.start(nobody)), 'NOT_FOUND')
    t.equal(await codeOf(engine.pidOf(nobody)), 'NOT_FOUND')
    t.equal(await codeOf(engine.pullImage(imageRef('127.0.0.1:1/none:1'), () => undefined)), 'IMAGE_NOT_FOUND')
    const away = makeEngine(engines, owner, { url: `unix://${engines.dir}/nowhere.sock` })
    t.equal(await codeOf(away.ping()), 'UNAVAILABLE')
    t.equal(await codeOf(away.observe()), 'UNAVAILABLE')
    await away.close()
    const foreign = build.container('foreign', { image: testImage }).name
    await docker.createContainer({ name: foreign, Image: testImage, HostConfig: { NetworkMode: 'none' } })
    t.equal(await codeOf(engine.start(foreign)), 'NOT_FOUND', 'what is not ours is never started')
  })
})
