import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { startTestEngines } from '../../support/engines.ts'

/** Runs a program in a network namespace; gives its output. */
const inside = async (netns: string, command: readonly string[], input = '', env: Record<string, string> = {}) => {
  const child = spawn('nsenter', [`--net=${netns}`, ...command], { env: { PATH: '/usr/bin:/bin', ...env } })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdin.on('error', () => undefined) // it may end without reading
  if (input !== '') child.stdin.write(input)
  await once(child, 'close')
  return output
}

t.test('what is inside the namespace reaches registries through the daemon', async (t) => {
  const engines = await startTestEngines(t, { parts: { docker: true, switches: false }, uplink: true })
  const server = createServer((asked, answer) => answer.end(`${asked.method ?? ''} ${asked.url ?? ''}`)).listen(
    0,
    '127.0.0.1',
  )
  t.teardown(() => server.close())
  await once(server, 'listening')
  // A server on a TCP port has such an address.
  const { port } = server.address() as AddressInfo
  const { path } = engines.netns

  t.equal(
    await inside(path, ['busybox', 'wget', '-qO-', '-T', '5', `http://127.0.0.1:${port}/v2/`]),
    '',
    'no way out by itself',
  )
  t.equal(
    await inside(path, ['busybox', 'wget', '-qO-', `http://127.0.0.1:${port}/v2/`], '', {
      http_proxy: 'http://127.0.0.1:3128',
    }),
    'GET /v2/',
  )
  const tunnelled = await inside(
    path,
    ['busybox', 'nc', '127.0.0.1', '3128'],
    `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\nGET /through HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  )
  t.match(tunnelled, /^HTTP\/1\.1 200 [^]*GET \/through/)
  t.match(
    await inside(path, ['busybox', 'nc', '127.0.0.1', '3128'], 'CONNECT nonsense HTTP/1.1\r\nHost: x\r\n\r\n'),
    /^HTTP\/1\.1 400 /,
  )
  // Docker tells the proxies it uses.
  t.match(await engines.docker.info(), { HttpProxy: 'http://127.0.0.1:3128', HttpsProxy: 'http://127.0.0.1:3128' })
})
