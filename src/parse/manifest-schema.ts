import { z } from 'zod'
import {
  type DataCenter,
  type FunctionOverride,
  type InstanceSettings,
  type Link,
  type ServiceInstance,
  apiVersion,
} from '../model/documents.ts'
import { parsePackageRef } from './package-ref.ts'
import {
  count,
  cpuSetField,
  durationField,
  imageField,
  memoryField,
  nameField,
  parsed,
  percentField,
  rateField,
  strict,
  vnfIdField,
} from './schema-fields.ts'

const labelKey = /^(?:[a-z0-9][a-z0-9.-]{0,252}\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/
const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/

const metadata = strict({
  name: nameField,
  labels: z
    .record(
      z.string().regex(labelKey, 'a label of up to 63 letters, digits, "-", "_" and "." is right'),
      z.string().regex(labelValue, 'up to 63 letters, digits, "-", "_" and "." are right'),
    )
    .default({}),
})

export const pathPolicy = z.enum(['Hops', 'Delay'])

export const placementPolicy = z.enum(['First', 'RoundRobin', 'RoundRobinWithSaps'])

const document = <Kind extends string, Spec extends z.ZodType>(kind: Kind, spec: Spec) =>
  strict({ apiVersion: z.literal(apiVersion), kind: z.literal(kind), metadata, spec })

/** Drops keys whose value is undefined: with exact optional properties an absent key and `undefined` differ. */
const present = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  // Object.fromEntries can't tell which keys it keeps.
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }

const resources = strict({
  cpu: strict({
    cores: cpuSetField.optional(),
    vcpus: count(1, 4096).optional(),
    bandwidth: z.number().max(4096).optional().describe('Fraction of one CPU; negative: unlimited.'),
  }).default({}),
  memory: memoryField.optional(),
})

const environmentKey = /^[A-Za-z_][A-Za-z0-9_.-]{0,254}$/

const functionOverride = strict({
  vnfId: vnfIdField,
  replicas: count(1, 64).optional(),
  dataCenter: nameField.optional(),
  image: imageField.optional(),
  env: z
    .record(
      z.string().regex(environmentKey, 'the name of an environment variable is right'),
      z.string().refine((text) => !text.includes('\0'), 'text without NUL characters is right'),
    )
    .optional(),
  resources: resources.optional(),
  privileged: z.boolean().optional(),
}).transform(({ resources: wanted, ...rest }): FunctionOverride => {
  const { env, vnfId, replicas, dataCenter, image, privileged } = rest
  const memoryBytes = wanted?.memory
  return {
    vnfId,
    ...(replicas === undefined ? {} : { replicas }),
    ...(dataCenter === undefined ? {} : { dataCenter }),
    ...(image === undefined ? {} : { image }),
    ...(env === undefined ? {} : { env }),
    ...(wanted === undefined
      ? {}
      : { resources: { cpu: present(wanted.cpu), ...(memoryBytes === undefined ? {} : { memoryBytes }) } }),
    ...(privileged === undefined ? {} : { privileged }),
  }
})

const serviceInstanceSpec = strict({
  package: parsed((text) => {
    const ref = parsePackageRef(text)
    return ref === undefined ? undefined : { ref, text }
  }, 'name, vendor/name, either with :version, sha256:DIGEST, or the name of a .son or .tgo file is right'),
  replicas: count(0, 1000).default(1).describe('Whole copies of the service.'),
  suspend: z.boolean().default(false),
  state: z.enum(['Running', 'Stopped']).default('Running'),
  driftMode: z.enum(['Enforce', 'Warn']).default('Enforce'),
  saps: strict({ deploy: z.boolean().optional() }).default({}),
  chaining: strict({
    bidirectional: z.boolean().optional(),
    requireForwardingGraphs: z.boolean().optional(),
    path: pathPolicy.optional(),
  }).default({}),
  management: strict({ dockerNetwork: z.boolean().optional() }).default({}),
  placement: strict({ policy: placementPolicy.optional() }).default({}),
  images: strict({ forcePull: z.boolean().optional(), buildDockerfiles: z.boolean().optional() }).default({}),
  scripts: strict({ stopWait: durationField.optional() }).default({}),
  functions: z.array(functionOverride).default([]),
}).transform(
  ({
    package: { ref, text },
    saps,
    chaining,
    management,
    placement,
    images,
    scripts,
    functions,
    ...rest
  }): ServiceInstance['spec'] => {
    const settings: InstanceSettings = present({
      deploySaps: saps.deploy,
      bidirectional: chaining.bidirectional,
      requireForwardingGraphs: chaining.requireForwardingGraphs,
      path: chaining.path,
      dockerManagement: management.dockerNetwork,
      placement: placement.policy,
      forcePull: images.forcePull,
      buildDockerfiles: images.buildDockerfiles,
      stopWaitMs: scripts.stopWait,
    })
    return { package: ref, packageText: text, ...rest, settings, functions }
  },
)

export const serviceInstanceSchema = document('ServiceInstance', serviceInstanceSpec)

const dataCenterSpec = strict({
  capacity: strict({ cpu: z.number().positive('a number above 0 is right').optional(), memory: memoryField.optional() })
    .default({})
    .transform(({ cpu, memory }): DataCenter['spec']['capacity'] => present({ cpu, memoryBytes: memory })),
})

export const dataCenterSchema = document('DataCenter', dataCenterSpec.prefault({}))

const linkSpec = strict({
  endpoints: z
    .tuple([nameField, nameField], { error: 'a list of two data centers such as [dc1, dc2] is right' })
    .refine(([first, second]) => first !== second, 'two different data centers are right'),
  bandwidth: rateField.optional(),
  delay: durationField.optional(),
  jitter: durationField.optional(),
  loss: percentField.optional(),
}).transform(({ endpoints, bandwidth, delay, jitter, loss }): Link['spec'] => ({
  endpoints,
  ...present({ bandwidthBitsPerSecond: bandwidth, delayMs: delay, jitterMs: jitter, lossPercent: loss }),
}))

export const linkSchema = document('Link', linkSpec)
