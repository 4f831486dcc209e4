import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { run } from './processes.ts'
import type { Programs } from './host.ts'

/** The directory where iproute2 keeps named network namespaces. */
const directory = '/run/netns'

export interface Namespace {
  readonly name: string
  readonly path: string
}

/** Same state directory, same name: that is how a later daemon finds its engines again. */
export const namespaceOf = (stateDir: string): Namespace => {
  const name = `sond-${createHash('sha256').update(stateDir).digest('hex').slice(0, 10)}`
  return { name, path: `${directory}/${name}` }
}

/** Inode of the namespace; undefined when the name is not there, or is an empty file that an unmount left. */
const identityOf = async (path: string): Promise<number | undefined> => {
  const [named, own] = await Promise.all([stat(path).catch(() => undefined), stat('/proc/self/ns/net')])
  return named?.dev === own.dev ? named.ino : undefined
}

/** Makes it where it is missing, with its loopback up. */
export const ensureNamespace = async (
  namespace: Namespace,
  programs: Programs,
  signal?: AbortSignal,
): Promise<void> => {
  if ((await identityOf(namespace.path)) === undefined) {
    // A name without a namespace behind it is in the way of `add`.
    await run([programs.ip, 'netns', 'del', namespace.name], signal).catch(() => undefined)
    await run([programs.ip, 'netns', 'add', namespace.name], signal)
  }
  await run([programs.ip, '-n', namespace.name, 'link', 'set', 'lo', 'up'], signal)
}

/** Is this process in it? An engine can outlive the name of the namespace it is in. */
export const isInside = async (namespace: Namespace, pid: number): Promise<boolean> => {
  const [wanted, actual] = await Promise.all([
    identityOf(namespace.path),
    stat(`/proc/${pid}/ns/net`).then(
      ({ ino }) => ino,
      () => undefined,
    ),
  ])
  return wanted !== undefined && wanted === actual
}

/** Takes every device in it along. */
export const removeNamespace = async (namespace: Namespace, programs: Programs, timeoutMs?: number): Promise<void> => {
  const there = await stat(namespace.path).then(
    () => true,
    () => false,
  )
  if (there) await run([programs.ip, 'netns', 'del', namespace.name], undefined, timeoutMs)
}
