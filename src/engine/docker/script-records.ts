import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerName } from '../../model/names.ts'
import type { ScriptName } from './observed.ts'

/** What is known of one script in one run of a container. */
export interface ScriptRun {
  readonly execId: string
  readonly run: 'running' | 'done'
  /** Absent when its end was not seen. */
  readonly exitCode?: number
  readonly output?: string
}

/** The scripts of one run of one container. */
export interface RunRecord {
  /** The run that this is about; another one begins with nothing run. */
  readonly startedAt: string
  readonly scripts: Readonly<Partial<Record<ScriptName, ScriptRun>>>
}

export interface ScriptRecords {
  get(name: ContainerName): Promise<RunRecord | undefined>
  put(name: ContainerName, record: RunRecord): Promise<void>
  remove(name: ContainerName): Promise<void>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const parseRun = (value: unknown): ScriptRun | undefined => {
  if (!isRecord(value) || typeof value['execId'] !== 'string') return undefined
  const { execId, run, exitCode, output } = value
  return {
    execId,
    run: run === 'running' ? 'running' : 'done',
    ...(typeof exitCode === 'number' ? { exitCode } : {}),
    ...(typeof output === 'string' ? { output } : {}),
  }
}

const parseRecord = (text: string): RunRecord | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    if (!isRecord(value) || typeof value['startedAt'] !== 'string' || !isRecord(value['scripts'])) return undefined
    const start = parseRun(value['scripts']['start'])
    const stop = parseRun(value['scripts']['stop'])
    return {
      startedAt: value['startedAt'],
      scripts: { ...(start === undefined ? {} : { start }), ...(stop === undefined ? {} : { stop }) },
    }
  } catch {
    return undefined
  }
}

/** One small JSON file per container that has run a script, written atomically, read once. */
export const createScriptRecords = (directory: string): ScriptRecords => {
  const known = new Map<string, Promise<RunRecord | undefined>>()
  /** Writes of one name, one after the other. */
  const writes = new Map<string, Promise<void>>()
  const fileOf = (name: string): string => join(directory, `${name}.json`)

  const inTurn = (name: string, work: () => Promise<void>): Promise<void> => {
    const next = (writes.get(name) ?? Promise.resolve()).then(work)
    const settled = next.catch(() => undefined)
    writes.set(name, settled)
    void settled.then(() => {
      if (writes.get(name) === settled) writes.delete(name)
    })
    return next
  }

  return {
    get: (name) => {
      const there = known.get(name)
      if (there !== undefined) return there
      const read = readFile(fileOf(name), 'utf8').then(parseRecord, () => undefined)
      known.set(name, read)
      return read
    },
    put: (name, record) => {
      known.set(name, Promise.resolve(record))
      return inTurn(name, async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        const half = `${fileOf(name)}.tmp`
        await writeFile(half, `${JSON.stringify(record)}\n`, { mode: 0o600 })
        await rename(half, fileOf(name))
      })
    },
    remove: (name) => {
      known.delete(name)
      return inTurn(name, () => rm(fileOf(name), { force: true }))
    },
  }
}
