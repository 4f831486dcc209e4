import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createClient } from '../../../src/engine/docker/client.ts'
import { createRegistry } from '../../../src/engine/docker/registry.ts'
import { labels } from '../../../src/model/ownership.ts'
import { name } from '../../support/build.ts'
import { ownerName } from './subject.ts'

const id = 'c0ffee'
const container = name.container('sond.demo.0.f1.0')
const owner = ownerName('registry')
const marks = {
  [labels.owner]: owner,
  [labels.instance]: 'demo',
  [labels.vnf]: 'f1',
  [labels.copy]: '0',
  [labels.replica]: '0',
}

/** As Docker answers. */
const inspected = (health: string) => ({
  Id: id,
  Name: `/${container}`,
  Config: { Image: 'img:1', Labels: marks },
  HostConfig: { NetworkMode: 'none' },
  Mounts: [],
  NetworkSettings: { Networks: {} },
  State: { Status: 'running', Pid: 1, StartedAt: '', ExitCode: 0, Health: { Status: health } },
})

void t.test('what changes while it is asked for, by its id or its name, is asked for again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-registry-'))
  let health = 'starting'
  let meanwhile = (): void => undefined
  const server = createServer((asked, answer) => {
    const isOne = asked.url?.includes(`/containers/json`) !== true
    const told = isOne ? inspected(health) : [{ Id: id, Names: [`/${container}`], State: 'running', Labels: marks }]
    if (isOne) meanwhile()
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told))
  })
  server.listen(join(directory, 'docker.sock'))
  await once(server, 'listening')
  const client = createClient(`unix://${directory}/docker.sock`, 5_000)
  t.teardown(async () => {
    client.close()
    server.close().closeAllConnections()
    await rm(directory, { recursive: true })
  })
  const timing = { trusted: () => true, maxAge: 1_000, monotonic: () => 0 }
  const registry = createRegistry({ client, owner, ...timing, onlineCpus: () => Promise.resolve('0') })
  const listed = async (): Promise<unknown> => (await registry.list(undefined)).map((one) => one.container.health)

  for (const look of [() => registry.inspect(container), listed]) {
    health = 'starting'
    registry.changed(id)
    meanwhile = () => {
      health = 'healthy'
      registry.changed(id)
      meanwhile = () => undefined
    }
    await look()
    t.same(await listed(), ['healthy'])
  }
  health = 'unhealthy'
  t.same(await listed(), ['healthy'], 'without a change nothing is asked')
})
