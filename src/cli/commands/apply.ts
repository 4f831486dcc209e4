import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { ApiObjects } from '../../api/backend.ts'
import type { AppliedAnswer } from '../../api/objects.ts'
import { apiRoot } from '../../api/paths.ts'
import { ApiRefusal, diagnosticLines, type Client } from '../client.ts'
import type { CliContext } from '../context.ts'
import { errorLines, type ExitCode } from '../errors.ts'
import { findSources, isPackageFile, readSource, type Source } from '../sources.ts'
import { showReference, type Reference } from '../reference.ts'
import { waitForOne } from './wait.ts'

export interface ApplyOptions {
  readonly files: readonly string[]
  readonly dryRun: boolean
  /** Until what was applied is ready. */
  readonly wait: boolean
  readonly timeoutMs: number
}

/** Each file on its own: one that is refused does not stop the others. Packages go first, manifests may name them. */
export const apply = async (context: CliContext, options: ApplyOptions): Promise<ExitCode> => {
  const { io } = context
  const api = await context.client()
  const sources = await findSources(options.files, io)
  const packages = sources.filter(({ file }) => isPackageFile(file))
  const manifests = sources.filter(({ file }) => !isPackageFile(file))
  const instances: Reference[] = []
  const failures: string[] = []
  const attempt = async (source: Source, action: () => Promise<void>): Promise<void> => {
    try {
      await action()
    } catch (error) {
      if (!(error instanceof ApiRefusal) && sources.length === 1) throw error
      failures.push(source.file)
      tellRefusal(context, source.file, error)
    }
  }
  for (const source of packages) {
    await attempt(source, async () => {
      if (options.dryRun) io.out(`package ${source.file} would be uploaded\n`)
      else io.out(`package/${(await upload(api, source)).metadata.name} onboarded\n`)
    })
  }
  for (const source of manifests) {
    await attempt(source, async () => {
      for (const applied of await send(api, source, options.dryRun)) {
        const { kind, name, action } = applied
        io.out(`${showReference({ kind, name })} ${action}${options.dryRun ? ' (dry run)' : ''}\n`)
        if (applied.diff !== undefined) io.out(applied.diff.text)
        if (kind === 'ServiceInstance') instances.push({ kind, name })
      }
    })
  }
  if (failures.length > 0) return 1
  if (!options.wait || options.dryRun) return 0
  const goal = { kind: 'condition', type: 'Ready', status: 'True' } as const
  const { timeoutMs } = options
  const ends = await Promise.all(instances.map((each) => waitForOne(context, api, each, { goal, timeoutMs })))
  return ends.every(Boolean) ? 0 : 1
}

/** One file's manifests, written by the daemon or, in a dry run, only looked at. */
export const send = async (api: Client, source: Source, dryRun: boolean): Promise<readonly AppliedAnswer[]> => {
  const { items } = await api.json<{ items: AppliedAnswer[] }>(`${apiRoot}/manifests`, {
    method: 'POST',
    body: (await readSource(source)).toString('utf8'),
    headers: { 'content-type': 'application/yaml' },
    query: { dryRun: dryRun ? '1' : undefined },
  })
  return items
}

/** Every reason with its place in the user's file, or the error as it is. */
export const tellRefusal = ({ io }: CliContext, file: string, error: unknown): void => {
  if (error instanceof ApiRefusal && error.diagnostics.length > 0) io.err(diagnosticLines(error.diagnostics, file))
  else io.err(`${file}: ${errorLines(error)}`)
}

const upload = async (api: Client, source: Source): Promise<ApiObjects['Package']> =>
  api.json(`${apiRoot}/packages`, {
    method: 'POST',
    body: source.file === '<stdin>' ? Readable.from([await readSource(source)]) : createReadStream(source.file),
    headers: { 'content-type': 'application/octet-stream' },
    query: { name: basename(source.file) },
  })
