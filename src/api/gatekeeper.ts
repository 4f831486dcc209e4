import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { ApiObjects, Backend } from './backend.ts'
import { jsonBody, leaveBody } from './body.ts'
import { explain } from './conditions.ts'
import type { ApiContext } from './context.ts'
import { ApiError } from './errors.ts'
import type { Onboard } from './upload.ts'
import { uuidOf } from './uuid.ts'
import { waitForReady, waitUntilGone, type WaitEnd } from './wait.ts'
import type { Services } from './services.ts'

type Package = ApiObjects['Package']
type Instance = ApiObjects['ServiceInstance']

const reference = z.string().nullish()
const startBody = z.object({ service_uuid: reference })
const stopBody = z.object({ service_uuid: reference, service_instance_uuid: reference })

const serviceUuid = ({ spec }: Package): string => uuidOf(`package/${spec.digest}`)
const instanceUuid = ({ metadata }: Instance): string => uuidOf(`instance/${metadata.name}`)

const packagePaths = ['/packages', '/api/v2/packages']
const instantiationPaths = ['/instantiations', '/api/v2/instantiations', '/api/v2/requests']
const notFound = '"Service not found"\n'

/** Calls of the service gatekeeper that scripts know; files stay the one truth behind them. */
export const gatekeeperRoutes = (app: FastifyInstance, context: ApiContext): void => {
  const { backend, gatekeeper, services } = context

  const sendText = (reply: FastifyReply, code: number, json: string): FastifyReply =>
    reply.code(code).type('application/json; charset=utf-8').send(json)

  for (const path of packagePaths) {
    app.get(path, async () => ({ service_uuid_list: (await backend.list('Package')).map(serviceUuid) }))
  }

  for (const path of instantiationPaths) {
    app.get(path, async () => {
      const packages = await backend.list('Package')
      const instances = await backend.list('ServiceInstance')
      return {
        service_instantiations_list: packages.map((each) =>
          instances.filter((instance) => services.isOf(instance, each)).map(instanceUuid),
        ),
      }
    })

    app.post(path, async (request, reply) => {
      const { service_uuid: wanted } = jsonBody(request, startBody)
      const found = choose(await backend.list('Package'), wanted, serviceUuid)
      if (found === undefined) return sendText(reply, 404, notFound)
      const name = await services.start(found)
      request.audit.objects = [`ServiceInstance/${name}`]
      const end = await waitForReady(backend, name, { timeoutMs: gatekeeper.waitMs, signal: closed(reply) })
      const answer = { service_instance_uuid: uuidOf(`instance/${name}`) }
      if (end.end === 'reached') return reply.code(201).send(answer)
      return reply.code(end.end === 'timeout' ? 504 : 500).send({ ...answer, error: whyNot(name, end) })
    })

    app.delete(path, async (request, reply) => {
      const wanted = jsonBody(request, stopBody)
      const instance = await chooseInstance(backend, services, wanted.service_uuid, wanted.service_instance_uuid)
      if (instance === undefined) return sendText(reply, 404, notFound)
      const { name } = instance.metadata
      request.audit.objects = [`ServiceInstance/${name}`]
      await backend.delete('ServiceInstance', name)
      const end = await waitUntilGone(backend, name, { timeoutMs: gatekeeper.waitMs, signal: closed(reply) })
      if (end.end !== 'reached') {
        throw new ApiError('TIMEOUT', `${name} is stopping, but not gone yet`, {
          next: `sonctl wait instance/${name} --for=delete`,
        })
      }
      return sendText(
        reply,
        200,
        `${JSON.stringify(`service instance with uuid '${instanceUuid(instance)}' stopped.`)}\n`,
      )
    })
  }

  app.put('/emulator/exit', async (_request, reply) => {
    await backend.exit()
    return sendText(reply, 200, 'null\n')
  })
}

/** `POST /packages`: within the scope whose bodies stream to a file. */
export const gatekeeperUploads = (scope: FastifyInstance, take: Onboard, context: ApiContext): void => {
  const { backend, gatekeeper, log, services } = context

  /** What the switches auto-delete and auto-deploy ask for. */
  const afterUpload = async (uploaded: Package): Promise<void> => {
    if (gatekeeper.autoDelete) {
      const running = await backend.list('ServiceInstance')
      for (const { metadata } of running) await backend.delete('ServiceInstance', metadata.name)
      const options = { timeoutMs: gatekeeper.waitMs, signal: new AbortController().signal }
      const ends = await Promise.all(running.map(({ metadata }) => waitUntilGone(backend, metadata.name, options)))
      if (ends.some(({ end }) => end !== 'reached'))
        throw new ApiError('TIMEOUT', 'what ran before has not ended in time; nothing was started')
    }
    if (gatekeeper.autoDeploy) await services.start(uploaded)
  }

  for (const path of packagePaths) {
    scope.post(path, async (request, reply) => {
      // What has been onboarded stays so, and is told, also where what was to follow it fails.
      let known: { service_uuid: string | null; size: number; sha1: string | null } = {
        service_uuid: null,
        size: 0,
        sha1: null,
      }
      try {
        const uploaded = await take(request)
        const { size, sha1 } = uploaded.spec
        known = { service_uuid: serviceUuid(uploaded), size, sha1 }
        await afterUpload(uploaded)
        return await reply.code(201).send({ ...known, error: null })
      } catch (error) {
        // The predecessor told every failure as a 500 of this shape; scripts look at `error`.
        log.warn('package upload failed', { cause: error })
        const told = error instanceof ApiError ? error.message : 'upload failed'
        request.audit.error = { code: error instanceof ApiError ? error.code : 'INTERNAL', message: told }
        leaveBody(request, reply)
        return reply.code(500).send({ ...known, error: told })
      }
    })
  }
}

/** The one with that uuid; the newest (last) when none was named. */
const choose = <T>(items: readonly T[], wanted: string | null | undefined, uuid: (item: T) => string): T | undefined =>
  wanted === undefined || wanted === null || wanted === 'latest'
    ? items.at(-1)
    : items.find((item) => uuid(item) === wanted)

const chooseInstance = async (
  backend: Backend,
  services: Services,
  service: string | null | undefined,
  instance: string | null | undefined,
): Promise<Instance | undefined> => {
  const instances = [...(await backend.list('ServiceInstance'))].sort((left, right) =>
    left.metadata.creationTimestamp.localeCompare(right.metadata.creationTimestamp),
  )
  const isNamed = service !== undefined && service !== null && service !== 'latest'
  const packages = await backend.list('Package')
  const owner = isNamed ? packages.find((each) => serviceUuid(each) === service) : undefined
  if (isNamed && owner === undefined) return undefined
  const candidates = owner === undefined ? instances : instances.filter((each) => services.isOf(each, owner))
  return choose(candidates, instance, instanceUuid)
}

const closed = (reply: FastifyReply): AbortSignal => {
  const controller = new AbortController()
  reply.raw.once('close', () => controller.abort())
  return controller.signal
}

const whyNot = (name: string, end: Exclude<WaitEnd, { end: 'reached' }>): string => {
  const reasons = end.object === undefined ? ['it has been removed'] : explain(end.object)
  const how = end.end === 'timeout' ? 'is not up yet' : 'did not come up'
  return `${name} ${how}: ${reasons.join('; ')}`
}
