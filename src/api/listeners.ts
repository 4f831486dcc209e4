import { chmod, chown, lstat, mkdir, readFile, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { formatListenAddress, isLoopback, parseListenAddress, type ListenAddress } from './address.ts'
import type { GuardPolicy } from './guard.ts'

export interface Access {
  readonly token: string | undefined
  /** TCP without a token, on loopback alone. */
  readonly insecureNoAuth: boolean
}

export interface Listener {
  readonly address: ListenAddress
  readonly policy: GuardPolicy
}

/** Throws with a message for the user when the text is wrong or would let anybody in. */
export const planListener = (text: string, access: Access): Listener => {
  const address = parseListenAddress(text)
  if (typeof address === 'string') throw new Error(address)
  if (address.kind === 'unix') return { address, policy: { token: undefined, hosts: undefined } }
  const hosts = new Set([address.host.toLowerCase(), hostname().toLowerCase()])
  if (access.token !== undefined) return { address, policy: { token: access.token, hosts } }
  if (!access.insecureNoAuth) throw new Error(`${text}: TCP needs a bearer token; give a token file`)
  if (!isLoopback(address.host)) {
    throw new Error(`${text}: without a token sond listens on loopback only (127.0.0.1, ::1, localhost)`)
  }
  return { address, policy: { token: undefined, hosts } }
}

/** Makes way for a unix socket: a stale one goes, one that answers stays and is an error. */
export const prepareSocket = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const found = await lstat(path).catch(ignoreMissing)
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path} is there and is not a socket; remove it or listen elsewhere`)
  if (await answers(path)) {
    throw new Error(`${path}: another daemon answers there; stop it or listen elsewhere (--listen unix:PATH)`)
  }
  await unlink(path).catch(ignoreMissing)
}

/** Owner and group may ask; the group is `group` where the machine has it, else the daemon's own. */
export const restrictSocket = async (path: string, group: string): Promise<void> => {
  await chmod(path, 0o660)
  const gid = groupId(await readFile('/etc/group', 'utf8').catch(() => ''), group)
  // Only root, or a member, may give a file to a group; without that the daemon's own group is right.
  if (gid !== undefined) await chown(path, -1, gid).catch(ignoreNotPermitted)
}

/** Number of a group in the text of /etc/group (group(5)). */
export const groupId = (table: string, name: string): number | undefined => {
  const fields = table
    .split('\n')
    .map((line) => line.split(':'))
    .find(([group]) => group === name)
  const gid = Number(fields?.[2])
  return fields === undefined || !Number.isInteger(gid) ? undefined : gid
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    // ECONNREFUSED: nobody listens. Anything else (EACCES, a full backlog's EAGAIN) may hide a living server.
    socket.once('error', (error) => settle(!('code' in error) || error.code !== 'ECONNREFUSED'))
  })

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const ignoreMissing = (error: unknown): undefined => {
  if (!hasCode(error, 'ENOENT')) throw error
}

const ignoreNotPermitted = (error: unknown): void => {
  if (!hasCode(error, 'EPERM')) throw error
}

/** As a user would type it to reach the listener. */
export const describeListener = ({ address }: Listener): string => formatListenAddress(address)
