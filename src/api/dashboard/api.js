// The daemon's HTTP API as the page needs it. The token lives in this tab's session storage and goes out in a header, so that no
// other page can make the browser send it.

const ROOT = '/apis/sond.dev/v1alpha1'
const TOKEN = 'sond-token'

export const paths = {
  ServiceInstance: `${ROOT}/instances`,
  DataCenter: `${ROOT}/datacenters`,
  Link: `${ROOT}/links`,
  Package: `${ROOT}/packages`,
  File: `${ROOT}/files`,
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null
export const keepToken = (token) => sessionStorage.setItem(TOKEN, token)
export const forgetToken = () => sessionStorage.removeItem(TOKEN)

/** What the daemon refused, with its advice and every place in a file. */
export class Refused extends Error {
  constructor(status, error) {
    const { message = `the daemon answers with ${status}`, next, details } = error ?? {}
    const places = (details?.diagnostics ?? []).map(placed)
    super([message, ...places, ...(next === undefined ? [] : [next])].join('\n'))
    this.status = status
  }
}

/** `file:line:column: message` */
export const placed = ({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`

const request = async (path, options = {}) => {
  const token = sessionStorage.getItem(TOKEN)
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' })
  if (answer.ok) return answer
  const body = await answer.json().catch(() => undefined)
  throw new Refused(answer.status, body?.error)
}

const send = async (method, path, body) => (await request(path, { method, body })).json()

export const read = async (path) => (await request(path)).json()
export const list = async (kind) => (await read(paths[kind])).items

/** Needs no token; a daemon that is not ready says so with 503 and the same body. */
export const readiness = async () => (await fetch('/readyz', { cache: 'no-store', credentials: 'omit' })).json()

const named = (kind, name) => `${paths[kind]}/${encodeURIComponent(name)}`

export const suspend = (name, yes) => send('POST', `${named('ServiceInstance', name)}/${yes ? 'suspend' : 'resume'}`)
export const remove = (kind, name) => send('DELETE', named(kind, name))
export const upload = (file) => send('POST', `${paths.Package}?name=${encodeURIComponent(file.name)}`, file)

/** The manifest becomes a file that people edit: YAML. A JSON string is a YAML string too. */
export const instantiate = (name, package_, replicas) =>
  send(
    'POST',
    paths.ServiceInstance,
    [
      'apiVersion: sond.dev/v1alpha1',
      'kind: ServiceInstance',
      'metadata:',
      `  name: ${JSON.stringify(name)}`,
      'spec:',
      `  package: ${JSON.stringify(package_)}`,
      `  replicas: ${Number(replicas)}`,
      '',
    ].join('\n'),
  )

/**
 * Server-sent events, read by hand: EventSource sends no headers, and a token in an address ends up in logs. Calls `take` with
 * type and data of each until the stream ends.
 */
export const watch = async (take, signal) => {
  const answer = await request(`${ROOT}/events?watch=1`, { signal })
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop()
    for (const block of blocks) {
      const [, type, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
      // Anything else is a comment that keeps the connection awake.
      if (type !== undefined) take(type, JSON.parse(data))
    }
  }
}
