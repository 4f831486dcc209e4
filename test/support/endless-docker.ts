import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DesiredContainer } from '../../src/model/desired.ts'
import { labels } from '../../src/model/ownership.ts'

export interface EndlessDocker {
  readonly path: string
  /** Answers by the last part of their path that have begun. */
  streams(of: 'logs' | 'start'): number
}

/** A Docker engine with one container, whose output and commands never end. */
export const startEndlessDocker = async (
  t: Test,
  { name, image, instance, vnf, specHash }: DesiredContainer,
  { pid, gate }: { readonly pid: number; readonly gate: string },
): Promise<EndlessDocker> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-endless-'))
  const path = join(directory, 'docker.sock')
  const begun: string[] = []
  const marks = {
    ...{ [labels.owner]: 'sond', [labels.instance]: instance, [labels.vnf]: vnf, [labels.specHash]: specHash },
    ...{ [labels.copy]: '0', [labels.replica]: '0' },
  }
  const container = {
    Id: 'abc',
    Name: `/${name}`,
    Config: { Image: image, Labels: marks, Env: ['SON_EMU_CMD_STOP=sleep 1000'], Entrypoint: ['/.sond/busybox'] },
    State: { Status: 'running', Pid: pid, StartedAt: '2026-01-01T00:00:00Z', ExitCode: 0, OOMKilled: false },
    HostConfig: { NetworkMode: 'none' },
    NetworkSettings: { Networks: {} },
    Mounts: [{ Type: 'bind', Source: gate, Destination: '/.sond' }],
  }
  const answers: readonly (readonly [RegExp, number, unknown])[] = [
    [/^GET \/containers\/[^/]+\/json/, 200, container],
    [/^GET \/images\/.*\/json/, 200, { Config: {} }],
    [/^POST \/containers\/[^/]+\/exec/, 201, { Id: 'e' }],
    [/^GET \/exec\/e\/json/, 200, { Running: true, ExitCode: null }],
  ]
  const server = createServer((request, response) => {
    const asked = `${request.method ?? ''} ${request.url ?? ''}`
    const [, status = 200, body] = answers.find(([pattern]) => pattern.test(asked)) ?? []
    const [, stream] = /\/(logs|start)(?:\?|$)/.exec(asked) ?? []
    if (body !== undefined) response.writeHead(status).end(JSON.stringify(body))
    else if (stream !== undefined) {
      response.writeHead(200).flushHeaders()
      begun.push(stream)
    }
  })
  server.listen(path)
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { path, streams: (of) => begun.filter((one) => one === of).length }
}
