import { stringify } from 'yaml'
import type { AnyObject, ObjectKind } from '../../api/backend.ts'
import { apiVersion } from '../../model/documents.ts'
import { showReference } from '../reference.ts'
import { rowsOfAny } from './columns.ts'
import { formatTable } from './table.ts'

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type OutputFormat = (typeof outputFormats)[number]

export const toJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** Without anchors: the text must also be readable by tools that know none. */
export const toYaml = (value: unknown): string => stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 })

/** One group of objects, as `get` shows it. */
export interface Group {
  readonly kind: ObjectKind
  readonly objects: readonly AnyObject[]
}

/** `single`: one object was named, so machine formats give it alone and not in a list. */
export const formatObjects = (
  groups: readonly Group[],
  format: OutputFormat,
  { single, now }: { readonly single: boolean; readonly now: number },
): string => {
  const all = groups.flatMap(({ objects }) => objects)
  const data: unknown = single ? all[0] : { apiVersion, kind: 'List', items: all }
  switch (format) {
    case 'json':
      return toJson(data)
    case 'yaml':
      return toYaml(data)
    case 'name':
      return all.map(({ kind, metadata }) => `${showReference({ kind, name: metadata.name })}\n`).join('')
    case 'wide':
    case 'table':
      return groups
        .filter(({ objects }) => objects.length > 0)
        .map(({ kind, objects }) => formatTable(rowsOfAny(objects, kind, { wide: format === 'wide', now })))
        .join('\n')
  }
}
