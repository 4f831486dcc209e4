// Fields that several kinds share. Every message says what would be right; schema-issues.ts puts what was found before it.

import { z } from 'zod'
import { parseCpuSet, bytesPerUnit, mostMemory, parseDuration, parsePercent, parseRate, parseSize } from './units.ts'
import { type ImageRef, type ObjectName, parseImageRef, parseObjectName, parseVnfId } from '../model/names.ts'
import { didYouMean } from './suggest.ts'

/** Unknown keys of one map for which a suggestion is looked for. */
const mostHints = 50

/** A map in which unknown keys are errors. */
export const strict = <Shape extends z.ZodRawShape>(shape: Shape) => {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      // One message per key, in the order of the keys: schema-issues.ts splits them.
      return JSON.stringify(
        issue.keys.slice(0, mostHints).map((key) => didYouMean(key, known) || `; known are ${known.join(', ')}`),
      )
    },
  })
}

/** Text that a function must understand; its result is the value. */
export const parsed = <T>(parse: (text: string) => T | undefined, right: string) =>
  z
    .string({ error: right })
    .describe(right)
    .transform((text, context): T => {
      const value = parse(text)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: right, input: text })
      return z.NEVER
    })

export const nameField = parsed<ObjectName>(
  parseObjectName,
  'a name of 1 to 63 lower-case letters, digits and "-", with a letter or digit at both ends, is right',
)
export const vnfIdField = parsed(parseVnfId, 'a vnf_id of 1 to 63 letters, digits, "_" and "-" is right')
export const imageField = parsed<ImageRef>(
  parseImageRef,
  'an image reference in lower case such as "registry:5000/team/fw:2" is right',
)

export const durationField = z
  .union([parsed(parseDuration, 'a duration such as "200ms", "5s" or "1m30s" is right'), z.literal(0)], {
    error: 'a duration with a unit, such as "200ms", "5s" or "1m30s", up to 24 days, is right',
  })
  .describe('A duration: 200ms, 5s, 1m30s.')

const amount = z.number().nonnegative('a number from 0 on is right')

export const memoryField = z
  .union(
    [
      strict({ size: amount, unit: z.string().default('GB') }).transform(({ size, unit }, context): number => {
        const factor = bytesPerUnit(unit)
        const bytes = Math.round(size * (factor ?? 1))
        if (factor !== undefined && bytes <= mostMemory) return bytes
        if (factor !== undefined) {
          context.issues.push({ code: 'custom', message: 'at most 1024 TB is right', input: size, path: ['size'] })
          return z.NEVER
        }
        context.issues.push({ code: 'custom', message: 'KB, MB, GB or TB is right', input: unit, path: ['unit'] })
        return z.NEVER
      }),
      parsed(parseSize, 'a size such as "512MB" is right'),
    ],
    { error: 'a size such as {size: 512, unit: MB} or "512MB", up to 1024 TB, is right' },
  )
  .describe('A size of memory, in powers of 1024: {size: 512, unit: MB}, or 512MB.')

export const cpuSetField = z
  .union(
    [
      parsed(parseCpuSet, 'a set of CPU numbers such as "0,1" or "0-3" is right'),
      z.int().nonnegative().max(9999).transform(String),
    ],
    {
      error: 'a set of CPU numbers such as "0,1" or "0-3" is right',
    },
  )
  .describe('A set of host CPU numbers: "0,1" or "0-3".')

export const rateField = parsed(
  parseRate,
  'a rate such as "100Mbps" or "64kbps", up to 1000000Gbps, is right',
).describe('Bits per second: 100Mbps.')

export const percentField = z
  .union([parsed(parsePercent, 'a share such as "0.1%", at most 100%, is right'), z.number().min(0).max(100)], {
    error: 'a share from "0%" to "100%" is right',
  })
  .describe('A share: 0.1%.')

/** A whole number between two bounds. */
export const count = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most} is right`
  return z.int({ error }).min(least, { error }).max(most, { error })
}
