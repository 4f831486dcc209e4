import { resolve } from 'node:path'
import { CliError, usageError } from './errors.ts'

/** Where the daemon is asked. */
export type ServerAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'http'; readonly host: string; readonly port: number }

export const defaultServer = 'unix:/run/sond/sond.sock'

/** `unix:path`, `http://host:port`; `tcp:host:port` as the daemon writes it works too. */
export const parseServer = (text: string): ServerAddress => {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (path !== '') return { kind: 'unix', path: resolve(path) }
  }
  const url = URL.parse(text.replace(/^tcp:(?!\/\/)/, 'http://').replace(/^tcp:/, 'http:'))
  if (url?.protocol === 'https:')
    throw usageError(`${text}: sond speaks http`, 'put a TLS proxy before it, or use ssh -L')
  if (url?.protocol !== 'http:' || url.hostname === '') {
    throw usageError(`${text}: must be unix:/PATH or http://HOST:PORT`)
  }
  return { kind: 'http', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port === '' ? 80 : url.port) }
}

export const formatServer = (address: ServerAddress): string =>
  address.kind === 'unix'
    ? `unix:${address.path}`
    : `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

/** What a connection that failed means for the user. */
export const unreachable = (address: ServerAddress, cause: unknown): CliError => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const where = formatServer(address)
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliError(`not allowed to use ${where}`, {
      cause,
      next: "Join the group 'sond' (usermod -aG sond USER, then log in again), or run sonctl as root.",
    })
  }
  const why =
    code === 'ENOENT' ? 'there is no such socket' : code === 'ECONNREFUSED' ? 'nobody listens there' : reason(cause)
  return new CliError(`cannot reach the daemon at ${where}: ${why}`, {
    cause,
    next: 'Is sond running? See: systemctl status sond. Listening elsewhere? Say where: --server, or SOND_SERVER.',
  })
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
