import { extname } from 'node:path'

export type FileKind = 'manifest' | 'package'

const kinds: ReadonlyMap<string, FileKind> = new Map([
  ['.yaml', 'manifest'],
  ['.yml', 'manifest'],
  ['.json', 'manifest'],
  ['.son', 'package'],
  ['.tgo', 'package'],
])

/**
 * Names of files and folders that are never looked at: hidden ones, and what editors put beside a file while they save it.
 * `4913` is the file by which vim tries whether it may write; `___jb_` marks the copies of JetBrains' editors.
 */
export const isIgnored = (name: string): boolean =>
  name.startsWith('.') ||
  name.endsWith('~') ||
  name === '4913' ||
  /\.sw.$/.test(name) ||
  /^#.*#$/.test(name) ||
  name.includes('___jb_') ||
  name.endsWith('.tmp')

/** What a file of this name would hold; undefined when it is none of ours. */
export const fileKind = (name: string): FileKind | undefined => (isIgnored(name) ? undefined : kinds.get(extname(name)))
