// Pages for users name flags, settings, fields, conditions and commands: each must be one that there is, and none may be missing.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { localTools } from '../src/cli/local.ts'
import { createProgram } from '../src/cli/program.ts'
import { runCommand } from '../src/main/options.ts'
import { conditionTypes, topologyConditionTypes } from '../src/model/status.ts'
import { defaultConfiguration, parseConfiguration } from '../src/parse/configuration.ts'
import { jsonSchemas } from '../src/parse/json-schemas.ts'
import { parseManifestFile } from '../src/parse/manifest.ts'

const root = join(import.meta.dirname, '..')
const pages = ['README.md', ...globSync(['docs/*.md', 'manifests/**/*.md'], { cwd: root })]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Part of a page from a heading to the next one of the same or a higher level. */
const section = (page: string, heading: string): string => {
  const text = textOf(page)
  const begin = text.indexOf(`${heading}\n`)
  if (begin < 0) throw new Error(`${page} has no heading ${heading}`)
  const level = heading.indexOf(' ')
  const rest = text.slice(begin + heading.length)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end < 0 ? rest : rest.slice(0, end)
}

/** Rows of the tables in a text: cells without the first row and the line below it, and without their backquotes. */
const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
    .filter((cells) => cells[0]?.startsWith('`') === true)

const plain = (cell = ''): string => cell.replace(/^`([^`]*)`.*$/, '$1')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** Paths of all fields without fields of their own, `spec.functions[].env`. */
const leaves = (schema: Schema, path: string): string[] => {
  const { properties, items } = schema
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, part]) => leaves(part, path === '' ? key : `${path}.${key}`))
  }
  return items?.properties === undefined ? [path] : [path, ...leaves(items, `${path}[]`)]
}

// JSON Schemas of our own, of which these keys are all that is looked at.
const schemas = jsonSchemas() as Readonly<Record<string, Schema>>

const sonctl = createProgram({
  io: {
    out: () => undefined,
    err: () => undefined,
    stdin: async () => '',
    env: {},
    now: () => 0,
    signal: new AbortController().signal,
  },
  version: '0',
  tools: localTools,
  ended: () => undefined,
})
const commandNames = sonctl.commands.map((command) => command.name())

t.test('flags of sond run', async (t) => {
  const told = rows(section('docs/configuration.md', '## Flags of `sond run`'))
  const options = runCommand().options
  t.same(told.map(([flag]) => plain(flag).split(' ')[0]).sort(), options.map(({ long }) => long).sort())
  for (const { long, defaultValue } of options) {
    if (typeof defaultValue !== 'string') continue
    t.equal(
      plain(told.find(([flag]) => plain(flag).split(' ')[0] === long)?.[1]),
      defaultValue,
      `default of ${long ?? ''}`,
    )
  }
})

t.test('settings of the daemon, and their defaults', async (t) => {
  const told = rows(section('docs/configuration.md', '## Settings'))
  const known = leaves(schemas['SondConfiguration']?.properties?.['spec'] ?? {}, '')
  t.same(told.map(([name]) => plain(name)).sort(), known.sort())
  const spec: Record<string, unknown> = {}
  for (const [name, value] of told) {
    const path = plain(name).split('.')
    const last = path.pop() ?? ''
    let place = spec
    // Each level is a map that this loop has made.
    for (const part of path) place = (place[part] ??= {}) as Record<string, unknown>
    place[last] = parse(plain(value))
  }
  const text = stringify({ apiVersion: 'sond.dev/v1alpha1', kind: 'SondConfiguration', spec })
  const { configuration, diagnostics } = parseConfiguration('settings.yaml', Buffer.from(text))
  t.same(diagnostics, [])
  t.same(configuration, defaultConfiguration())
})

t.test('fields of manifests', async (t) => {
  for (const kind of ['ServiceInstance', 'DataCenter', 'Link']) {
    const told = rows(section('docs/manifests.md', `## ${kind}`))
      .map(([name]) => plain(name))
      .filter((name) => name.includes('.'))
      .filter((name) => !name.startsWith('metadata.'))
    t.same(told.sort(), leaves(schemas[kind]?.properties?.['spec'] ?? {}, 'spec').sort(), kind)
  }
})

t.test('conditions', async (t) => {
  const told = rows(section('docs/manifests.md', '### Status')).map(([name]) => plain(name))
  t.same(told, [...conditionTypes])
  const ofLinks = rows(section('docs/manifests.md', '## Link')).map(([name]) => plain(name))
  t.same(
    ofLinks.filter((name) => !name.includes('.')),
    [...topologyConditionTypes],
  )
  const all: readonly string[] = [...conditionTypes, ...topologyConditionTypes]
  for (const page of pages) {
    for (const [, name = ''] of textOf(page).matchAll(
      /`(?:--for=condition=)?([A-Z][A-Za-z]+)=(?:True|False|Unknown)`/g,
    )) {
      t.ok(all.includes(name), `${page}: condition ${name}`)
    }
  }
})

t.test('commands of sonctl', async (t) => {
  const told = rows(section('README.md', '## sonctl')).flatMap(([cell = '']) =>
    [...cell.matchAll(/`([a-z]+)/g)].map(([, name = '']) => name),
  )
  const hidden = ['help']
  t.same([...new Set(told)].sort(), commandNames.filter((name) => !hidden.includes(name)).sort())
  for (const page of pages) {
    for (const [line, name = '', rest = ''] of textOf(page).matchAll(/\bsonctl ([a-z]+)((?: [^\n`#]*)?)/g)) {
      const command = sonctl.commands.find((each) => each.name() === name)
      if (command === undefined) {
        // "sonctl is ..." in a sentence is no command; in code it must be one.
        t.notOk(textOf(page).includes(`\`${line.trim()}`) || textOf(page).includes(`    ${line}`), `${page}: ${line}`)
        continue
      }
      const flags = [...command.options, ...sonctl.options].flatMap(({ long, short }) => [long, short])
      // What follows ` -- ` belongs to the command that exec runs.
      for (const [, flag = ''] of (rest.split(' -- ')[0] ?? '').matchAll(/(?:^|\s)(--?[a-z][a-z-]*)/g)) {
        t.ok(flags.includes(flag), `${page}: sonctl ${name} ${flag}`)
      }
    }
  }
})

t.test('examples in YAML', async (t) => {
  for (const page of pages) {
    for (const [, text = ''] of textOf(page).matchAll(/```yaml\n(.*?)```/gs)) {
      const isSettings = text.includes('kind: SondConfiguration')
      const { diagnostics } = isSettings
        ? parseConfiguration(page, Buffer.from(text))
        : parseManifestFile(page, Buffer.from(text))
      t.same(diagnostics, [], page)
    }
  }
  const installed = parseConfiguration('deploy/sond.yaml', readFileSync(join(root, 'deploy/sond.yaml')))
  t.same(installed.configuration, defaultConfiguration(), 'the installed settings are the defaults')
})

t.test('folders, scripts and links', async (t) => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  const told = rows(section('docs/architecture.md', '## Where to find what')).flatMap(([cell = '']) =>
    [...cell.matchAll(/`([a-z]+)\/`/g)].map(([, name]) => name),
  )
  t.same(told.sort(), folders.sort(), 'folders of src/')
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> } // our own file
  for (const page of [...pages, 'CONTRIBUTING.md']) {
    for (const [, name = ''] of textOf(page).matchAll(/npm run ([a-z:]+)/g))
      t.ok(name in scripts, `${page}: npm run ${name}`)
    for (const [, target = ''] of textOf(page).matchAll(/\]\(([^)#]+)\)/g)) {
      if (!/^https?:/.test(target)) t.ok(existsSync(join(root, dirname(page), target)), `${page}: ${target}`)
    }
  }
})
