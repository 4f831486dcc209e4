import { isIP } from 'node:net'

/** Where a server listens. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

// The kernel's sockaddr_un holds 108 bytes with the final zero (unix(7)).
const LONGEST_SOCKET_PATH = 107

const hostAndPort = /^(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[^:[\]/]+)):(?<port>\d{1,5})$/

/** `unix:/path` or `tcp:host:port` (IPv6 in brackets); a text tells what is wrong with it. */
export const parseListenAddress = (text: string): ListenAddress | string => {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (!path.startsWith('/')) return `${text}: the path of a unix socket must begin with "/"`
    if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
      return `${text}: the path has ${Buffer.byteLength(path)} bytes; a unix socket's path has at most ${LONGEST_SOCKET_PATH}`
    }
    return { kind: 'unix', path }
  }
  const groups = text.startsWith('tcp:') ? hostAndPort.exec(text.slice('tcp:'.length))?.groups : undefined
  const host = groups?.['six'] ?? groups?.['host']
  const port = Number(groups?.['port'])
  if (host === undefined || port > 65535 || (groups?.['six'] !== undefined && isIP(host) !== 6))
    return `${text}: must be unix:/PATH or tcp:HOST:PORT`
  return { kind: 'tcp', host, port }
}

export const formatListenAddress = (address: ListenAddress): string =>
  address.kind === 'unix'
    ? `unix:${address.path}`
    : `tcp:${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`

/** 127.0.0.0/8, ::1 and localhost. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
