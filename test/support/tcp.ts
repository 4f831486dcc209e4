import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { TestEngines } from './engines.ts'

/** TCP, and UDP, between containers whose images have nothing for it: this process's Node, in their network namespaces. */

/** Where servers listen. */
export const servicePort = '7000'

const program = async (
  t: Test,
  engines: TestEngines,
  container: string,
  ...command: readonly string[]
): Promise<(request?: string) => Promise<string>> => {
  const { State } = await engines.docker.getContainer(container).inspect()
  const [file = '', ...args] = command
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn('nsenter', ['-t', String(State.Pid), '-n', process.execPath, path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (request) => {
    if (request !== undefined) child.stdin.write(`${request}\n`)
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`${file} in ${container} has ended`)
    return value
  }
}

export const serveTcp = async (t: Test, engines: TestEngines, container: string): Promise<void> => {
  const ask = await program(t, engines, container, 'tcp-server.ts', servicePort)
  await ask()
}

export interface TcpClient {
  /** One connection with so many exchanges; whether all came back. */
  talk(rounds: number): Promise<boolean>
  /** Opens connections that go on exchanging. */
  hold(count: number): Promise<void>
  /** The same with UDP. */
  datagrams(count: number): Promise<void>
  /** Exchanges of each held connection so far, in the order they were opened; -1 = it broke. */
  report(): Promise<readonly number[]>
}

export const startTcpClient = async (
  t: Test,
  engines: TestEngines,
  container: string,
  host: string,
): Promise<TcpClient> => {
  const ask = await program(t, engines, container, 'tcp-client.ts', host, servicePort)
  return {
    talk: async (rounds) => (await ask(`talk ${rounds}`)) === 'true',
    hold: async (count) => {
      if ((await ask(`hold ${count}`)) !== String(count)) throw new Error('not every connection came up')
    },
    datagrams: async (count) => {
      await ask(`datagrams ${count}`)
    },
    report: async () => JSON.parse(await ask('report')) as readonly number[], // the client's own answer
  }
}
