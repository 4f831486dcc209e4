import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AuthConfig } from 'dockerode'
import type { ImageRef } from '../../model/names.ts'
import { startPiped } from '../process.ts'

/** Registry credentials as `docker login` leaves them. They are never logged and never part of an error. */
export type CredentialSource = (image: ImageRef) => Promise<AuthConfig | undefined>

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
const fromHelper = async (helper: string, serveraddress: string): Promise<AuthConfig | undefined> => {
  if (!/^[a-z0-9-]+$/.test(helper)) return undefined
  const answer = await new Promise<string>((resolve) => {
    const program = `docker-credential-${helper}`
    const child = startPiped(program, () =>
      spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: 10_000 }),
    )
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (part: string) => (output += part))
    child.stdin.on('error', () => undefined) // it may not read
    child.once('error', () => resolve(''))
    child.once('close', (code) => resolve(code === 0 ? output : ''))
    child.stdin.end(serveraddress)
  })
  const value: unknown = parse(answer)
  if (!isRecord(value) || typeof value['Username'] !== 'string' || typeof value['Secret'] !== 'string') return undefined
  const { Username: username, Secret: secret } = value
  return username === '<token>'
    ? Object.assign({ username: '', password: '', serveraddress }, { identitytoken: secret })
    : { username, password: secret, serveraddress }
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
  async (image) => {
    const settings = parse(await readFile(file, 'utf8').catch(() => ''))
    if (!isRecord(settings)) return undefined
    const registry = registryOf(image)
    const helpers = isRecord(settings['credHelpers']) ? settings['credHelpers'] : {}
    const helper = helpers[registry] ?? settings['credsStore']
    if (typeof helper === 'string' && helper !== '') {
      const found = await fromHelper(helper, registry)
      if (found !== undefined) return found
    }
    const auths = isRecord(settings['auths']) ? settings['auths'] : {}
    return fromEntry(auths[registry] ?? auths[`https://${registry}`] ?? auths[`http://${registry}`], registry)
  }
