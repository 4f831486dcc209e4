import { z } from 'zod'
import type { Diagnostic } from '../model/diagnostics.ts'
import { isError } from '../model/diagnostics.ts'
import { type PoolSettings, type SondConfiguration, apiVersion } from '../model/documents.ts'
import { type Cidr, must, parseCidr, parseOwner } from '../model/names.ts'
import { checkHeader } from './manifest.ts'
import { pathPolicy, placementPolicy } from './manifest-schema.ts'
import { createReport } from './report.ts'
import { count, durationField, parsed, strict } from './schema-fields.ts'
import { reportIssues } from './schema-issues.ts'
import { parseYaml } from './yaml.ts'

const absolutePath = z.string().regex(/^\/\P{Cc}*$/u, 'an absolute path such as "/etc/sond" is right')

/** Where to listen, or where the switch database does. */
const socketAddress = z
  .string()
  .regex(
    /^(?:unix:\/\P{Cc}+|tcp:(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5})$/u,
    '"unix:/path" or "tcp:host:port" is right',
  )

const dockerAddress = z
  .string()
  .regex(
    /^(?:unix:\/\/\/\P{Cc}+|(?:tcp|http|https):\/\/[^\s/]+\/?)$/u,
    '"unix:///path/to/docker.sock" or "tcp://host:port" is right',
  )

/** As groupadd(8) takes it. */
const groupName = /^[a-z_][a-z0-9_-]{0,31}$/

const lengthOf = (prefix: string): number => Number(prefix.slice(prefix.indexOf('/') + 1))

/** Subnets lie one in each block of 256 addresses when they are smaller than that, else side by side. */
const room = ({ prefix, size }: PoolSettings): number => 2 ** (Math.min(size, 24) - lengthOf(prefix))

const pool = (defaultPrefix: string, size: number) =>
  strict({
    prefix: parsed<Cidr>(parseCidr, 'an IPv4 prefix such as "10.30.0.0/16" is right').default(
      must(parseCidr(defaultPrefix), defaultPrefix),
    ),
    size: count(8, 30).default(size).describe('Prefix length of one subnet.'),
    count: count(1, 65_536).default(50),
  }).superRefine((settings, context) => {
    if (settings.size < lengthOf(settings.prefix)) {
      const message = `a length from that of the prefix (${lengthOf(settings.prefix)}) on is right`
      context.addIssue({ code: 'custom', message, path: ['size'], input: settings.size })
    } else if (settings.count > Math.max(1, room(settings))) {
      const message = `at most ${Math.max(1, room(settings))}, as many as the prefix has room for, is right`
      context.addIssue({ code: 'custom', message, path: ['count'], input: settings.count })
    }
  })

const spec = strict({
  owner: parsed(parseOwner, 'an owner mark of 1 to 32 letters, digits, "_", "-" and "." is right').default(
    must(parseOwner('sond'), 'sond'),
  ),
  manifests: strict({
    directory: absolutePath.default('/etc/sond/manifests.d'),
    settle: durationField.default(200),
    maxPrunePercent: count(0, 100).default(50),
  }).prefault({}),
  engines: strict({
    mode: z.enum(['host', 'embedded', 'memory']).default('host'),
    docker: dockerAddress.default('unix:///var/run/docker.sock'),
    ovsdb: socketAddress.default('unix:/run/openvswitch/db.sock'),
    datapath: z.enum(['auto', 'system', 'netdev']).default('auto'),
  }).prefault({}),
  listen: z.array(socketAddress).default(['unix:/run/sond/sond.sock']),
  api: strict({
    tokenFile: absolutePath.nullable().default(null),
    group: z.string().regex(groupName, 'the name of a group such as "sond" is right').default('sond'),
  }).prefault({}),
  resync: durationField.default(60_000),
  pools: strict({
    sap: pool('10.10.0.0/16', 30).prefault({}),
    elan: pool('10.20.0.0/16', 24).prefault({}),
    eline: pool('10.30.0.0/16', 30).prefault({}),
  }).prefault({}),
  placement: strict({ policy: placementPolicy.default('RoundRobinWithSaps') }).prefault({}),
  saps: strict({ deploy: z.boolean().default(false), vnfd: absolutePath.nullable().default(null) }).prefault({}),
  chaining: strict({
    bidirectional: z.boolean().default(true),
    requireForwardingGraphs: z.boolean().default(false),
    path: pathPolicy.default('Hops'),
  }).prefault({}),
  management: strict({ dockerNetwork: z.boolean().default(false) }).prefault({}),
  images: strict({
    forcePull: z.boolean().default(false),
    buildDockerfiles: z.boolean().default(false),
    allow: z.array(z.string()).default(['*']),
  }).prefault({}),
  scripts: strict({ stopWait: durationField.default(5_000) }).prefault({}),
  results: strict({ directory: absolutePath.default('/var/lib/sond/results') }).prefault({}),
  autoDeploy: z.boolean().default(false),
  autoDelete: z.boolean().default(false),
  policy: strict({ privileged: z.boolean().default(false) }).prefault({}),
}).transform(({ manifests, resync, scripts, ...rest }): SondConfiguration['spec'] => {
  const { settle, ...manifestSettings } = manifests
  return {
    ...rest,
    manifests: { ...manifestSettings, settleMs: settle },
    resyncMs: resync,
    scripts: { stopWaitMs: scripts.stopWait },
  }
})

export const configurationSchema = strict({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('SondConfiguration'),
  metadata: strict({ name: z.string().optional() }).optional(),
  spec: spec.prefault({}),
})

/** What the daemon does when nobody says otherwise. */
export const defaultConfiguration = (): SondConfiguration => ({ kind: 'SondConfiguration', spec: spec.parse({}) })

export interface ParsedConfiguration {
  /** Absent when any diagnostic is an error. */
  readonly configuration?: SondConfiguration
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads the daemon's settings; what a file leaves out has its default, and an empty file is all defaults. */
export const parseConfiguration = (file: string, bytes: Uint8Array): ParsedConfiguration => {
  const report = createReport(file)
  const [first, second] = parseYaml(bytes, report, { duplicateKeys: 'error' })
  if (second !== undefined) {
    const place = { line: second.line, column: 1, path: '' }
    report.error(place, 'SECOND_DOCUMENT', 'a second document begins here; one SondConfiguration is right')
  }
  if (report.diagnostics.some(isError)) return { diagnostics: report.diagnostics }
  if (first === undefined) return { configuration: defaultConfiguration(), diagnostics: report.diagnostics }
  if (!checkHeader(first, report, ['SondConfiguration'])) return { diagnostics: report.diagnostics }
  const result = configurationSchema.safeParse(first.value)
  if (!result.success) {
    reportIssues(result.error.issues, first, report)
    return { diagnostics: report.diagnostics }
  }
  return { configuration: { kind: 'SondConfiguration', spec: result.data.spec }, diagnostics: report.diagnostics }
}
