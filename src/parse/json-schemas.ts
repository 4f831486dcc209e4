import { z } from 'zod'
import { configurationSchema } from './configuration.ts'
import { shownFields } from './shown.ts'
import { dataCenterSchema, linkSchema, serviceInstanceSchema } from './manifest-schema.ts'

const schemas = {
  ServiceInstance: serviceInstanceSchema,
  DataCenter: dataCenterSchema,
  Link: linkSchema,
  SondConfiguration: configurationSchema,
} as const

interface Kind {
  readonly properties: { readonly metadata: { readonly properties: Record<string, object> } }
}

/** With the fields that the daemon adds to what it shows: allowed, and said to be written by it. */
const withShown = (schema: object): object => {
  const { properties } = schema as Kind // what every kind's schema above is
  const shown = { readOnly: true, description: 'Written by the daemon; ignored in a manifest.' }
  for (const [first, second] of shownFields) {
    if (second === undefined) Object.assign(properties, { [first]: shown })
    else properties.metadata.properties[second] = shown
  }
  return schema
}

/** JSON Schemas (draft 2020-12) of what users write, by kind; for editors and `sonctl schema`. */
export const jsonSchemas = (): Readonly<Record<keyof typeof schemas, object>> => {
  const schemaOf = (kind: keyof typeof schemas): object => z.toJSONSchema(schemas[kind], { io: 'input' })
  return {
    ServiceInstance: withShown(schemaOf('ServiceInstance')),
    DataCenter: withShown(schemaOf('DataCenter')),
    Link: withShown(schemaOf('Link')),
    SondConfiguration: schemaOf('SondConfiguration'),
  }
}
