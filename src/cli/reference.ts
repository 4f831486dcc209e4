import type { ObjectKind } from '../api/backend.ts'
import { apiRoot } from '../api/paths.ts'
import { kindNames, parseKind, parseObjectReference } from '../api/kinds.ts'
import { usageError } from './errors.ts'

/** Objects a user named. */
export interface Reference {
  readonly kind: ObjectKind
  readonly name: string
}

const kindList = Object.values(kindNames)
  .map(({ singular }) => singular)
  .join(', ')

/** `instance`, `si`, ...; what it could have been when it is none. */
const kindOf = (text: string): ObjectKind => {
  const kind = parseKind(text)
  if (kind !== undefined) return kind
  throw usageError(`${JSON.stringify(text)} is no kind`, `Kinds: ${kindList}.`)
}

/** `dc`, `dc,link`, `all`: kinds of which everything is meant; undefined when the words name objects. */
export const parseKinds = (words: readonly string[], all: readonly ObjectKind[]): readonly ObjectKind[] | undefined => {
  const [first = 'all', ...names] = words
  if (names.length > 0 || first.includes('/')) return undefined
  return first === 'all' ? all : [...new Set(first.split(',').map(kindOf))]
}

/** `KIND NAME...` or `KIND/NAME...`; one kind alone gives no names. */
export const parseReferences = (
  words: readonly string[],
): { kind: ObjectKind | undefined; references: Reference[] } => {
  const [first, ...rest] = words
  if (first === undefined) return { kind: undefined, references: [] }
  if (!first.includes('/')) {
    const kind = kindOf(first)
    // `get instance instance/demo` is what completion and habit make of it.
    const names = rest.map((word) => {
      const about = parseObjectReference(word)
      return about.kind === kind && about.name !== undefined ? about.name : word
    })
    return { kind, references: names.map((name) => ({ kind, name: named(name) })) }
  }
  const references = words.map((word) => {
    const slash = word.indexOf('/')
    if (slash < 0) throw usageError(`${JSON.stringify(word)}: write KIND/NAME for all, or KIND NAME...`)
    return { kind: kindOf(word.slice(0, slash)), name: named(word.slice(slash + 1)) }
  })
  return { kind: undefined, references }
}

/** References that must be there. */
export const requireReferences = (words: readonly string[]): readonly Reference[] => {
  const { references } = parseReferences(words)
  if (references.length > 0) return references
  throw usageError('name what you mean', 'Write KIND/NAME or KIND NAME, as in instance/demo.')
}

/** Name of an instance, written `demo` or `instance/demo`. */
export const instanceName = (word: string): string => {
  if (!word.includes('/')) return named(word)
  const { kind, name } = parseObjectReference(word)
  if (kind !== 'ServiceInstance' || name === undefined) throw usageError(`${JSON.stringify(word)} is no instance`)
  return named(name)
}

const named = (name: string): string => {
  if (name === '') throw usageError('a name is empty')
  return name
}

export const showReference = ({ kind, name }: Reference): string => `${kindNames[kind].singular}/${name}`

export const kindPath = (kind: ObjectKind): string => `${apiRoot}/${kindNames[kind].plural}`

export const objectPath = ({ kind, name }: Reference): string => `${kindPath(kind)}/${encodeURIComponent(name)}`
