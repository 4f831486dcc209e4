import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import type { Test } from 'tap'
import { createApi, type ApiOptions } from '../../src/api/api.ts'
import type { ListenAddress } from '../../src/api/address.ts'
import { createFakeDaemon, type FakeDaemon } from './api-backend.ts'
import type { Where } from './http.ts'
import { memoryLog } from './log.ts'

export interface RunningApi {
  readonly daemon: FakeDaemon
  readonly log: ReturnType<typeof memoryLog>
  readonly directory: string
  readonly addresses: readonly ListenAddress[]
  /** First listener. */
  readonly where: Where
  readonly close: () => Promise<void>
}

export const whereOf = (address: ListenAddress | undefined): Where => {
  if (address === undefined) throw new Error('no listener')
  return address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }
}

export interface ApiSettings extends Partial<ApiOptions> {
  /** Listeners beside those of `listeners`, or beside the default one. */
  readonly moreListeners?: readonly string[]
}

/** An API over a fake daemon, on a unix socket of its own where `listeners` says nothing else. */
export const startApi = async (
  t: Test,
  { moreListeners = [], listeners, ...options }: ApiSettings = {},
): Promise<RunningApi> => {
  // Not t.testdir: its paths can be longer than a socket's may be.
  const directory = await mkdtemp(join(tmpdir(), 'sond-api-'))
  const daemon = createFakeDaemon()
  const log = memoryLog()
  const api = createApi({
    backend: daemon,
    listeners: [...(listeners ?? [`unix:${join(directory, 's')}`]), ...moreListeners],
    version: '1.2.3',
    log,
    metrics: new Registry(),
    uploadDirectory: join(directory, 'uploads'),
    ...options,
  })
  t.teardown(async () => {
    await api.close()
    await rm(directory, { recursive: true, force: true })
  })
  const addresses = await api.listen()
  return { daemon, log, directory, addresses, where: whereOf(addresses[0]), close: () => api.close() }
}

/** A manifest of an instance. */
export const instanceManifest = (name: string, spec: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    apiVersion: 'sond.dev/v1alpha1',
    kind: 'ServiceInstance',
    metadata: { name },
    spec: { package: 'demo', ...spec },
  })
