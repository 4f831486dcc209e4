import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { TestEngines } from './engines.ts'
import { inNamespace } from './reach.ts'
import { until } from './until.ts'

/** Where deploy/setup.sh unpacks Debian's docker-registry. */
const unpacked = fileURLToPath(new URL('../../node_modules/.cache/sond/usr/bin', import.meta.url))

const credentials = { username: 'vnf', password: 'tell-nobody' } as const

/** bcrypt of the password above, the one form the registry takes. */
const htpasswd = 'vnf:$2b$04$Vx2n4Jt0Mz6tg.PpNQsSPuvhOrTmOK/uhhQmdo2PsdsNTkhrpoyMa\n'

export interface TestRegistry {
  /** `127.0.0.1:PORT`: Docker takes loopback without TLS. */
  readonly address: string
  /** Puts an image of the private engine into the registry and takes it from the engine; gives its reference. */
  push(image: string, repository: string): Promise<string>
  /** Another address of it, over which images come at so many bytes a second; with the same password. */
  slowly(bytesPerSecond: number): Promise<string>
  /** Docker's settings with the password, as `docker login` writes them. */
  readonly dockerConfig: { readonly auths: Readonly<Record<string, { readonly auth: string }>> }
}

const findProgram = async (): Promise<string> => {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), unpacked]) {
    const path = join(directory, 'docker-registry')
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  throw new Error('no docker-registry: sh deploy/setup.sh --tests')
}

/** A real registry on loopback of the engines' namespace, with a password; ended after the test. */
export const startRegistry = async (t: Test, engines: TestEngines, port = 5000): Promise<TestRegistry> => {
  const program = await findProgram()
  const directory = join(engines.dir, `registry-${port}`)
  await mkdir(directory)
  const address = `127.0.0.1:${port}`
  await writeFile(join(directory, 'htpasswd'), htpasswd)
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') } },
    http: { addr: address, secret: 'for tests' },
    auth: { htpasswd: { realm: 'tests', path: join(directory, 'htpasswd') } },
  }
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config))
  const child = spawn('nsenter', [`--net=${engines.netns.path}`, program, 'serve', join(directory, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  t.teardown(async () => {
    if (child.exitCode !== null) return
    const over = once(child, 'exit')
    child.kill('SIGKILL')
    await over
  })
  await until('the registry to answer', async () => {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with code ${child.exitCode}: ${log}`)
    return inNamespace(engines, 'busybox', 'nc', '-w', '1', '127.0.0.1', String(port), '-e', 'true').then(
      () => true,
      () => false,
    )
  })
  const { docker } = engines
  const slowPort = port + 1
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
  return {
    address,
    push: async (image, repository) => {
      const [name = '', tag = 'latest'] = repository.split(':')
      const reference = `${address}/${name}:${tag}`
      await docker.getImage(image).tag({ repo: `${address}/${name}`, tag })
      const stream = await docker.getImage(reference).push({ authconfig: { ...credentials, serveraddress: address } })
      await new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(stream, (error: Error | null) => (error === null ? resolve() : reject(error)))
      })
      await docker.getImage(reference).remove()
      return reference
    },
    slowly: async (bytesPerSecond) => {
      const path = fileURLToPath(new URL('slow-proxy.ts', import.meta.url))
      const args = [path, String(slowPort), String(port), String(bytesPerSecond)]
      const proxy = spawn('nsenter', [`--net=${engines.netns.path}`, process.execPath, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.teardown(() => proxy.kill('SIGKILL'))
      await once(proxy.stdout, 'data')
      return `127.0.0.1:${slowPort}`
    },
    dockerConfig: { auths: { [address]: { auth }, [`127.0.0.1:${slowPort}`]: { auth } } },
  }
}
