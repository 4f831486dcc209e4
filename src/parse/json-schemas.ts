import { z } from 'zod'
import { configurationSchema } from './configuration.ts'
import { dataCenterSchema, linkSchema, serviceInstanceSchema } from './manifest-schema.ts'

const schemas = {
  ServiceInstance: serviceInstanceSchema,
  DataCenter: dataCenterSchema,
  Link: linkSchema,
  SondConfiguration: configurationSchema,
} as const

/** JSON Schemas (draft 2020-12) of what users write, by kind; for editors and `sonctl schema`. */
export const jsonSchemas = (): Readonly<Record<keyof typeof schemas, object>> => {
  const schemaOf = (kind: keyof typeof schemas): object => z.toJSONSchema(schemas[kind], { io: 'input' })
  return {
    ServiceInstance: schemaOf('ServiceInstance'),
    DataCenter: schemaOf('DataCenter'),
    Link: schemaOf('Link'),
    SondConfiguration: schemaOf('SondConfiguration'),
  }
}
