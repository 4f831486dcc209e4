import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { request } from 'node:http'
import type { Programs } from './host.ts'
import { sendSignal } from './processes.ts'
import type { Program } from './supervisor.ts'

export interface DockerPaths {
  readonly socket: string
  readonly containerdSocket: string
  /** Everything that can be lost: sockets, pid files, mounts of running containers. */
  readonly runDir: string
  readonly dataRoot: string
  readonly execRoot: string
  readonly containerdRoot: string
  readonly containerdState: string
  readonly cgroup: string
}

export const dockerPaths = (stateDir: string, runDir: string, name: string): DockerPaths => ({
  socket: `${runDir}/docker.sock`,
  containerdSocket: `${runDir}/containerd.sock`,
  runDir,
  dataRoot: `${stateDir}/docker`,
  execRoot: `${runDir}/docker`,
  containerdRoot: `${stateDir}/containerd`,
  containerdState: `${runDir}/containerd`,
  cgroup: `/${name}`,
})

/** Every socket the two programs make, for the check of their lengths. */
export const dockerSockets = (paths: DockerPaths): readonly string[] => [
  paths.socket,
  `${paths.containerdSocket}.ttrpc`,
  `${paths.execRoot}/libnetwork/0123456789ab.sock`,
]

/** Resolves when something listens there. */
export const answers = (socketPath: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })

/** One call of the Docker API; gives the body, rejects on any status from 300. */
const call = (
  socketPath: string,
  method: string,
  path: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false, timeout: timeoutMs, signal }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (body += part))
      response.once('error', reject)
      response.once('end', () => {
        const status = response.statusCode ?? 500
        if (status < 300) resolve(body)
        else reject(new Error(`${method} ${path}: ${status} ${body}`))
      })
    })
    asked.once('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer in ${timeoutMs} ms`)))
    asked.once('error', reject)
    asked.end()
  })

const idsOf = (body: string): readonly string[] => {
  const list: unknown = JSON.parse(body)
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'Id' in entry && typeof entry.Id === 'string' ? [entry.Id] : [],
  )
}

/** Ids of the containers that run, by what the engine says. */
export const runningContainers = async (socketPath: string): Promise<readonly string[]> =>
  idsOf(await call(socketPath, 'GET', '/containers/json', 10_000))

/** Kills every running container of this engine, some at a time. */
const killContainers = async (socketPath: string): Promise<void> => {
  const waiting = [...(await runningContainers(socketPath))]
  const worker = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      // One that ended meanwhile answers 409; what resists is seen to by the clean-up after dockerd has gone.
      await call(socketPath, 'POST', `/containers/${id}/kill`, 10_000).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

// `through` makes their descriptors, runc's and so a host-networked container's be those of the namespace.
export const containerdProgram = (
  paths: DockerPaths,
  programs: Programs,
  through: readonly string[],
  logDir: string,
): Program => ({
  name: 'containerd',
  command: [programs.containerd, '--config', `${paths.runDir}/containerd.pid.toml`, '--log-level', 'warn'],
  through,
  env: {},
  pidFile: `${paths.runDir}/containerd.pid`,
  pidFileMissing: true,
  logFile: `${logDir}/containerd.log`,
  ready: () => answers(paths.containerdSocket),
})

export const dockerdProgram = (
  paths: DockerPaths,
  programs: Programs,
  through: readonly string[],
  logDir: string,
  settings: { readonly bridge: boolean; readonly env: Readonly<Record<string, string>> },
): Program => ({
  name: 'dockerd',
  command: [
    programs.dockerd,
    `--config-file=${paths.runDir}/dockerd.json`,
    `--host=unix://${paths.socket}`,
    `--containerd=${paths.containerdSocket}`,
    `--data-root=${paths.dataRoot}`,
    `--exec-root=${paths.execRoot}`,
    `--pidfile=${paths.runDir}/dockerd.pid`,
    `--cgroup-parent=${paths.cgroup}`,
    '--exec-opt=native.cgroupdriver=cgroupfs', // needs no systemd, and a parent group that can be removed at the end
    '--live-restore', // a dockerd that is started again finds its containers running
    '--group=root',
    ...(settings.bridge ? [] : ['--bridge=none']),
    '--iptables=false',
    '--ip-forward=false',
    '--ip-masq=false',
    '--userland-proxy=false',
    '--log-level=warn',
  ],
  through,
  env: settings.env,
  pidFile: `${paths.runDir}/dockerd.pid`,
  logFile: `${logDir}/dockerd.log`,
  ready: async (signal) => {
    await call(paths.socket, 'GET', '/_ping', 5_000, signal)
  },
  end: async (pid) => {
    // Live restore would leave them running without an engine.
    await killContainers(paths.socket).catch(() => undefined)
    sendSignal(pid, 'SIGTERM')
  },
})

/** Writes the settings files: the host's own /etc/docker/daemon.json and /etc/containerd/config.toml are not for these. */
export const writeDockerSettings = async (paths: DockerPaths): Promise<void> => {
  await Promise.all([
    mkdir(paths.dataRoot, { recursive: true, mode: 0o710 }),
    mkdir(paths.execRoot, { recursive: true, mode: 0o711 }),
    mkdir(paths.containerdRoot, { recursive: true, mode: 0o711 }),
    mkdir(paths.containerdState, { recursive: true, mode: 0o711 }),
  ])
  const containerd = [
    'version = 2',
    `root = ${JSON.stringify(paths.containerdRoot)}`,
    `state = ${JSON.stringify(paths.containerdState)}`,
    // dockerd has storage drivers of its own; probing all of these costs half the start.
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",',
    '  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]',
    '[grpc]',
    `address = ${JSON.stringify(paths.containerdSocket)}`,
    '',
  ].join('\n')
  await Promise.all([
    writeFile(`${paths.runDir}/containerd.pid.toml`, containerd, { mode: 0o600 }),
    writeFile(`${paths.runDir}/dockerd.json`, '{}\n', { mode: 0o600 }),
  ])
}
