import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { apiVersion } from '../model/documents.ts'
import { objectKinds, type AppliedObject, type DefinableKind, type Diff, type ObjectKind } from './backend.ts'
import { queryOf, textBody } from './body.ts'
import type { ApiContext } from './context.ts'
import { apiRoot } from './paths.ts'
import { ApiError } from './errors.ts'
import { isDefinable, kindNames } from './kinds.ts'

const applyQuery = z.object({ dryRun: z.enum(['0', '1', 'true', 'false']).optional() })

const isDryRun = ({ dryRun }: z.output<typeof applyQuery>): boolean => dryRun === '1' || dryRun === 'true'

/** What the API tells of a plan: enough to print and to count; not what an engine is given, which may hold secrets. */
export interface DiffAnswer {
  readonly text: string
  readonly steps: readonly { readonly id: string; readonly kind: string; readonly cause: string }[]
  readonly notices: Diff['plan']['notices']
}

export const diffAnswer = ({ text, plan }: Diff): DiffAnswer => ({
  text,
  steps: plan.steps.map(({ id, kind, cause }) => ({ id, kind, cause })),
  notices: plan.notices,
})

export interface AppliedAnswer extends Omit<AppliedObject, 'diff'> {
  readonly diff?: DiffAnswer
}

const appliedAnswer = ({ diff, ...rest }: AppliedObject): AppliedAnswer => ({
  ...rest,
  ...(diff === undefined ? {} : { diff: diffAnswer(diff) }),
})

/** Lists, single objects, and changes to manifests. */
export const objectRoutes = (app: FastifyInstance, context: ApiContext): void => {
  const { backend } = context

  app.get(apiRoot, () => ({
    apiVersion,
    version: context.version,
    kinds: objectKinds.map((kind) => ({ kind, path: `${apiRoot}/${kindNames[kind].plural}` })),
  }))

  for (const kind of objectKinds) {
    const path = `${apiRoot}/${kindNames[kind].plural}`
    app.get(path, async () => ({ apiVersion, kind: 'List', items: await backend.list(kind) }))
    app.get<{ Params: { name: string } }>(`${path}/:name`, async (request) => {
      const { name } = request.params
      const object = await backend.get(kind, name)
      if (object === undefined) throw notFound(kind, name)
      return object
    })
  }

  app.route({
    method: ['POST', 'PUT'],
    url: `${apiRoot}/manifests`,
    handler: async (request) => {
      const options = { dryRun: isDryRun(queryOf(request, applyQuery)) }
      const items = await backend.apply(manifestText(textBody(request)), options)
      request.audit.objects = items.map(({ kind, name }) => `${kind}/${name}`)
      return { items: items.map(appliedAnswer) }
    },
  })

  for (const kind of objectKinds.filter((each) => isDefinable(each))) definableRoutes(app, context, kind)

  app.delete<{ Params: { name: string } }>(`${apiRoot}/packages/:name`, async (request) => {
    request.audit.objects = [`Package/${request.params.name}`]
    return backend.delete('Package', request.params.name)
  })
}

/** One manifest at its object's own address. */
const definableRoutes = (app: FastifyInstance, { backend }: ApiContext, kind: DefinableKind): void => {
  const path = `${apiRoot}/${kindNames[kind].plural}`

  const applyOne = async (text: string, name: string | undefined, dryRun: boolean): Promise<AppliedAnswer> => {
    const manifest = manifestText(text)
    const planned = await backend.apply(manifest, { dryRun: true })
    const [object] = planned
    if (object === undefined || planned.length > 1 || object.kind !== kind || (name ?? object.name) !== object.name) {
      const found = planned.map((each) => `${each.kind}/${each.name}`).join(', ') || 'nothing'
      throw new ApiError(
        'BAD_REQUEST',
        `the body defines ${found}, not one ${kind}${name === undefined ? '' : ` named ${name}`}`,
        {
          next: `send other manifests to ${apiRoot}/manifests`,
        },
      )
    }
    if (dryRun) return appliedAnswer(object)
    const [applied] = await backend.apply(manifest, { dryRun: false })
    return appliedAnswer(applied ?? object)
  }

  app.post(path, async (request) => {
    const applied = await applyOne(textBody(request), undefined, isDryRun(queryOf(request, applyQuery)))
    request.audit.objects = [`${kind}/${applied.name}`]
    return applied
  })
  app.put<{ Params: { name: string } }>(`${path}/:name`, async (request) => {
    const { name } = request.params
    request.audit.objects = [`${kind}/${name}`]
    return applyOne(textBody(request), name, isDryRun(queryOf(request, applyQuery)))
  })
  app.delete<{ Params: { name: string } }>(`${path}/:name`, async (request) => {
    request.audit.objects = [`${kind}/${request.params.name}`]
    return backend.delete(kind, request.params.name)
  })
}

const notFound = (kind: ObjectKind, name: string): ApiError =>
  new ApiError('NOT_FOUND', `no ${kindNames[kind].singular} named ${JSON.stringify(name)}`, {
    next: `'sonctl get ${kindNames[kind].plural}' lists what is there`,
  })

const manifestText = (text: string): string => {
  if (text.trim() !== '') return text
  throw new ApiError('BAD_REQUEST', 'the body is empty', { next: 'send a manifest in YAML or JSON' })
}
