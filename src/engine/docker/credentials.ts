import { readFile } from 'node:fs/promises'
import process from 'node:process'
import type { AuthConfig } from 'dockerode'
import type { ImageRef } from '../../model/names.ts'
import { EngineError } from '../../model/errors.ts'
import { runProgram } from '../process.ts'

/**
 * Registry credentials as `docker login` leaves them. They are never logged and never part of an error. Rejects with `CANCELLED` when the
 * signal aborts while a helper is asked for them.
 */
export type CredentialSource = (image: ImageRef, signal: AbortSignal) => Promise<AuthConfig | undefined>

/** For a helper to answer. Milliseconds. */
const helperMs = 10_000

const dockerHub = 'https://index.docker.io/v1/'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** The key under which Docker's settings keep credentials for an image: the host of the reference, or Docker Hub's own. */
export const registryOf = (image: string): string => {
  const [host = ''] = image.split('/')
  const named = image.includes('/') && (/[.:]/.test(host) || host === 'localhost')
  return !named || host === 'docker.io' || host === 'index.docker.io' ? dockerHub : host
}

const fromEntry = (entry: unknown, serveraddress: string): AuthConfig | undefined => {
  if (!isRecord(entry)) return undefined
  const { auth, identitytoken } = entry
  const decoded = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString('utf8') : ''
  const colon = decoded.indexOf(':')
  const login =
    colon > 0
      ? { username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
      : undefined
  if (typeof identitytoken === 'string' && identitytoken !== '') {
    // Docker takes a token in place of a password.
    return Object.assign({ username: login?.username ?? '', password: '', serveraddress }, { identitytoken })
  }
  return login === undefined ? undefined : { ...login, serveraddress }
}

/** Asks one of Docker's credential helpers: the registry on standard input, JSON on standard output. */
const fromHelper = async (
  helper: string,
  serveraddress: string,
  signal: AbortSignal,
): Promise<AuthConfig | undefined> => {
  if (!/^[a-z0-9-]+$/.test(helper)) return undefined
  const value: unknown = parse(await ask(`docker-credential-${helper}`, serveraddress, signal))
  if (!isRecord(value) || typeof value['Username'] !== 'string' || typeof value['Secret'] !== 'string') return undefined
  const { Username: username, Secret: secret } = value
  return username === '<token>'
    ? Object.assign({ username: '', password: '', serveraddress }, { identitytoken: secret })
    : { username, password: secret, serveraddress }
}

/** Its answer; empty when it has none. */
const ask = async (program: string, input: string, signal: AbortSignal): Promise<string> => {
  try {
    // It finds what it keeps by the environment: HOME, the session's bus.
    const options = { input, timeoutMs: helperMs, signal, env: process.env }
    const { code, stdout } = await runProgram(program, ['get'], options)
    return code === 0 ? stdout : ''
  } catch (error) {
    if (error instanceof EngineError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT')) return ''
    throw error
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Credentials from Docker's settings file (`~/.docker/config.json`), read again for each pull. */
export const credentialsFrom =
  (file: string): CredentialSource =>
  async (image, signal) => {
    const settings = parse(await readFile(file, 'utf8').catch(() => ''))
    if (!isRecord(settings)) return undefined
    const registry = registryOf(image)
    const helpers = isRecord(settings['credHelpers']) ? settings['credHelpers'] : {}
    const helper = helpers[registry] ?? settings['credsStore']
    if (typeof helper === 'string' && helper !== '') {
      const found = await fromHelper(helper, registry, signal)
      if (found !== undefined) return found
    }
    const auths = isRecord(settings['auths']) ? settings['auths'] : {}
    return fromEntry(auths[registry] ?? auths[`https://${registry}`] ?? auths[`http://${registry}`], registry)
  }
