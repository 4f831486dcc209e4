// What `node bin/sond.js` does. Must load on any Node.js that knows ES modules: its work is to replace an old one.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST_MAJOR = 24
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH']

/**
 * Runs the program `name` ('main', 'cli/main') on a Node.js that can.
 *
 * @param {string} name path of the module below src/ (or dist/), without extension
 */
export async function launch(name) {
  const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))))
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR) {
    await import(pathToFileURL(moduleToRun(root, name)).href)
    return
  }
  const node = join(root, 'node_modules', 'node', 'bin', 'node')
  const script = realpathSync(process.argv[1])
  if (!existsSync(node)) {
    process.stderr.write(
      `${basename(script, '.js')}: needs Node.js ${OLDEST_MAJOR} or newer; this is ${process.versions.node}.\n` +
        `Install Node.js ${OLDEST_MAJOR}; or, in a checkout (${root}), run 'npm ci', which brings its own.\n`,
    )
    process.exitCode = 1
    return
  }
  rerun(node, [script, ...process.argv.slice(2)])
}

// A checkout has src/ and runs it as it is. An installed package has dist/ instead: Node strips no types below node_modules.
function moduleToRun(root, name) {
  const source = join(root, 'src', `${name}.ts`)
  return existsSync(source) ? source : join(root, 'dist', `${name}.js`)
}

function rerun(node, args) {
  if (typeof process.execve === 'function') {
    process.execve(node, [node, ...args], process.env)
  }
  const child = spawn(node, args, { stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  for (const signal of FORWARDED) process.on(signal, forward)
  child.on('error', (error) => {
    process.stderr.write(`${node}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    for (const each of FORWARDED) process.off(each, forward)
    if (signal === null) process.exit(code)
    // Die as the child did, so that whoever waits sees the same signal; an ignored one becomes the shell's 128 + n.
    process.kill(process.pid, signal)
    process.exitCode = 128 + constants.signals[signal]
  })
}
