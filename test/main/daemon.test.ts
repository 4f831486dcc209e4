import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { allProcesses } from '../../src/engine/embedded/processes.ts'
import { mayWire } from '../../src/main/engines.ts'
import { until } from '../support/until.ts'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

interface Answer {
  readonly status: number
  readonly body: string
}

/** With a short path: that of a socket has 107 bytes at most. */
const ownDirectory = async (t: Test): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-main-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await mkdir(join(directory, 'manifests'))
  return directory
}

/** A `sond run` of its own directories below the test's. */
const run = (t: Test, directory: string, args: readonly string[]) => {
  const socket = join(directory, 'api.sock')
  const child = spawn(
    process.execPath,
    [
      program,
      'run',
      ...['--manifests', join(directory, 'manifests'), '--state-dir', join(directory, 'state')],
      ...['--run-dir', join(directory, 'run'), '--listen', `unix:${socket}`],
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const over = once(child, 'close').then(() => child.exitCode)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await over
  })
  const get = (path: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      request({ socketPath: socket, path, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      })
        .on('error', reject)
        .end()
    })
  return {
    pid: child.pid,
    log: () => log,
    get,
    answers: () => until('the API', () => get('/healthz').catch(() => undefined), { timeout: 30_000 }),
    /** Resolves with the exit code. */
    end: (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return over
    },
    over,
  }
}

void t.test('runs, ends by a signal, and leaves no lock; another on its state is refused meanwhile', async (t) => {
  const directory = await ownDirectory(t)
  const sond = run(t, directory, ['--engines', 'memory'])
  await sond.answers()
  await until('it to be ready', async () => (await sond.get('/readyz')).status === 200)
  const second = run(t, directory, ['--engines', 'memory', '--listen', `unix:${join(directory, 'other.sock')}`])
  t.equal(await second.over, 2)
  t.match(second.log(), /^sond: .*in use by another sond, process \d+; stop that one first/m)
  t.equal(await sond.end(), 0)
  t.equal(existsSync(join(directory, 'api.sock')), false)
  t.equal(existsSync(join(directory, 'state', 'lock')), false, readdirSync(join(directory, 'state')).join(' '))
})

void t.test('others may write to nothing that it makes, not even to a socket before that has its mode', async (t) => {
  const directory = await ownDirectory(t)
  const before = process.umask(0)
  const sond = run(t, directory, ['--engines', 'memory'])
  process.umask(before)
  await sond.answers()
  t.match(readFileSync(`/proc/${String(sond.pid)}/status`, 'utf8'), /^Umask:\t0002$/m)
})

void t.test('engines that are away: the API is there and says what is waited for; a signal ends it soon', async (t) => {
  const directory = await ownDirectory(t)
  const sond = run(t, directory, [
    ...['--engines', 'host', '--docker-host', `unix://${directory}/no-docker.sock`],
    ...['--ovsdb', `unix:${directory}/no-ovsdb.sock`],
  ])
  await sond.answers()
  const { status, body } = await sond.get('/readyz')
  t.equal(status, 503)
  t.match(body, /not ready: .*engines: (?:waiting for .*switches.* to answer|the engine does not answer)/)
  await until('each to be named, and why', async () =>
    /docker=.*no-docker.sock reason=.*ENOENT.*; .*ovsdb=.*no-ovsdb.sock/.test((await sond.get('/readyz')).body),
  )
  t.equal(await sond.end(), 0)
  t.notMatch(sond.log(), /nobody (?:waited|caught)/)
})

void t.test('asked to end while a program hangs at its start: it ends soon, and the program with it', async (t) => {
  const directory = await ownDirectory(t)
  const marker = `1000.${process.pid}`
  writeFileSync(join(directory, 'genl'), `#!/bin/sh\nexec sleep ${marker}\n`, { mode: 0o755 })
  const path = process.env['PATH']
  process.env['PATH'] = `${directory}:${path ?? ''}`
  const sond = run(t, directory, ['--engines', 'host', '--docker-host', `unix://${directory}/no-docker.sock`])
  process.env['PATH'] = path
  const hangs = async (): Promise<boolean> => (await allProcesses()).some(({ command }) => command.includes(marker))
  await until('the program', hangs)
  const began = performance.now()
  t.equal(await sond.end(), 0, sond.log())
  t.ok(performance.now() - began < 5_000, `${Math.round(performance.now() - began)} ms; the program may take 10 s`)
  t.notOk(await hangs())
  t.notMatch(sond.log(), /nobody (?:waited|caught)|listening/)
})

void t.test('to wire this host needs rights: root has them, and whoever was given as much', async (t) => {
  for (const [mask, may] of [
    ['000001ffffffffff', true],
    ['0000000000201000', true],
    ['0000000000001000', false],
    ['0000000000000000', false],
  ] as const)
    t.equal(mayWire(`Name:\tsond\nCapPrm:\tffffffffffffffff\nCapEff:\t${mask}\nCapBnd:\tffffffffffffffff\n`), may, mask)
  t.equal(mayWire(''), false)
})

void t.test('what it cannot run with is said before anything is started', async (t) => {
  const directory = await ownDirectory(t)
  writeFileSync(join(directory, 'wrong.yaml'), 'kind: SondConfiguration\n')
  const file = (text: string): string => {
    const path = join(directory, 'settings.yaml')
    writeFileSync(path, `apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\nspec: ${text}\n`)
    return path
  }
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['--config', join(directory, 'wrong.yaml')],
      /wrong\.yaml:1:1: apiVersion is missing|wrong\.yaml:1:\d+: apiVersion/,
    ],
    [['--listen', 'tcp:127.0.0.1:0'], /TCP needs a bearer token/],
    [['--listen', 'tcp:0.0.0.0:0', '--insecure-no-auth'], /listens on loopback only/],
    [['--listen', 'nonsense'], /must be unix:\/PATH or tcp:HOST:PORT/],
    [['--config', file(`{saps: {vnfd: ${directory}/none.yml}}`)], /saps\.vnfd: ENOENT.*none\.yml/],
    [['--engines', 'none'], /--engines.*host, embedded, memory/],
    [['--cake'], /unknown option '--cake'/],
    [['cake'], /too many arguments/],
  ]
  const ended = cases.map(async ([args, message]) => {
    const sond = run(t, directory, ['--engines', 'memory', ...args])
    const code = await sond.over
    return { code, log: sond.log(), message }
  })
  for (const { code, log, message } of await Promise.all(ended)) {
    t.equal(code, 2)
    t.match(log, message)
    t.notMatch(log, /^ {4}at /m, 'never a stack')
  }
  t.equal(existsSync(join(directory, 'state')), false)
})
