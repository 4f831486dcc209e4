// Every setting of the daemon has a test that fails when it does nothing: a row in a table whose look must find one thing with one
// value and another thing with another value. The tables' own tests take each of the looks.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { jsonSchemas } from '../src/parse/json-schemas.ts'
import { planSwitches } from './desired/switches.ts'
import { engineSwitches, serviceSwitches } from './e2e/switches.ts'
import { daemonSwitches } from './main/switches.ts'
import type { Switch } from './support/switches.ts'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

const leaves = ({ properties }: Schema, path = ''): readonly string[] =>
  properties === undefined
    ? [path]
    : Object.entries(properties).flatMap(([key, part]) => leaves(part, path === '' ? key : `${path}.${key}`))

// JSON Schemas of our own, of which `properties` is all that is looked at.
const schemas = jsonSchemas() as Readonly<Record<string, Schema>>
const fieldsOf = (kind: string): readonly string[] => leaves(schemas[kind]?.properties?.['spec'] ?? {})

const tables: readonly (readonly Switch<never>[])[] = [planSwitches, daemonSwitches, serviceSwitches, engineSwitches]
const switches = tables.flat()
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
  t.end()
})

t.test('what an instance can have otherwise is what its manifest has fields for', (t) => {
  const fields = new Set(fieldsOf('ServiceInstance'))
  for (const { setting, overridden } of switches) t.equal(overridden, fields.has(setting), setting)
  t.end()
})
