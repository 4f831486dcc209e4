import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { dashboardPaths } from './dashboard.ts'
import { ApiError } from './errors.ts'

/** What a listener demands of whoever asks. */
export interface GuardPolicy {
  /** Undefined: whoever reaches the listener may ask (a unix socket's rights, or loopback with the explicit flag). */
  readonly token: string | undefined
  /** Names besides IP addresses and localhost under which this server may be called; undefined = any (unix sockets, which no browser reaches). */
  readonly hosts: ReadonlySet<string> | undefined
}

export interface GuardedRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

// A probe carries no secrets and gets none; the page is where a person enters the token.
const openToAll: ReadonlySet<string> = new Set(['/healthz', '/readyz', ...dashboardPaths])

/** Undefined when the request may pass. */
export const refusal = (request: GuardedRequest, policy: GuardPolicy): ApiError | undefined =>
  wrongHost(request, policy) ?? crossSite(request) ?? wrongToken(request, policy)

/** DNS rebinding: a browser that was told a foreign name for this machine says that name here. */
const wrongHost = ({ headers }: GuardedRequest, { hosts }: GuardPolicy): ApiError | undefined => {
  if (hosts === undefined) return undefined
  const host = hostOf(headers.host ?? '')
  if (host !== undefined && (isIP(host) !== 0 || host === 'localhost' || hosts.has(host))) return undefined
  return new ApiError(
    'FORBIDDEN',
    `the Host header ${JSON.stringify(headers.host ?? '')} is not a name of this server`,
    {
      next: 'use an IP address, localhost, or the name that the listener was configured with',
    },
  )
}

/** Host name of a Host header in lower case; undefined when it is none. */
const hostOf = (header: string): string | undefined => {
  const groups = /^(?:\[(?<six>[0-9a-f:.]+)\]|(?<host>[a-z0-9._-]+))(?::\d{1,5})?$/.exec(header.toLowerCase())?.groups
  return groups?.['six'] ?? groups?.['host']
}

/** A page of another site may neither change nor read anything here; following a link to a page of ours is fine. */
const crossSite = ({ method, headers }: GuardedRequest): ApiError | undefined => {
  const { origin } = headers
  const next = 'call the API from its own pages, or from a program that sends no Origin header'
  if (origin !== undefined && !isOwnOrigin(origin, headers.host)) {
    return new ApiError('FORBIDDEN', `requests from the origin ${JSON.stringify(origin)} are refused`, { next })
  }
  const site = headers['sec-fetch-site']
  const foreign = site === 'cross-site' || site === 'same-site'
  const follows = (method === 'GET' || method === 'HEAD') && headers['sec-fetch-mode'] === 'navigate'
  return foreign && !follows ? new ApiError('FORBIDDEN', 'requests from other sites are refused', { next }) : undefined
}

const isOwnOrigin = (origin: string, host: string | undefined): boolean =>
  host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)

const wrongToken = ({ path, headers }: GuardedRequest, { token }: GuardPolicy): ApiError | undefined => {
  if (token === undefined || openToAll.has(path)) return undefined
  const given = /^Bearer +(?<token>\S+)$/i.exec(headers.authorization ?? '')?.groups?.['token']
  if (given !== undefined && sameSecret(given, token)) return undefined
  return new ApiError('UNAUTHORIZED', given === undefined ? 'a bearer token is needed' : 'the bearer token is wrong', {
    next: "send 'Authorization: Bearer TOKEN' (sonctl: --token-file FILE)",
  })
}

/** Takes the same time whatever differs; hashing makes lengths equal. */
const sameSecret = (left: string, right: string): boolean => timingSafeEqual(sha256(left), sha256(right))

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
