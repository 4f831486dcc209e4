import { open, readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'

/**
 * `/etc/hosts` and `/etc/resolv.conf` of a container that has no network of Docker's: Docker writes them for its own networks alone.
 * The container may change its own; what it changed stays as long as it exists.
 */
export const nameFiles = ['hosts', 'resolv.conf'] as const

const hosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
  '',
].join('\n')

const isLoopback = (address: string): boolean =>
  (isIP(address) === 4 && address.startsWith('127.')) || address === '::1'

const serverOf = (line: string): string | undefined => /^\s*nameserver\s+([^\s%]+)/.exec(line)?.[1]

/** The host's resolver settings without name servers that only the host itself reaches. */
export const reachableServers = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !isLoopback(serverOf(line) ?? ''))
    .join('\n')

const hasServer = (text: string): boolean => text.split('\n').some((line) => serverOf(line) !== undefined)

// Where /etc/resolv.conf names only systemd-resolved on loopback, the servers behind it are in the second (systemd-resolved(8)).
const sources = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']

const resolver = async (): Promise<string> => {
  for (const source of sources) {
    const text = reachableServers(await readFile(source, 'utf8').catch(() => ''))
    if (hasServer(text)) return text
  }
  return ''
}

/** Writes those of a container's files that are missing in `directory`. */
export const writeNameFiles = async (directory: string): Promise<void> => {
  const write = async (name: (typeof nameFiles)[number], text: string): Promise<void> => {
    try {
      await using file = await open(join(directory, name), 'wx', 0o644)
      await file.chmod(0o644) // whatever the daemon's umask: everybody in the container reads them
      await file.writeFile(text)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
  const settings = await resolver()
  await Promise.all([write('hosts', hosts), write('resolv.conf', settings)])
}
