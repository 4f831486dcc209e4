import type { AnyObject } from '../../api/backend.ts'
import { apiRoot } from '../../api/paths.ts'
import type { EventRecord } from '../../model/status.ts'
import type { CliContext } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { describeObject } from '../format/describe.ts'
import { kindPath, objectPath, parseReferences, showReference } from '../reference.ts'
import { usageError } from '../errors.ts'

/** `describe KIND [NAME...]`, `describe KIND/NAME...`: everything about objects, with their events. */
export const describe = async ({ io, client }: CliContext, words: readonly string[]): Promise<ExitCode> => {
  const api = await client()
  const { kind, references } = parseReferences(words)
  if (kind === undefined && references.length === 0)
    throw usageError('name what to describe', 'As in: describe instance/demo.')
  const objects =
    kind !== undefined && references.length === 0
      ? (await api.json<{ items: AnyObject[] }>(kindPath(kind))).items
      : await Promise.all(references.map((reference) => api.json<AnyObject>(objectPath(reference))))
  const texts: string[] = []
  for (const object of objects) {
    const about = showReference({ kind: object.kind, name: object.metadata.name })
    const { items } = await api.json<{ items: EventRecord[] }>(`${apiRoot}/events`, { query: { for: about } })
    texts.push(describeObject(object, items, io.now()))
  }
  io.out(texts.join('\n\n'))
  return 0
}
