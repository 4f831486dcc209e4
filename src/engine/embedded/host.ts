import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import process from 'node:process'

/** Programs that embedded engines need, and the Debian package that has each. */
const needed = {
  dockerd: 'docker.io',
  containerd: 'containerd',
  'ovsdb-server': 'openvswitch-switch',
  'ovsdb-tool': 'openvswitch-common',
  'ovs-vswitchd': 'openvswitch-switch',
  'ovs-vsctl': 'openvswitch-switch',
  'ovs-appctl': 'openvswitch-common',
  ip: 'iproute2',
  nsenter: 'util-linux',
  umount: 'mount',
} as const

export type ProgramName = keyof typeof needed
export type Programs = Readonly<Record<ProgramName, string>>

/** The host cannot run embedded engines; the message says what to do about it. */
export class HostNotReadyError extends Error {
  override readonly name = 'HostNotReadyError'
}

// A root shell by `su` without `-` has no sbin on its PATH.
const systemDirectories = ['/usr/sbin', '/sbin']

const find = async (name: string, directories: readonly string[]): Promise<string | undefined> => {
  for (const directory of directories) {
    const file = join(directory, name)
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  return undefined
}

/**
 * Absolute paths of all programs.
 * @throws HostNotReadyError when not root, or naming the packages that are missing
 */
export const checkHost = async (
  path: string = process.env['PATH'] ?? '',
  uid: number | undefined = process.getuid?.(),
  further: readonly string[] = systemDirectories,
): Promise<Programs> => {
  if (uid !== 0) {
    throw new HostNotReadyError(
      'embedded engines need root: they make a network namespace and start containers (without root: --engines memory)',
    )
  }
  const names = Object.keys(needed) as ProgramName[] // the keys of a constant are its own
  const directories = [...path.split(delimiter).filter((entry) => entry.startsWith('/')), ...further]
  const found = await Promise.all(names.map(async (name) => [name, await find(name, directories)] as const))
  const missing = found.flatMap(([name, file]) => (file === undefined ? [name] : []))
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => needed[name]))]
    throw new HostNotReadyError(
      `embedded engines need ${missing.join(', ')}, not found on this host; on Debian: apt-get install ${packages.join(' ')}`,
    )
  }
  // Every value was just seen to be there.
  return Object.fromEntries(found) as Programs
}

/** Longest path of a Unix socket: sun_path of sockaddr_un holds 108 bytes, the last is NUL (unix(7)). */
const longestSocketPath = 107

/** @throws HostNotReadyError naming the first path that the kernel would refuse */
export const checkSocketPaths = (paths: readonly string[]): void => {
  const tooLong = paths.find((path) => Buffer.byteLength(path) > longestSocketPath)
  if (tooLong === undefined) return
  const over = Buffer.byteLength(tooLong) - longestSocketPath
  throw new HostNotReadyError(
    `the run directory's path is ${over} bytes too long for sockets below it (${tooLong}); choose a shorter --run-dir`,
  )
}
