import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createChanges } from '../../src/daemon/changes.ts'
import type { View } from '../../src/daemon/view.ts'
import type { Change } from '../../src/api/backend.ts'
import { fileObject } from '../../src/daemon/objects.ts'
import { startDaemonWorld } from './world.ts'

void t.test('files that come together are told each, and listed once for all of them', async (t) => {
  const { backend, board, directory, watcher } = await startDaemonWorld(t)
  let lists = 0
  const none = (): never => {
    throw new Error('not asked for here')
  }
  const list: View['list'] = (kind) => {
    lists += 1

    return (kind === 'File' ? watcher.catalog().files.map(fileObject) : none()) as never // only files change here
  }
  const view: View = {
    ...{ leaving: new Map(), list, get: none, object: () => undefined, instance: none, entry: none },
    ...{ fileOf: none, package: none, held: none },
  }
  const told: Change[] = []
  const changes = createChanges(watcher, board, view, new Map(), () => '')
  t.teardown(() => changes.close())
  changes.subscribe((change) => told.push(change))
  const names = Array.from({ length: 50 }, (_, index) => `f${String(index)}.yaml`)
  await Promise.all(names.map((name) => writeFile(join(directory, name), 'kind: [')))
  await watcher.rescan()
  const objects = told.flatMap((change) => (change.type === 'ADDED' ? [change.object.metadata.name] : []))
  t.same(objects.sort(), names.sort())
  t.ok(lists <= 10, `listed ${String(lists)} times`)
  t.equal((await backend.list('File')).length, names.length)
})
