// `npm run check`: everything that can be said about the code without running it. Prints one line per tool, and a tool's own
// output when it objects.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import pLimit from 'p-limit'

const root = join(import.meta.dirname, '..')

// The slowest first, so that the others fill the gaps.
const TOOLS: readonly { readonly name: string; readonly command: string; readonly args: readonly string[] }[] = [
  { name: 'lint', command: 'eslint', args: ['--max-warnings=0', '.'] },
  { name: 'types', command: 'tsc', args: ['--pretty', 'false'] },
  { name: 'format', command: 'prettier', args: ['--check', '--log-level=warn', '.'] },
  {
    name: 'layers',
    command: 'depcruise',
    args: ['src', 'test', 'bench', 'chaos', 'fuzz', 'deploy'].filter((name) => existsSync(join(root, name))),
  },
  { name: 'dead exports', command: 'knip', args: ['--no-progress', '--no-config-hints'] },
]

async function run(tool: (typeof TOOLS)[number]): Promise<boolean> {
  const started = performance.now()
  const child = spawn(join(root, 'node_modules', '.bin', tool.command), tool.args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: '0' },
  })
  const exit = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [code, out, err] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const passed = code === 0
  process.stdout.write(`check: ${tool.name} ${passed ? 'ok' : 'FAILED'} (${seconds} s)\n`)
  if (!passed) process.stdout.write(`${out}${err}\n`)
  return passed
}

const limit = pLimit(Math.max(2, availableParallelism()))
const results = await Promise.all(TOOLS.map((tool) => limit(() => run(tool))))
process.exitCode = results.every(Boolean) ? 0 : 1
