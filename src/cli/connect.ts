import { readFile } from 'node:fs/promises'
import { createClient, type Client } from './client.ts'
import type { Io } from './io.ts'
import { defaultServer, parseServer } from './server-address.ts'
import { fileError } from './sources.ts'

export interface ConnectOptions {
  readonly server?: string
  readonly tokenFile?: string
}

/** Client for `--server` and `--token-file`, or SOND_SERVER, SOND_TOKEN_FILE and SOND_TOKEN, or the default socket. */
export const connect = async ({ server, tokenFile }: ConnectOptions, { env }: Io): Promise<Client> => {
  const address = parseServer(server ?? nonEmpty(env['SOND_SERVER']) ?? defaultServer)
  const file = tokenFile ?? nonEmpty(env['SOND_TOKEN_FILE'])
  const token = file === undefined ? nonEmpty(env['SOND_TOKEN']) : await readToken(file)
  return createClient(address, token)
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

const readToken = async (file: string): Promise<string> => {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw fileError(file, cause)
  }
}
