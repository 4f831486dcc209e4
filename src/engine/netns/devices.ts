import { z } from 'zod'
import { EngineError } from '../../model/errors.ts'
import { parseObjectName, type InstanceName, type Owner } from '../../model/names.ts'
import { deviceAlias } from '../../model/ownership.ts'

/** Network devices as `ip -j` prints them, and the marks by which ours are known. */

const linkSchema = z.object({
  ifindex: z.number(),
  ifname: z.string(),
  flags: z.array(z.string()).default([]),
  address: z.string().default(''),
  ifalias: z.string().default(''),
  /** Queueing discipline at its root. */
  qdisc: z.string().optional(),
  group: z.string().default('default'),
  /** Index of the other end, when it is in another namespace. */
  link_index: z.number().optional(),
  /** Id, here, of the namespace where the other end is. */
  link_netnsid: z.number().optional(),
  /** Name of the other end, when it is in the same namespace. */
  link: z.string().nullable().optional(),
  addr_info: z
    .array(z.looseObject({ family: z.string(), local: z.string().optional(), prefixlen: z.number() }))
    .default([]),
})

export type Device = z.infer<typeof linkSchema>

// An address list has empty objects in place of devices that have no address of the family asked for.
const listSchema = z.array(z.union([linkSchema, z.object({}).strict()]))

/** @throws EngineError `REFUSED` when the text is not what `ip` prints. */
export const parseDevices = (text: string): readonly Device[] => {
  const trimmed = text.trim()
  if (trimmed === '') return []
  try {
    return listSchema.parse(JSON.parse(trimmed)).filter((one): one is Device => 'ifindex' in one)
  } catch (cause) {
    throw new EngineError('REFUSED', { program: 'ip', output: trimmed.slice(0, 200) }, { cause })
  }
}

/** A batch prints one list per line that shows something. */
export const parseDeviceLists = (text: string): readonly Device[] =>
  text.split('\n').flatMap((line) => parseDevices(line))

export const isUp = (device: Device): boolean => device.flags.includes('UP')

export const ipv4Of = (device: Device): readonly string[] =>
  device.addr_info.flatMap(({ family, local, prefixlen }) =>
    family === 'inet' && local !== undefined ? [`${local}/${prefixlen}`] : [],
  )

/** How our devices are told from others. */
export interface Marks {
  /** Group number that a device has from the moment it is made: the alias comes a moment later. */
  readonly group: string
  /** Group of devices that are about to be deleted: a group goes at once, where one by one takes 20 ms each. */
  readonly doomed: string
  alias(instance: InstanceName | undefined): string
  isOurs(device: Device): boolean
  instanceOf(device: Device): InstanceName | undefined
}

/** 24 bits of FNV-1a (RFC draft-eastlake-fnv): two owners on one host have different groups. */
const hash24 = (text: string): number => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return (hash >>> 8) ^ (hash & 0xff)
}

export const createMarks = (owner: Owner): Marks => {
  const prefix = deviceAlias(owner, '')
  const group = 0x50000000 + hash24(owner)
  const groupText = String(group)
  return {
    group: groupText,
    doomed: String(group + 0x10000000),
    alias: (instance) => deviceAlias(owner, instance ?? ''),
    isOurs: ({ ifalias, group: of }) => ifalias.startsWith(prefix) || (ifalias === '' && of === groupText),
    instanceOf: ({ ifalias }) =>
      ifalias.startsWith(prefix) ? parseObjectName(ifalias.slice(prefix.length)) : undefined,
  }
}
