// Every setting of the daemon, and every field of an instance, has a test that fails when it does nothing: a row in a table whose look must find one thing with one
// value and another thing with another value. The tables' own tests take each of the looks.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { jsonSchemas } from '../src/parse/json-schemas.ts'
import { planFields } from './desired/fields.ts'
import { planSwitches } from './desired/switches.ts'
import { engineSwitches, serviceSwitches } from './e2e/switches.ts'
import { daemonSwitches } from './main/switches.ts'
import { loopFields } from './reconcile/fields.ts'
import type { Field, Switch } from './support/switches.ts'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** Paths of all fields without fields of their own, `functions[].image`. */
const leaves = ({ properties, items }: Schema, path = ''): readonly string[] => {
  if (items?.properties !== undefined) return leaves(items, `${path}[]`)
  return properties === undefined
    ? [path]
    : Object.entries(properties).flatMap(([key, part]) => leaves(part, path === '' ? key : `${path}.${key}`))
}

// JSON Schemas of our own, of which these keys are all that is looked at.
const schemas = jsonSchemas() as Readonly<Record<string, Schema>>
const fieldsOf = (kind: string): readonly string[] => leaves(schemas[kind]?.properties?.['spec'] ?? {})

const tables: readonly (readonly Switch<never>[])[] = [planSwitches, daemonSwitches, serviceSwitches, engineSwitches]
const switches = tables.flat()
const fields: readonly Field<never>[] = [planFields, loopFields].flat()
const tried = [...new Set(switches.map(({ setting }) => setting))].sort()

t.test('no setting is without a row', (t) => {
  t.same(tried, fieldsOf('SondConfiguration').toSorted())
  const page = readFileSync(join(import.meta.dirname, '../docs/configuration.md'), 'utf8')
  const table = page.slice(page.indexOf('\n| setting |'))
  t.same(tried, [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, setting]) => setting).sort(), 'docs/configuration.md')
  t.end()
})

t.test('no row can be passed by a setting that does nothing', (t) => {
  for (const { setting, values, expect } of switches) {
    t.notSame(values[0], values[1], `${setting} has two values`)
    t.notSame(expect[0], expect[1], `${setting}: what is looked at differs with them`)
  }
  for (const { field, specs, expect } of fields) {
    t.notSame(specs[0], specs[1], `${field} is written in two ways`)
    t.notSame(expect[0], expect[1], `${field}: what is looked at differs with them`)
  }
  t.end()
})

t.test('what an instance can have otherwise is what its manifest has fields for', (t) => {
  const known = new Set(fieldsOf('ServiceInstance'))
  for (const { setting, overridden } of switches) t.equal(overridden, known.has(setting), setting)
  t.end()
})

t.test('no field of an instance is without a row', (t) => {
  const overrides = switches.filter(({ overridden }) => overridden).map(({ setting }) => setting)
  const rows = new Set([...fields.map(({ field }) => field), ...overrides])
  t.same([...rows].sort(), fieldsOf('ServiceInstance').toSorted())
  t.end()
})
