import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentialsFrom } from '../../src/engine/docker/credentials.ts'
import { createScriptRecords } from '../../src/engine/docker/script-records.ts'
import { must, parseContainerName, parseImageRef } from '../../src/model/names.ts'
import { loadRecords, serialize } from '../../src/store/load.ts'
import { recordShapes, type RecordKind } from '../../src/store/records.ts'
import { type OpenTargets, type Target, bytesOf, promise } from './target.ts'

const samples: Readonly<Partial<Record<RecordKind, unknown>>> = {
  tombstones: { key: 'ServiceInstance/demo', deletedAt: '2026-01-01T00:00:00Z', file: 'a.yaml', generation: 1 },
  histories: { restarts: 1, crashes: 1, startedAt: '', nextStart: '', reason: 'it crashed' },
}

const image = must(parseImageRef('r.example/fw:1'), 'r.example/fw:1')
const container = must(parseContainerName('sond.demo.0.fw.0'), 'sond.demo.0.fw.0')

const docker = JSON.stringify({
  auths: { 'r.example': { auth: 'dXNlcjpwYXNz', identitytoken: '' } },
  credHelpers: {},
})

const scripts = JSON.stringify({
  startedAt: 'x',
  scripts: { start: { execId: 'e', run: 'done', exitCode: 0, output: '' } },
})

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** Files of the state directory and of Docker's settings, which a crash, a full disk or a person may have damaged. */
export const openStateTargets = async (): Promise<OpenTargets> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-fuzz-'))
  const state = join(directory, 'state')
  const records: Target = {
    name: 'state-files',
    seeds: Object.entries(samples).map(([kind, value]) => bytesOf(serialize(kind as RecordKind, 'demo', value))), // keys of the samples
    run: async (input) => {
      for (const kind of Object.keys(samples)) {
        await mkdir(join(state, kind), { recursive: true })
        await writeFile(join(state, kind, 'x.json'), input)
      }
      const loaded = await loadRecords(state, silent)
      // Object.entries forgets which keys there are.
      const shapes = Object.entries(recordShapes) as [RecordKind, (value: unknown) => boolean][]
      for (const [kind, shape] of shapes)
        for (const value of loaded[kind].values()) promise(shape(value), () => `a record of ${kind} has another form`)
    },
  }
  const settings: Target = {
    name: 'docker-settings',
    seeds: [bytesOf(docker), bytesOf(scripts)],
    run: async (input) => {
      // A helper would be a program: which one is run is for the settings' owner to say, and not tried here.
      if (Buffer.from(input).includes('cred') && !Buffer.from(input).includes('"credHelpers":{}')) return
      await writeFile(join(directory, 'config.json'), input)
      const { signal } = new AbortController()
      const found = await credentialsFrom(join(directory, 'config.json'))(image, signal)
      promise(
        found === undefined || ('username' in found && typeof found.username === 'string'),
        () => 'credentials without a user',
      )
      await writeFile(join(directory, `${container}.json`), input)
      const record = await createScriptRecords(directory).get(container)
      promise(record === undefined || typeof record.startedAt === 'string', () => 'a record without its run')
    },
  }
  return { targets: [records, settings], close: () => rm(directory, { recursive: true, force: true }) }
}
