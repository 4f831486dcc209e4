import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Io } from './io.ts'
import { localTools } from './local.ts'
import { runCli } from './run.ts'

// The process: standard streams, interruption, exit code. Everything else is in runCli.

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())

// `sonctl get ... | head` closes our output early: that is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}

const io: Io = {
  out: (chunk) => void process.stdout.write(chunk),
  err: (chunk) => void process.stderr.write(chunk),
  stdin: () => text(process.stdin),
  env: process.env,
  now: () => Date.now(),
  signal: interrupted.signal,
}

const ownVersion = (): string => {
  // package.json lies beside src/ in a checkout and beside dist/ where it is installed.
  const found: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown'
}

// Set, not exit(): what is written to a pipe must still get there.
process.exitCode = await runCli(process.argv.slice(2), { io, version: ownVersion(), tools: localTools })
