import type { AnyObject, ObjectKind } from '../../api/backend.ts'
import { kindNames } from '../../api/kinds.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { formatObjects, type Group, type OutputFormat } from '../format/output.ts'
import { kindPath, objectPath, parseKinds, parseReferences } from '../reference.ts'

const overview: readonly ObjectKind[] = ['ServiceInstance', 'DataCenter', 'Link', 'Package']

export interface GetOptions {
  readonly output: OutputFormat
  /** `key=value`, all of which must hold. */
  readonly selector?: string
}

/** `get`, `get KIND`, `get KIND,KIND`, `get KIND NAME...`, `get KIND/NAME...`. */
export const get = async (
  { io, client }: CliContext,
  words: readonly string[],
  options: GetOptions,
): Promise<ExitCode> => {
  const api = await client()
  const kinds = parseKinds(words, overview)
  const references = kinds === undefined ? parseReferences(words).references : []
  const groups: Group[] = []
  const only = kinds?.length === 1 ? kinds[0] : undefined
  if (kinds === undefined) {
    for (const reference of references) {
      const object = await api.json<AnyObject>(objectPath(reference))
      const before = groups.find((group) => group.kind === object.kind)
      if (before === undefined) groups.push({ kind: object.kind, objects: [object] })
      else groups.splice(groups.indexOf(before), 1, { kind: object.kind, objects: [...before.objects, object] })
    }
  } else {
    for (const each of kinds) {
      const { items } = await api.json<{ items: AnyObject[] }>(kindPath(each))
      groups.push({ kind: each, objects: items.filter(selected(options.selector)) })
    }
  }
  io.out(formatObjects(groups, options.output, { single: references.length === 1, now: io.now() }))
  const isForPeople = options.output === 'table' || options.output === 'wide'
  if (isForPeople && groups.every(({ objects }) => objects.length === 0)) {
    io.err(`No ${only === undefined ? 'objects' : kindNames[only].plural} found.\n`)
  }
  return 0
}

const selected = (selector: string | undefined): ((object: AnyObject) => boolean) => {
  const wanted = (selector ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [key = '', ...value] = part.split('=')
      return { key, value: value.join('=').replace(/^=/, ''), any: value.length === 0 }
    })
  return ({ metadata: { labels } }) =>
    wanted.every(({ key, value, any }) => (any ? labels[key] !== undefined : labels[key] === value))
}
