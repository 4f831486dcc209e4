import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../deploy/lab/run.ts'
import type { Arena } from '../arena.ts'
import type { Random } from '../random.ts'
import { type Fault, missed } from './fault.ts'

/** Files that the daemon writes for itself, below its state directory; folders of gates, whose content belongs together, as one. */
const stateFiles = async ({ lab }: Arena): Promise<readonly string[]> => {
  const found: string[] = []
  for (const folder of await readdir(lab.stateDir)) {
    if (folder === 'engines') continue
    const names = await readdir(join(lab.stateDir, folder)).catch(() => [])
    found.push(...names.map((name) => join(lab.stateDir, folder, name)))
  }
  return found.sort()
}

const kill: Fault = {
  name: 'sond killed',
  strike: async ({ lab }, random) => {
    const ms = random.below(1_000)
    await lab.kill()
    await delay(ms)
    await lab.start()
    return `away for ${ms} ms`
  },
}

/** Does something to one of its files, while it runs or between its end and its next start. */
const harm = (name: string, restart: boolean, blow: (path: string) => Promise<unknown>): Fault => ({
  name,
  strike: async (arena: Arena, random: Random) => {
    if (restart) await arena.lab.kill()
    const path = random.pick(await stateFiles(arena))
    if (path !== undefined) await blow(path).catch(() => undefined) // it may have gone by itself
    if (restart) await arena.lab.start()
    return path?.slice(arena.lab.stateDir.length + 1) ?? missed
  },
})

const statOf = async (path: string): Promise<{ readonly size: number; readonly isFile: boolean }> => {
  const found = await stat(path)
  return { size: found.size, isFile: found.isFile() }
}

const cut = async (path: string): Promise<void> => {
  const file = await stat(path)
  const names = file.isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [path]
  for (const name of names) {
    const { size, isFile } = await statOf(name)
    if (isFile) await truncate(name, Math.floor(size / 2))
  }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

const fill: Fault = {
  name: 'state disk full',
  strike: async ({ lab }, random) => {
    const ms = 500 + random.below(2_500)
    const ballast = join(lab.stateDir, 'ballast')
    await writeFile(ballast, '')
    await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096'])
    await delay(ms)
    await rm(ballast)
    return `for ${ms} ms`
  },
}

export const daemonFaults: readonly Fault[] = [
  kill,
  harm('state file cut', false, cut),
  harm('state file deleted', false, remove),
  harm('state file cut at rest', true, cut),
  harm('state file deleted at rest', true, remove),
  {
    name: 'state directory emptied at rest',
    strike: async (arena) => {
      await arena.lab.kill()
      for (const path of await stateFiles(arena)) await remove(path)
      await arena.lab.start()
      return 'all of it'
    },
  },
  fill,
]
