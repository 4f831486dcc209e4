import type { FastifyInstance } from 'fastify'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { ApiError } from './errors.ts'

const folder = join(import.meta.dirname, 'dashboard')

const assets: readonly string[] = [
  'dashboard.css',
  'dashboard.js',
  'api.js',
  'elements.js',
  'icon.svg',
  'layout.js',
  'picture.js',
  'state.js',
  'store.js',
  'views.js',
]

/** Addresses of the page and of what it is made of. They hold nothing of this daemon, so that a browser gets them without a token. */
export const dashboardPaths: ReadonlySet<string> = new Set(['/', ...assets.map((name) => `/dashboard/${name}`)])

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

// Only what lies beside the page may be loaded or run, and nobody may put it into a frame: a click there could delete a service.
const headers = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

const read = async (name: string) => ({ type: types[extname(name)] ?? '', content: await readFile(join(folder, name)) })

/** The web page at `/`: static files, read once. Everything that it shows it asks of the API. */
export const dashboardRoutes = async (app: FastifyInstance): Promise<void> => {
  const index = await read('index.html')
  const files = new Map(await Promise.all(assets.map(async (name) => [name, await read(name)] as const)))
  app.get('/', (_request, reply) => reply.headers(headers).type(index.type).send(index.content))
  app.get<{ Params: { file: string } }>('/dashboard/:file', (request, reply) => {
    const file = files.get(request.params.file)
    if (file === undefined) throw new ApiError('NOT_FOUND', 'the page has no such file', { next: 'open /' })
    return reply.headers(headers).type(file.type).send(file.content)
  })
}
