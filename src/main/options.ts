import { readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { Command, Option } from 'commander'
import equal from 'fast-deep-equal'
import { formatDiagnostic, isError } from '../model/diagnostics.ts'
import { apiVersion, type SondConfiguration } from '../model/documents.ts'
import { defaultConfiguration, parseConfiguration } from '../parse/configuration.ts'
import { logFormats, logLevels } from './log.ts'

/** The daemon's settings: the configuration file, with what the command line says instead. Paths are absolute. */
export interface Options {
  readonly spec: SondConfiguration['spec']
  readonly stateDir: string
  readonly runDir: string
  readonly keepEngines: boolean
  readonly insecureNoAuth: boolean
  readonly logFormat: 'json' | 'pretty'
  readonly logLevel: string
}

interface Flags {
  config?: string
  manifests?: string
  stateDir: string
  runDir: string
  listen?: string[]
  engines?: SondConfiguration['spec']['engines']['mode']
  dockerHost?: string
  ovsdb?: string
  owner?: string
  keepEngines: boolean
  tokenFile?: string
  insecureNoAuth: boolean
  logFormat: 'json' | 'pretty'
  logLevel: string
}

/** A setting that cannot be used; the message is for the user. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
}

const more = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value]

/** Flags of `sond run`, for the parser and for the documentation's test. */
export const runCommand = (): Command =>
  new Command('run')
    .description('keep services running as the manifests say')
    .option('--config <file>', 'SondConfiguration (default: /etc/sond/sond.yaml where it exists)')
    .option('--manifests <dir>', 'watched directory (default: /etc/sond/manifests.d)')
    .option('--state-dir <dir>', 'what must outlive a restart', '/var/lib/sond')
    .option('--run-dir <dir>', 'sockets and pid files', '/run/sond')
    .option('--listen <address>', 'unix:PATH or tcp:HOST:PORT; may be repeated (default: unix:RUN-DIR/sond.sock)', more)
    .addOption(new Option('--engines <mode>', 'which engines (default: host)').choices(['host', 'embedded', 'memory']))
    .option('--docker-host <url>', 'Docker engine (default: unix:///var/run/docker.sock)')
    .option('--ovsdb <url>', 'Open vSwitch database (default: unix:/run/openvswitch/db.sock)')
    .option(
      '--owner <name>',
      'mark on everything it makes; daemons with different owners can share engines (default: sond)',
    )
    .option('--keep-engines', 'leave embedded engines and their containers running at the end', false)
    .option('--token-file <file>', 'bearer token for TCP listeners (mode 0600)')
    .option('--insecure-no-auth', 'no token, on loopback only', false)
    .addOption(
      new Option('--log-format <format>', 'form of the log on standard error').choices(logFormats).default('json'),
    )
    .addOption(
      new Option('--log-level <level>', 'least important level that is logged').choices(logLevels).default('info'),
    )

const defaultConfig = '/etc/sond/sond.yaml'

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

const configured = async (file: string | undefined, fallback: string): Promise<SondConfiguration['spec']> => {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file ?? fallback)
  } catch (error) {
    if (file === undefined && isMissing(error)) return defaultConfiguration().spec
    throw new OptionsError(
      `cannot read the configuration ${file ?? fallback}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const { configuration, diagnostics } = parseConfiguration(file ?? fallback, bytes)
  if (configuration === undefined || diagnostics.some(isError))
    throw new OptionsError(diagnostics.map(formatDiagnostic).join('\n'))
  return configuration.spec
}

const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(path))

/** What flags say is checked as the file is: by the same words. */
const checkFlags = (flags: Flags): void => {
  const checks = [
    ['--owner', 'owner', flags.owner],
    ['--docker-host', 'docker', flags.dockerHost],
    ['--ovsdb', 'ovsdb', flags.ovsdb],
  ] as const
  for (const [flag, field, value] of checks) {
    const spec = field === 'owner' ? { owner: value } : { engines: { [field]: value } }
    const text = JSON.stringify({ apiVersion, kind: 'SondConfiguration', spec })
    const wrong = parseConfiguration(flag, new TextEncoder().encode(text)).diagnostics.find(isError)
    if (wrong !== undefined) throw new OptionsError(`${flag}: ${wrong.message}`)
  }
}

/** Like all paths of flags, that of a socket may be relative. */
const socketPath = (text: string): string => {
  const [, path] = /^unix:([^/].*)$/.exec(text) ?? []
  return path === undefined ? text : `unix:${resolve(path)}`
}

/** Whoever moves the run directory and says nothing of the socket means the socket too. */
const listenOf = (flags: Flags, file: SondConfiguration['spec'], runDir: string): readonly string[] => {
  const isUnsaid = equal(file.listen, defaultConfiguration().spec.listen)
  return flags.listen?.map(socketPath) ?? (isUnsaid ? [`unix:${runDir}/sond.sock`] : file.listen)
}

/** The same with the state directory, and the results below it. */
const resultsOf = ({ results }: SondConfiguration['spec'], stateDir: string): SondConfiguration['spec']['results'] =>
  equal(results, defaultConfiguration().spec.results) ? { directory: `${stateDir}/results` } : results

/**
 * @param fallback - configuration that is read where the flags name none, if it is there
 * @throws OptionsError when the configuration cannot be read or is wrong
 */
export const mergeOptions = async (flags: Flags, fallback = defaultConfig): Promise<Options> => {
  checkFlags(flags)
  const file = await configured(flags.config, fallback)
  const runDir = absolute(flags.runDir)
  const stateDir = absolute(flags.stateDir)
  const listen = listenOf(flags, file, runDir)
  return {
    spec: {
      ...file,
      owner: flags.owner ?? file.owner,
      manifests: { ...file.manifests, directory: absolute(flags.manifests ?? file.manifests.directory) },
      engines: {
        ...file.engines,
        mode: flags.engines ?? file.engines.mode,
        docker: flags.dockerHost ?? file.engines.docker,
        ovsdb: flags.ovsdb ?? file.engines.ovsdb,
      },
      listen,
      api: {
        ...file.api,
        tokenFile: flags.tokenFile === undefined ? file.api.tokenFile : absolute(flags.tokenFile),
      },
      results: resultsOf(file, stateDir),
    },
    stateDir,
    runDir,
    keepEngines: flags.keepEngines,
    insecureNoAuth: flags.insecureNoAuth,
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
  }
}
