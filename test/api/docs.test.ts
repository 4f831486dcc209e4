import { readFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import t from 'tap'
import { defaultLimits } from '../../src/api/context.ts'
import { apiErrors } from '../../src/api/errors.ts'
import { planListener } from '../../src/api/listeners.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { createRequestMetrics } from '../../src/api/request-metrics.ts'
import { buildServer } from '../../src/api/server.ts'
import { createServices } from '../../src/api/services.ts'
import { createFakeDaemon } from '../support/api-backend.ts'
import { memoryLog } from '../support/log.ts'

const docs = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')

/** `GET /path` for each route the server has. */
const routes = async (): Promise<ReadonlySet<string>> => {
  const backend = createFakeDaemon()
  const metrics = new Registry()
  const context = {
    backend,
    services: createServices(backend),
    version: '',
    log: memoryLog(),
    metrics,
    uploadDirectory: '/nowhere',
    gatekeeper: { autoDeploy: false, autoDelete: false, waitMs: 0 },
    limits: defaultLimits,
  }
  const listener = planListener('unix:/nowhere', { token: undefined, insecureNoAuth: false })
  const app = await buildServer(context, listener, createRequestMetrics(metrics))
  await app.ready()
  const found = new Set<string>()
  const parents: string[] = []
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, branch = '', path, methods] = /^((?:│ {3}| {4})*)[├└]── (\S+)(?: \(([^)]*)\))?/.exec(line) ?? []
    if (path === undefined) continue
    const depth = branch.length / 4
    parents[depth] = path
    const full = parents.slice(0, depth + 1).join('')
    for (const method of methods?.split(', ') ?? []) if (method !== 'HEAD') found.add(`${method} ${full}`)
  }
  await app.close()
  return found
}

t.test('docs/api.md names every call, and no other', async (t) => {
  const section = (title: string): string =>
    docs.slice(docs.indexOf(`## ${title}`), docs.indexOf('\n## ', docs.indexOf(`## ${title}`) + 1))
  const objects = section('Objects')
  const calls = (text: string): readonly string[] =>
    [...text.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([A-Z]+ \/\S*)`/g)].map(([, call = '']) => call),
    )
  const documented = new Set([
    ...calls(docs.replace(objects, '')),
    ...calls(objects).map((call) => (call.includes(apiRoot) ? call : call.replace(' /', ` ${apiRoot}/`))),
  ])
  t.same([...documented].sort(), [...(await routes())].sort())
})

t.test('docs/api.md names every code with its status', async (t) => {
  const named = new Map(
    [...docs.matchAll(/`([A-Z_]+)`\s(\d{3})/g)].map(([, code = '', status]) => [code, Number(status)]),
  )
  t.same(Object.fromEntries(named), apiErrors)
})
