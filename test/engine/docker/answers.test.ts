import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createDockerEngine } from '../../../src/engine/docker/engine.ts'
import { failsWithin } from '../../support/bounded.ts'
import { name } from '../../support/build.ts'
import { memoryLog } from '../../support/log.ts'

const finish =
  (text: string) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(text)
  }

/** What a dying engine, or something else at its address, may answer. */
const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'nothing at all': finish(''),
  'a page': finish('<html>hello</html>'),
  'half of a list': finish('[{"Id":"a"'),
  null: finish('null'),
  'a number': finish('7'),
  'less than it promised': (response) => {
    response.writeHead(200, { 'content-length': 1000 }).write('[{"Id":"a"')
    response.socket?.end()
  },
  'half of a chunk': (response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100\r\n[{"Id"')
  },
  'a connection that breaks': (response) => {
    response.writeHead(200, { 'content-length': 1000 }).write('[', () => response.socket?.destroy())
  },
  'a failure that is cut off': (response) => {
    response.writeHead(500, { 'content-length': 1000 }).write('{"mess')
    response.socket?.end()
  },
  'another protocol': (response) => response.socket?.end('220 mail.example ESMTP\r\n'),
  'a list of what are no containers': finish('[null, 5]'),
}

void t.test('an answer that is none of Docker’s is no answer, and above all no empty list', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-answers-'))
  let answer: (response: ServerResponse, path: string) => void = () => undefined
  const server = createServer((request, response) => answer(response, request.url ?? ''))
  server.listen(join(directory, 'docker.sock'))
  await once(server, 'listening')
  const engine = createDockerEngine({
    ...{ url: `unix://${join(directory, 'docker.sock')}`, owner: name.owner('sond'), stateDir: directory },
    ...{ busybox: '/bin/busybox', log: memoryLog() },
  })
  t.teardown(async () => {
    await engine.close()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })
  const container = name.container('sond.demo.0.fw.0')
  const calls = {
    ping: () => engine.ping(),
    'observe everything': () => engine.observe(),
    'observe an instance': () => engine.observe(name.object('demo')),
    conflicts: () => engine.conflicts([container]),
    presentImages: () => engine.presentImages([name.image('img:1')]),
    networks: () => engine.networks(),
    pidOf: () => engine.pidOf(container),
    exec: () => engine.exec(container, ['true']),
  }
  for (const [what, give] of Object.entries(answers)) {
    answer = give
    for (const [call, ask] of Object.entries(calls))
      await failsWithin(t, `${call}, answered with ${what}`, 1_000, ask, ['UNAVAILABLE'])
  }
  answer = (response, path) => {
    const isBroken = path.includes('broken')
    response.writeHead(isBroken ? 500 : 200).end(isBroken ? '{"message":"unknown layer"}' : '{"Config":{}}')
  }
  const [whole, broken] = [name.image('whole:1'), name.image('broken:1')]
  t.same([...(await engine.presentImages([whole, broken]))], [whole], 'an image that cannot be read hides no other')
  answer = finish('<html>hello</html>')
  await t.rejects(engine.ping(), { message: /docker=unix:.*its answer is not one of Docker's: <html>hello/ })
})
