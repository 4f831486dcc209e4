import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import type { Backend } from '../../src/api/backend.ts'
import { defaultLimits } from '../../src/api/context.ts'
import { ApiError } from '../../src/api/errors.ts'
import { planListener } from '../../src/api/listeners.ts'
import { createRequestMetrics } from '../../src/api/request-metrics.ts'
import { buildServer } from '../../src/api/server.ts'
import { createServices } from '../../src/api/services.ts'
import { isError } from '../../src/model/diagnostics.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { createFakeDaemon } from '../../test/support/api-backend.ts'
import { type Target, bytesOf, promise } from './target.ts'

const root = '/apis/sond.dev/v1alpha1'

const instance = JSON.stringify({
  apiVersion: 'sond.dev/v1alpha1',
  kind: 'ServiceInstance',
  metadata: { name: 'demo' },
  spec: { package: 'demo' },
})

const form = [
  '--b\r\nContent-Disposition: form-data; name="package"; filename="a.son"\r\nContent-Type: application/zip\r\n\r\nPK\r\n',
  '--b\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n--b--\r\n',
].join('')

const requests = [
  `POST ${root}/manifests?dryRun=0\n\n${instance}`,
  `PUT ${root}/instances/demo?dryRun=1\ncontent-type: application/json\n\n${instance}`,
  `DELETE ${root}/instances/demo\n\n`,
  `POST ${root}/instances/demo/exec\n\n{"vnf": "fw", "copy": 0, "command": ["ls", "-l"]}`,
  `GET ${root}/instances/demo/logs?vnf=fw&tail=3&script=start\n\n`,
  `GET ${root}/events?for=instance/demo\n\n`,
  `GET ${root}/packages/a%2Fb:1\n\n`,
  `POST ${root}/prune\n\n{"confirm": true}`,
  `POST ${root}/instances/demo/suspend\n\n`,
  'POST /instantiations\ncontent-type: application/x-www-form-urlencoded\n\n{"service_uuid": "latest"}',
  'DELETE /api/v2/instantiations\n\n{"service_uuid": null, "service_instance_uuid": "x"}',
  'POST /packages?name=a.son\ncontent-disposition: attachment; filename="b.son"\n\nPK',
  `POST ${root}/packages\ncontent-type: multipart/form-data; boundary=b\n\n${form}`,
  'GET /dashboard/dashboard.js\nhost: localhost\norigin: http://evil.example\nsec-fetch-site: cross-site\n\n',
  'GET /metrics\nauthorization: Bearer x\nhost: 127.0.0.1:80\n\n',
]

/** The daemon's own reading of manifests, over the fake of everything behind it. */
const createBackend = (): Backend => {
  const daemon = createFakeDaemon()
  daemon.automatic = true
  return {
    ...daemon,
    apply: async (manifest, options) => {
      const { documents, diagnostics } = parseManifestFile('manifest', bytesOf(manifest))
      if (diagnostics.some(isError)) throw new ApiError('INVALID', 'refused', { details: { diagnostics } })
      const known = documents.every(({ document }) => document.kind === 'ServiceInstance')
      return known ? daemon.apply(instance, options) : []
    },
  }
}

/**
 * What a client sends: light-my-request stands in for the network, and what it would refuse, or write in another way, is passed over.
 */
const isSendable = (url: string): boolean => {
  const parsed = /^\/[\x21-\x7e]*$/.test(url) ? URL.parse(url, 'http://localhost') : null
  return parsed !== null && parsed.host === 'localhost' && parsed.pathname + parsed.search === url
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const

interface Request {
  readonly method: (typeof methods)[number]
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** `METHOD PATH`, headers and an empty line, then the body. */
const readRequest = (input: Uint8Array): Request | undefined => {
  const bytes = Buffer.from(input)
  const end = bytes.indexOf('\n\n')
  const [first = '', ...lines] = bytes
    .subarray(0, end < 0 ? bytes.length : end)
    .toString('latin1')
    .split('\n')
  const [word = '', url = ''] = first.split(' ')
  const method = methods.find((one) => one === word)
  if (method === undefined || !isSendable(url)) return undefined
  // Streams have no end to wait for.
  if (/watch|follow/i.test(decodeSafely(url))) return undefined
  const headers = Object.fromEntries(
    lines.flatMap((line): readonly (readonly [string, string])[] => {
      const [, name, value] = /^([a-z-]{1,40}): ([\x20-\x7e]*)$/.exec(line) ?? []
      return name === undefined || value === undefined || name.endsWith('length') || name.endsWith('encoding')
        ? []
        : [[name, value]]
    }),
  )
  return { method, url, headers, body: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 2) }
}

const decodeSafely = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The routes of a socket and of a TCP listener, without the network before them. */
export const openHttpTargets = async (): Promise<{
  readonly targets: readonly Target[]
  readonly close: () => Promise<void>
}> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-fuzz-'))
  const failures: string[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message: string, fields?: Readonly<Record<string, unknown>>) =>
      void failures.push(`${message}: ${String(fields?.['cause'])}`),
  }
  const open = async (listener: string, token: string | undefined) => {
    const backend = createBackend()
    const metrics = new Registry()
    const context = {
      ...{ backend, log, metrics, version: '1', uploadDirectory: join(directory, 'uploads') },
      services: createServices(backend),
      gatekeeper: { autoDeploy: true, autoDelete: false, waitMs: 5 },
      limits: { ...defaultLimits, packageBytes: 4096, bodyBytes: 16 * 1024, receiveMs: 1_000 },
    }
    return buildServer(context, planListener(listener, { token, insecureNoAuth: false }), createRequestMetrics(metrics))
  }
  const servers = {
    'http-unix': await open('unix:/s', undefined),
    'http-tcp': await open('tcp:127.0.0.1:0', 'a-token-that-is-long-enough'),
  }
  const targets = Object.entries(servers).map(([name, server]): Target => ({
    name,
    seeds: requests.map((text) => bytesOf(text)),
    run: async (input) => {
      const request = readRequest(input)
      if (request === undefined) return
      const { method, url, headers, body } = request
      const options = { method, url, headers, ...(body.length === 0 ? {} : { payload: body }) }
      const answer = await server.inject(options)
      const failed = failures.splice(0)
      promise(failed.length === 0, () => `${method} ${url} failed: ${failed.join('; ')}`)
      promise(!answer.body.includes('"INTERNAL"'), () => `${method} ${url}: ${answer.body}`)
      const isOpen = /^\/(?:healthz|readyz|dashboard\/|$|\?)/.test(url)
      promise(
        name === 'http-unix' || isOpen || answer.statusCode >= 400,
        () => `${method} ${url} passed without a token`,
      )
    },
  }))
  const close = async (): Promise<void> => {
    await Promise.all(Object.values(servers).map((server) => server.close()))
    await rm(directory, { recursive: true, force: true })
  }
  return { targets, close }
}
