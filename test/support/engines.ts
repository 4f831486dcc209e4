import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import type { Test } from 'tap'
import { namespaceOf } from '../../src/engine/embedded/namespace.ts'
import { startEmbeddedEngines } from '../../src/engine/embedded/embedded.ts'
import type { EmbeddedEngines, EmbeddedOptions } from '../../src/engine/embedded/embedded.ts'
import { memoryLog } from './log.ts'

const execute = promisify(execFile)

export const busyboxPath = '/bin/busybox'

export interface TestEngines extends EmbeddedEngines {
  /** A fresh directory of this test; `state` and `run` below it. */
  readonly dir: string
  readonly stateDir: string
  readonly runDir: string
  /** A client of the private Docker engine. */
  readonly docker: Docker
}

/** Everything on this machine that still tells of a directory of engines. Empty = nothing leaked. */
export const findLeaks = async (dir: string, netns: string): Promise<readonly string[]> => {
  const leaks: string[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (command.includes(`${dir}/`)) leaks.push(`process ${name}: ${command.replaceAll('\0', ' ')}`)
  }
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    if (line.includes(` ${dir}/`)) leaks.push(`mount ${line}`)
  }
  const there = async (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    )
  if (await there(`/run/netns/${netns}`)) leaks.push(`network namespace ${netns}`)
  for (const hierarchy of ['', ...(await readdir('/sys/fs/cgroup').catch(() => []))]) {
    const group = join('/sys/fs/cgroup', hierarchy, netns)
    if (await there(group)) leaks.push(`control group ${group}`)
  }
  return leaks
}

/** Waits for the end of its input, that is, of this process; then removes what is left of engines below a directory. */
const guardScript = `
read -r _
dir=$1 netns=$2
kill_all() { for pid in "$@"; do [ "$pid" = "$$" ] || kill -9 "$pid" 2>/dev/null; done; }
kill_all $(pgrep -f "$dir/")
kill_all $(cat /sys/fs/cgroup/*/"$netns"/*/cgroup.procs /sys/fs/cgroup/"$netns"/*/cgroup.procs 2>/dev/null | sort -u)
awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l 2>/dev/null
[ -e "/run/netns/$netns" ] && ip netns del "$netns"
rmdir /sys/fs/cgroup/*/"$netns"/* /sys/fs/cgroup/*/"$netns" /sys/fs/cgroup/"$netns"/* /sys/fs/cgroup/"$netns" 2>/dev/null
rm -rf "$dir"
`

/** A test that is killed cannot clean up: this does, whatever happens. Gives what ends it after an orderly end. */
const guard = (dir: string, netns: string): (() => void) => {
  const child = spawn('sh', ['-c', guardScript, 'engine-guard', dir, netns], {
    detached: true, // not killed along with the test
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  return () => void child.kill('SIGKILL')
}

/**
 * A directory with a short path (sockets go below it) for engines whose state directory is `state` in it. Removed after the test,
 * with whatever engines a test that was killed has left.
 */
export const engineDirectory = async (t: Test): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'sond-'))
  const dismiss = guard(dir, namespaceOf(join(dir, 'state', 'engines')).name)
  t.teardown(async () => {
    dismiss()
    await rm(dir, { recursive: true, force: true })
  })
  return dir
}

/**
 * Private engines for one test (file): stopped after it, and the test fails when anything of them is left.
 * `parts` starts only one half, which is quicker.
 */
export const startTestEngines = async (
  t: Test,
  options: Partial<Pick<EmbeddedOptions, 'parts' | 'datapath' | 'bridge' | 'uplink' | 'log'>> = {},
): Promise<TestEngines> => {
  const dir = await engineDirectory(t)
  const stateDir = join(dir, 'state')
  const runDir = join(dir, 'run')
  const engines = await startEmbeddedEngines({
    log: memoryLog(),
    uplink: false,
    ...options,
    stateDir,
    runDir,
    keep: false,
  })
  t.teardown(async () => {
    await engines.stop()
    const leaks = await findLeaks(dir, engines.netns.name)
    if (leaks.length > 0) t.fail('engines left something behind', { leaks })
  })
  const docker = new Docker({ socketPath: engines.dockerUrl.replace('unix://', '') })
  return { ...engines, dir, stateDir, runDir, docker }
}

export interface BusyboxImage {
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workdir?: string
  /** Command of its health check, run every 200 ms; it fails when two runs in a row do. */
  readonly healthcheck?: string
  /** False: without `/bin/sh` and the other applets, with nothing but `/bin/sleep`. */
  readonly shell?: boolean
  /** Further files by absolute path; executable. */
  readonly files?: Readonly<Record<string, string>>
}

const applets = async (): Promise<readonly string[]> => {
  const { stdout } = await execute(busyboxPath, ['--list'])
  return stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
}

/** Makes an image of the host's static busybox: no registry, a tenth of a second. Default command: sleep. */
export const importBusyboxImage = async (docker: Docker, name: string, image: BusyboxImage = {}): Promise<void> => {
  const root = await mkdtemp(join(tmpdir(), 'sond-image-'))
  try {
    await chmod(root, 0o755)
    for (const directory of ['bin', 'etc', 'tmp', 'root']) await mkdir(join(root, directory))
    await chmod(join(root, 'tmp'), 0o1777)
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nvnf:x:1000:1000:vnf:/tmp:/bin/sh\n')
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nvnf:x:1000:\n')
    if (image.shell === false) {
      await copyFile(busyboxPath, join(root, 'bin/sleep'))
    } else {
      await copyFile(busyboxPath, join(root, 'bin/busybox'))
      for (const applet of await applets()) await symlink('busybox', join(root, 'bin', applet))
    }
    for (const [path, content] of Object.entries(image.files ?? {})) {
      await mkdir(join(root, path, '..'), { recursive: true })
      await writeFile(join(root, path), content, { mode: 0o755 })
    }
    const archive = join(root, '..', `${createHash('sha256').update(root).digest('hex').slice(0, 16)}.tar`)
    try {
      await execute('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', archive, '.'])
      const cmd = image.cmd ?? (image.entrypoint === undefined ? ['/bin/sleep', '1000000'] : [])
      const changes = [
        ...(image.entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(image.entrypoint)}`]),
        ...(cmd.length === 0 ? [] : [`CMD ${JSON.stringify(cmd)}`]),
        ...Object.entries(image.env ?? {}).map(([key, value]) => `ENV ${key}=${JSON.stringify(value)}`),
        ...(image.user === undefined ? [] : [`USER ${image.user}`]),
        ...(image.healthcheck === undefined
          ? []
          : [`HEALTHCHECK --interval=200ms --timeout=5s --retries=2 CMD ${image.healthcheck}`]),
        ...(image.workdir === undefined ? [] : [`WORKDIR ${image.workdir}`]),
      ]
      const [, repository = name, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? []
      const stream = await docker.importImage(archive, { repo: repository, tag, changes })
      await new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(stream, (error: Error | null) => (error === null ? resolve() : reject(error)))
      })
    } finally {
      await rm(archive, { force: true })
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/**
 * Runs a program by containerd alone, under a container's id, as it is left when an engine ends in the middle of a start: Docker knows
 * nothing of it.
 */
export const startStrayTask = async (engines: TestEngines, id: string): Promise<void> => {
  const root = join(engines.dir, `stray-${id.slice(0, 12)}`)
  await mkdir(join(root, 'bin'), { recursive: true })
  await copyFile(busyboxPath, join(root, 'bin/sleep'))
  await execute('ctr', [
    ...[`--address=${engines.runDir}/engines/containerd.sock`, '--namespace=moby', 'run', '--detach', '--null-io'],
    ...[`--cgroup=/${engines.netns.name}/${id}`, '--rootfs', root, id, '/bin/sleep', '1000000'],
  ])
}

/** Processes that hold a container, by the id in their arguments. */
export const shimsOf = async (id: string): Promise<readonly number[]> => {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (command.includes('containerd-shim') && command.split('\0').includes(id)) found.push(Number(name))
  }
  return found
}
