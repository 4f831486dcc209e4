// Branch coverage of the pure folders, which the unit tests must reach in full: there is no I/O to excuse a branch nobody tried.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { z } from 'zod'

/** Folders below src/ whose every branch a unit test takes. */
const PURE_FOLDERS = ['model', 'parse', 'desired', 'plan', 'status']

const location = z.object({ start: z.object({ line: z.number() }) })
/** The part of Istanbul's coverage-final.json that is read here: per branch its place, and per arm the times it was taken. */
const istanbul = z.record(
  z.string(),
  z.object({
    branchMap: z.record(z.string(), z.object({ loc: location })),
    b: z.record(z.string(), z.array(z.number())),
  }),
)

export interface FileCoverage {
  /** Path relative to the project. */
  readonly file: string
  readonly covered: number
  readonly total: number
  /** Lines where a branch starts that was never taken; empty for a file no test loads. */
  readonly missing: readonly number[]
  readonly loaded: boolean
}

/**
 * Reads what processes started with NODE_V8_COVERAGE=`v8Directory` left there.
 *
 * @param root the project's directory
 * @param work a directory for the intermediate report
 * @returns one entry per file of the pure folders that has code in it (a file of types alone leaves nothing to run)
 */
export function pureFolderCoverage(root: string, v8Directory: string, work: string): FileCoverage[] {
  const include = PURE_FOLDERS.map((folder) => `--include=src/${folder}/**`)
  const c8 = join(root, 'node_modules', 'c8', 'bin', 'c8.js')
  const args = ['report', '--reporter=json', `--temp-directory=${v8Directory}`, `--reports-dir=${work}`, ...include]
  const { status, stderr } = spawnSync(process.execPath, [c8, ...args], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`c8 report failed: ${stderr}`)
  const report = istanbul.parse(JSON.parse(readFileSync(join(work, 'coverage-final.json'), 'utf8')))
  return globSync(`src/{${PURE_FOLDERS.join(',')}}/**/*.ts`, { cwd: root })
    .sort()
    .filter((file) => hasCode(join(root, file)))
    .map((file) => fileCoverage(file, report[join(root, file)]))
}

function fileCoverage(file: string, entry: z.infer<typeof istanbul>[string] | undefined): FileCoverage {
  if (entry === undefined) return { file, covered: 0, total: 1, missing: [], loaded: false }
  const arms = Object.entries(entry.b).flatMap(([id, counts]) =>
    counts.map((count) => ({ count, line: entry.branchMap[id]?.loc.start.line ?? 0 })),
  )
  const untaken = arms.filter(({ count }) => count === 0)
  const missing = [...new Set(untaken.map(({ line }) => line))].sort((a, b) => a - b)
  return { file, covered: arms.length - untaken.length, total: arms.length, missing, loaded: true }
}

// Types, imports and exports of types and comments run nothing.
function hasCode(path: string): boolean {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ESNext, verbatimModuleSyntax: true, removeComments: true },
  })
  return /\S/.test(outputText.replace(/export\s*\{\s*\};?/g, ''))
}
