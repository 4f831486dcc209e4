// Makes dist/ for the npm package: Node.js runs no TypeScript below node_modules, so what is installed there is JavaScript.
// Development never needs this. Files of src/ that are not TypeScript (dashboard, helpers) are copied beside their users.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

rmSync(target, { recursive: true, force: true })
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
if (status === 0) {
  cpSync(source, target, {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || !/\.(ts|md)$/.test(path),
  })
}
process.exitCode = status ?? 1
