// Runs the project's tests and ends with one line that says how many assertions passed, failed and were skipped.
//
//   node test/run.ts                      npm run check, then every test
//   node test/run.ts unit|engines         one kind of test, without the check
//   node test/run.ts FILE...              the named test files
//   --no-check                            leave the check out
//   --require-branches                    fail when a pure folder has a branch no unit test takes
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { countAssertions, type Counts } from './counts.ts'
import { pureFolderCoverage } from './coverage.ts'
import { summarizeTap } from './report.ts'

const root = join(import.meta.dirname, '..')
const tap = join(root, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs')

/** Tests that start container and switch engines: everything in these folders. */
const ENGINE_FOLDERS = /^test\/(engine|e2e)\//

interface Suite {
  readonly name: string
  readonly files: readonly string[]
  /** Test files at a time. */
  readonly jobs: number
  /** Seconds a test file may take. */
  readonly timeout: number
  readonly coverage: boolean
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'no-check': { type: 'boolean', default: false },
    'require-branches': { type: 'boolean', default: false },
  },
})

function suites(kinds: readonly string[]): Suite[] {
  const all = globSync('test/**/*.test.ts', { cwd: root }).sort()
  const known: Record<string, Suite> = {
    unit: {
      name: 'unit',
      files: all.filter((file) => !ENGINE_FOLDERS.test(file)),
      jobs: 2,
      timeout: 120,
      coverage: true,
    },
    // Each file of these starts engines of its own and mostly waits for them; more than two at a time starve each other.
    engines: {
      name: 'engines',
      files: all.filter((file) => ENGINE_FOLDERS.test(file)),
      jobs: 2,
      timeout: 300,
      coverage: false,
    },
  }
  if (kinds.length === 0) return Object.values(known)
  const files = kinds.filter((kind) => !(kind in known)).map((file) => relative(root, file))
  const named = kinds.flatMap((kind) => known[kind] ?? [])
  return files.length === 0 ? named : [...named, { name: 'named', files, jobs: 2, timeout: 300, coverage: false }]
}

// node-tap keeps its plugin set built in .tap/; a first run would still use the default set, with its TypeScript compiler.
function buildTap(): void {
  if (existsSync(join(root, '.tap', 'plugins'))) return
  mkdirSync(join(root, '.tap'), { recursive: true })
  spawnSync(process.execPath, [tap, 'build'], { cwd: root, stdio: 'inherit' })
}

function runSuite(suite: Suite, work: string): Counts & { readonly failed: number } {
  const output = join(work, `${suite.name}.tap`)
  const args = [
    'run',
    '--disable-coverage',
    '--allow-empty-coverage', // measured by Node itself, into a directory of this run: see test/coverage.ts
    `--jobs=${suite.jobs}`,
    `--timeout=${suite.timeout}`,
    `--output-file=${output}`,
    // Two runs in one checkout must not erase each other's records.
    `--test-env=_TAPJS_PROCESSINFO_CWD_=${work}`,
    `--reporter=${process.stdout.isTTY ? 'base' : 'silent'}`,
    ...suite.files,
  ]
  const coverage = suite.coverage ? { NODE_V8_COVERAGE: join(work, 'v8') } : {}
  const { status, signal } = spawnSync(process.execPath, [tap, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...coverage },
  })
  const stream = existsSync(output) ? readFileSync(output, 'utf8') : ''
  if (!process.stdout.isTTY) process.stdout.write(`${summarizeTap(stream)}\n`)
  const counts = countAssertions(stream)
  const unexplained = status !== 0 && counts.failed === 0
  if (unexplained) process.stdout.write(`${suite.name}: the test runner itself failed (${signal ?? String(status)})\n`)
  return unexplained ? { ...counts, failed: 1 } : counts
}

/** Prints the pure folders' branch coverage; returns the number of files that lack some. */
function reportCoverage(work: string): number {
  const files = pureFolderCoverage(root, join(work, 'v8'), work)
  const lacking = files.filter(({ covered, total }) => covered < total)
  const sum = (pick: 'covered' | 'total'): number => files.reduce((so, file) => so + file[pick], 0)
  if (files.length === 0) return 0
  process.stdout.write(`\nbranches of the pure folders: ${sum('covered')} of ${sum('total')} taken by unit tests\n`)
  for (const { file, missing, loaded } of lacking) {
    process.stdout.write(
      `  ${file}: ${loaded ? `not taken at line ${missing.join(', ')}` : 'loaded by no unit test'}\n`,
    )
  }
  return lacking.length
}

function main(): number {
  const work = mkdtempSync(join(tmpdir(), 'sond-test-'))
  try {
    let passed = 0
    let failed = 0
    let skipped = 0
    if (positionals.length === 0 && !values['no-check']) {
      const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'check.ts')], { stdio: 'inherit' })
      if (status !== 0) failed += 1
    }
    buildTap()
    for (const suite of suites(positionals)) {
      if (suite.files.length === 0) continue
      process.stdout.write(`\n${suite.name}: ${suite.files.length} test files\n`)
      const counts = runSuite(suite, work)
      passed += counts.passed
      failed += counts.failed
      for (const [word, list] of [
        ['skipped', counts.skipped],
        ['not done yet', counts.todo],
      ] as const) {
        skipped += list.length
        for (const { name, reason } of list) process.stdout.write(`${word}: ${name}: ${reason}\n`)
      }
      if (suite.coverage) {
        const lacking = reportCoverage(work)
        if (values['require-branches']) failed += lacking
      }
    }
    if (passed + failed === 0) process.stdout.write('no test ran\n')
    process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
    return failed > 0 || passed === 0 ? 1 : 0
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

process.exitCode = main()
