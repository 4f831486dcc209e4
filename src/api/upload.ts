import multipart from '@fastify/multipart'
import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiObjects, Upload } from './backend.ts'
import type { ApiContext, Limits } from './context.ts'
import { apiRoot } from './paths.ts'
import { ApiError } from './errors.ts'

/** Takes the package of a request into the watched directory. */
export type Onboard = (request: FastifyRequest) => Promise<ApiObjects['Package']>

/**
 * Makes a plugin scope in which bodies are not read into memory: multipart forms and raw bodies stream to a file.
 * `routes` gets the function that does it.
 */
export const uploadScope = async (
  app: FastifyInstance,
  context: ApiContext,
  routes: (scope: FastifyInstance, onboard: Onboard) => void,
): Promise<void> => {
  const { limits } = context
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    await scope.register(multipart, {
      throwFileSizeLimit: true,
      limits: { fileSize: limits.packageBytes, files: 1, fields: 8, fieldSize: 4096, parts: 9, headerPairs: 32 },
    })
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    routes(scope, (request) => onboard(request, context))
  })
}

/** `POST /packages` of the API; the gatekeeper has its own. */
export const packageRoutes = (scope: FastifyInstance, take: Onboard): void => {
  scope.post(`${apiRoot}/packages`, async (request, reply) => reply.code(201).send(await take(request)))
}

const onboard = async (request: FastifyRequest, context: ApiContext): Promise<ApiObjects['Package']> => {
  const { packageBytes } = context.limits
  if (announcedBytes(request) > mostAnnounced(packageBytes)) throw tooLarge(packageBytes)
  const { uploadDirectory } = context
  const path = join(uploadDirectory, `upload-${randomUUID()}`)
  try {
    const upload = await mkdir(uploadDirectory, { recursive: true, mode: 0o700 })
      .then(() => receive(request, path, context.limits))
      .catch((error: unknown) => {
        throw isOfDisk(error) ? notKept(uploadDirectory, error) : error
      })
    request.audit.upload = { file: upload.fileName, size: upload.size, sha256: upload.sha256 }
    const object = await context.backend.onboard(upload)
    request.audit.objects = [`Package/${object.metadata.name}`]
    return object
  } finally {
    await rm(path, { force: true }).catch(() => undefined) // cleared at the next start
  }
}

/** Name of the file that an upload arrives in. */
const uploadName = /^upload-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Removes what uploads were arriving in when the daemon was killed. Nobody else may upload into that directory meanwhile. */
export const clearUploads = async (directory: string): Promise<void> => {
  const names = await readdir(directory).catch(() => []) // made by the first upload
  for (const name of names)
    if (uploadName.test(name)) await rm(join(directory, name), { force: true }).catch(() => undefined) // no reason not to start
}

const FORM = 'curl -F package=@FILE.son'

// What a form adds to its file: boundaries, part headers and small fields.
const MULTIPART_SLACK = 64 * 1024

/** Bytes that the body shall have by its header; 0 where it does not say. */
export const announcedBytes = ({ headers }: FastifyRequest): number => Number(headers['content-length'] ?? 0)

/** Largest announcement of a body that is read. */
export const mostAnnounced = (packageBytes: number): number => packageBytes + MULTIPART_SLACK

const receive = async (request: FastifyRequest, path: string, limits: Limits): Promise<Upload> => {
  if (!request.isMultipart()) return store(request.raw, rawName(request), path, limits)
  try {
    const upload = await fileOfForm(request, path, limits)
    if (upload !== undefined) return upload
  } catch (cause) {
    // What the form parser finds wrong has no code; errors of the disk and of the framework have one.
    if (!(cause instanceof Error) || 'code' in cause) throw cause
    throw new ApiError('BAD_REQUEST', `the form is broken: ${cause.message}`, { cause, next: FORM })
  }
  throw new ApiError('BAD_REQUEST', 'the form has no file', { next: FORM })
}

const fileOfForm = async (request: FastifyRequest, path: string, limits: Limits): Promise<Upload | undefined> => {
  let upload: Upload | undefined
  // While a file arrives, its own time-out holds; before and after it this one does.
  let stalled: NodeJS.Timeout | undefined
  const wait = (): void => {
    stalled = setTimeout(() => request.raw.destroy(), limits.receiveMs)
  }
  try {
    wait()
    for await (const part of request.parts()) {
      clearTimeout(stalled)
      if (part.type === 'file') {
        upload = await store(part.file, part.filename, path, limits)
        if (part.file.truncated) throw tooLarge(limits.packageBytes)
      }
      wait()
    }
    return upload
  } finally {
    clearTimeout(stalled)
  }
}

const store = async (source: Readable, name: string, path: string, limits: Limits): Promise<Upload> => {
  const sha1 = createHash('sha1')
  const sha256 = createHash('sha256')
  let size = 0
  // A sender that stops in the middle keeps a file and a connection for nothing.
  const stalled = setTimeout(() => source.destroy(tooSlow(limits)), limits.receiveMs)
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      stalled.refresh()
      size += chunk.length
      sha1.update(chunk)
      sha256.update(chunk)
      if (size > limits.packageBytes) done(tooLarge(limits.packageBytes))
      else done(null, chunk)
    },
  })
  try {
    // A pipeline destroys what it reads from, and with a request its connection: the answer could not be sent any more.
    const chunks = source.iterator({ destroyOnReturn: false })
    await pipeline(chunks, measure, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
  } finally {
    clearTimeout(stalled)
  }
  if (size === 0) throw new ApiError('BAD_REQUEST', 'the package is empty', { next: FORM })
  const digest = sha256.digest('hex')
  return { path, size, sha1: sha1.digest('hex'), sha256: digest, fileName: safeFileName(name, digest) }
}

/** Name for a raw body: the query's `name`, or the end of a Content-Disposition. */
const rawName = (request: FastifyRequest): string => {
  const { query } = request
  if (typeof query === 'object' && query !== null && 'name' in query && typeof query.name === 'string')
    return query.name
  return /filename="(?<name>[^"]*)"/.exec(request.headers['content-disposition'] ?? '')?.groups?.['name'] ?? ''
}

/** Base name of letters, digits, `.`, `_`, `-`, ending in `.son` or `.tgo`; made of the digest when nothing usable was given. */
export const safeFileName = (given: string, sha256: string): string => {
  const base = basename(given.replaceAll('\\', '/')).replaceAll(/[^A-Za-z0-9._-]+/g, '-')
  const extension = /\.(?:son|tgo)$/i.exec(base)?.[0].toLowerCase() ?? '.son'
  const stem = base
    .replace(/\.(?:son|tgo)$/i, '')
    .replace(/^[.-]+/, '')
    .slice(0, 100)
  return `${/[A-Za-z0-9]/.test(stem) ? stem : `package-${sha256.slice(0, 12)}`}${extension}`
}

/** What the disk says, unlike connections that break and frameworks that refuse (errno(3)). */
const diskCodes: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EACCES',
  'EIO',
  'ENOTDIR',
  'EEXIST',
  'ENOENT',
])

const isOfDisk = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && diskCodes.has(error.code)

const notKept = (directory: string, cause: NodeJS.ErrnoException): ApiError =>
  new ApiError('UNAVAILABLE', `the upload cannot be kept in ${directory}: ${cause.message}`, {
    cause,
    next: "make room there, or see that sond may write there ('df' and 'ls -ld' tell), and send the package again",
  })

const tooLarge = (bytes: number): ApiError =>
  new ApiError('TOO_LARGE', `a package has at most ${bytes} bytes`, {
    next: 'copy larger packages into the watched directory',
  })

const tooSlow = ({ receiveMs }: Limits): ApiError =>
  new ApiError('TIMEOUT', `nothing arrived for ${receiveMs} ms`, { next: 'send the package again' })
