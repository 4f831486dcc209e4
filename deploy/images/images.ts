import { join } from 'node:path'

/** An image that is made without a registry: programs of this machine with the libraries they need, and files from a folder. */
export interface ExampleImage {
  readonly name: string
  /** Folder whose files are put into the image as they lie. */
  readonly folder: string
  /** Dynamically linked programs of this machine, by command name; they get their libraries along. */
  readonly programs: readonly string[]
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What the examples under manifests/ run. Raise the tag when the content changes: containers run on with the old one. */
export const exampleImages: readonly ExampleImage[] = [
  {
    name: 'sond-example/host:1',
    folder: join(import.meta.dirname, 'host'),
    programs: ['ip'],
    command: ['/sbin/host'],
    env: { SON_EMU_CMD: '/sbin/routes' },
  },
  {
    name: 'sond-example/firewall:1',
    folder: join(import.meta.dirname, 'firewall'),
    programs: ['nft'],
    command: ['/sbin/firewall'],
    env: { ALLOW: '80', SON_EMU_CMD_STOP: '/sbin/save-counters' },
  },
]
