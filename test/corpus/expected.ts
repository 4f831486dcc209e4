import { z } from 'zod'
import type { ContainerOutcome, Outcome } from './outcome.ts'

const step = z.object({ ok: z.boolean(), step: z.string().optional(), error: z.string().optional() })

const plan = z.object({
  onboard: step,
  start: step.nullable(),
  notes: z.array(z.string()).optional(),
  containers: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['vnf', 'sap_int']),
      image: z.string(),
      cpuset: z.union([z.string(), z.number()]),
      cpu_period: z.number(),
      cpu_quota: z.number(),
      mem_limit: z.number(),
      interfaces: z.array(z.string()),
      env: z.record(z.string(), z.string()),
      volumes: z.array(z.string()),
    }),
  ),
  elines: z.array(
    z.object({
      link: z.string(),
      refs: z.array(z.string()),
      chained: z.boolean(),
      src_ip: z.string().optional(),
      dst_ip: z.string().optional(),
      subnet: z.string().optional(),
      skipped: z.string().optional(),
    }),
  ),
  elans: z.array(
    z.object({
      link: z.string(),
      refs: z.array(z.string()),
      subnet: z.string(),
      members: z.array(z.object({ ref: z.string(), ip: z.string(), present: z.boolean() })),
    }),
  ),
  ext_saps: z.array(z.object({ name: z.string(), switch_ip: z.string(), subnet: z.string() })),
  ignored_links: z.array(z.object({ link: z.string() })),
  final_addresses: z.record(z.string(), z.record(z.string(), z.string())),
})

export type ExpectedPlan = z.infer<typeof plan>

const pair = z.object({ deploy_sap_off: plan, deploy_sap_on: plan })
const file = pair.extend({ package: z.string(), if_every_image_were_docker: pair.nullish() })

export type ExpectedFile = z.infer<typeof file>

export const readExpected = (text: string): ExpectedFile => file.parse(JSON.parse(text))

/** The original's outcome. `resultsOf` says where a container's volume lies here, since the folder is a setting. */
export const expectedOutcome = (from: ExpectedPlan, clean: (name: string) => string): Outcome => ({
  containers: new Map(
    from.containers.map((item): [string, ContainerOutcome] => [
      item.name,
      {
        kind: item.kind === 'vnf' ? 'vnf' : 'sap',
        image: item.image,
        cpuset: String(item.cpuset),
        cpuPeriod: item.cpu_period,
        cpuQuota: item.cpu_quota,
        memoryBytes: item.mem_limit,
        interfaces: item.interfaces.toSorted(),
        env: item.env,
        volumes: item.volumes.map((text) => text.replace('/tmp/results/<service_uuid>/', 'RESULTS/')),
      },
    ]),
  ),
  lines: from.elines.map((item) => ({
    id: item.link,
    references: item.refs,
    skipped: item.chained ? '' : 'END_MISSING',
    subnet: item.subnet ?? '',
    addresses: item.chained
      ? [item.src_ip ?? '', item.dst_ip ?? ''].map((text) => text.replace(' (SAP switch)', ''))
      : [],
  })),
  lans: from.elans.map((item) => ({
    id: item.link,
    references: item.refs,
    subnet: item.subnet,
    members: item.members.map((member) => ({
      reference: member.ref,
      present: member.present,
      // What an absent member uses up shows in the addresses of those after it.
      address: member.present ? member.ip : '',
    })),
  })),
  externalSaps: new Map(from.ext_saps.map((item) => [item.name, { address: item.switch_ip, subnet: item.subnet }])),
  addresses: new Map(
    Object.entries(from.final_addresses).flatMap(([container, interfaces]) =>
      Object.entries(interfaces).map(([name, address]): [string, string] => [`${container}:${clean(name)}`, address]),
    ),
  ),
  ignored: from.ignored_links.map((item) => item.link),
})
