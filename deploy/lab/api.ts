import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import type { ApiObjects } from '../../src/api/backend.ts'
import { apiRoot } from '../../src/api/paths.ts'

export type Instance = ApiObjects['ServiceInstance']

export interface Api {
  /** True once files and engines have been read in full. */
  ready(): Promise<boolean>
  instance(name: string): Promise<Instance | undefined>
  /** What it is now and after each change, undefined while there is none, until `until` says so. Gives the last. */
  follow(
    name: string,
    timeoutMs: number,
    until: (instance: Instance | undefined) => boolean,
  ): Promise<Instance | undefined>
}

const get = (socketPath: string, path: string, signal?: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, ...(signal === undefined ? {} : { signal }) }, resolve)
    asked.once('error', reject)
    asked.end()
  })

const textOf = async (answer: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += String(part)
  return text
}

export const condition = (instance: Instance | undefined, type: string): string | undefined =>
  instance?.status.conditions.find((each) => each.type === type)?.status

/** Ready for what its manifest says now, not for what it said before. */
export const isReady = (instance: Instance | undefined): boolean =>
  condition(instance, 'Ready') === 'True' && instance?.status.observedGeneration === instance?.metadata.generation

export const createApi = (socketPath: string): Api => {
  const instance = async (name: string): Promise<Instance | undefined> => {
    const answer = await get(socketPath, `${apiRoot}/instances/${name}`)
    const text = await textOf(answer)
    if (answer.statusCode === 404) return undefined
    if (answer.statusCode !== 200) throw new Error(`the daemon answered ${String(answer.statusCode)}: ${text}`)
    return JSON.parse(text) as Instance // the daemon's own type
  }
  return {
    instance,
    ready: async () => {
      const answer = await get(socketPath, '/readyz').catch(() => undefined)
      answer?.resume()
      return answer?.statusCode === 200
    },
    follow: async (name, timeoutMs, enough) => {
      const signal = AbortSignal.timeout(timeoutMs)
      let last: Instance | undefined
      try {
        const path = `${apiRoot}/events?watch=1&only=objects&for=instance/${name}`
        const stream = await get(socketPath, path, signal)
        let type = ''
        for await (const line of createInterface({ input: stream })) {
          if (line.startsWith('event: ')) type = line.slice('event: '.length)
          if (!line.startsWith('data: ')) continue
          if (type === 'SYNC') last = await instance(name)
          else if (type === 'DELETED') last = undefined
          else last = JSON.parse(line.slice('data: '.length)) as Instance // the daemon's own type
          if (enough(last)) {
            stream.destroy()
            return last
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
      const unmet = last?.status.conditions
        .filter(({ type, status }) => status !== 'True' && type !== 'Drifted' && type !== 'Stalled')
        .map(({ type, reason, message }) => `${type}: ${reason}: ${message}`)
      const why = last === undefined ? 'there is no such instance' : (unmet ?? []).join('; ')
      throw new Error(`instance ${name} is not what was waited for (${timeoutMs / 1000} s): ${why}`)
    },
  }
}
