import { open, readdir, readFile, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { bytesInMemory, type ByteSource, keepOpen, type OpenBytes } from '../model/byte-source.ts'
import { readBounded } from '../watch/read.ts'
import { CliError } from './errors.ts'
import { printable } from './format/table.ts'
import type { Io } from './io.ts'

/** A file the user named, or found below a directory the user named. */
export interface Source {
  /** As shown to the user; `<stdin>` for standard input. */
  readonly file: string
  readonly open: () => Promise<OpenBytes>
}

export const readSource = async (source: Source): Promise<Buffer> => {
  await using opened = await source.open()
  return await opened.read(0, opened.size)
}

const manifests = /\.(?:ya?ml|json)$/i
const packages = /\.(?:son|tgo)$/i
// What editors leave behind; the daemon ignores the same.
const leftovers = /^(?:\.|#.*#$|4913$|___jb_)|(?:~|\.sw.|\.tmp)$/

export const isPackageFile = (file: string): boolean => packages.test(file)

const isWanted = (name: string): boolean => !leftovers.test(name) && (manifests.test(name) || packages.test(name))

/** A file that is not read because it is too large, or large and no package: a finding about it, as any other. */
export class FileRefused extends CliError {
  readonly file: string
  readonly code: string
  readonly reason: string

  constructor(file: string, code: string, reason: string) {
    super(`${printable(file)}: ${reason}`)
    this.file = file
    this.code = code
    this.reason = reason
  }
}

/** Files as named, files below directories by what they are called, `-` for standard input; in a stable order. */
export const findSources = async (names: readonly string[], io: Io): Promise<readonly Source[]> => {
  const found: Source[] = []
  for (const name of names) {
    if (name === '-') {
      found.push({
        file: '<stdin>',
        open: async () => keepOpen(bytesInMemory(Buffer.from(await io.stdin())), new AsyncDisposableStack()),
      })
    } else if ((await statOf(name)).isDirectory()) {
      const all = await filesBelow(name)
      const roots = rootsOf(all)
      const below = all.filter((file) => isWanted(basename(file)) && !roots.some((root) => isPartOf(root, file)))
      if (below.length === 0 && roots.length === 0) {
        throw new CliError(`${printable(name)}: no .yaml, .yml, .json or .son file below this directory`)
      }
      found.push(...below.map(fileSource))
    } else {
      found.push(fileSource(name))
    }
  }
  return found
}

const rootsOf = (files: readonly string[]): readonly string[] =>
  files.filter((file) => basename(file) === 'package.yml').map((file) => dirname(file))

/** What `sonctl package` takes of a directory: descriptors are no manifests. */
const isPartOf = (root: string, file: string): boolean =>
  /^(?:package\.yml$|(?:service_descriptors|function_descriptors|docker_files)\/)/.test(relative(root, file))

/** Sources of packages: the directory the user named, and those below it. */
export const findPackageSources = async (name: string): Promise<readonly string[]> =>
  name !== '-' && (await statOf(name)).isDirectory() ? rootsOf(await filesBelow(name)) : []

const fileSource = (file: string): Source => ({
  file,
  open: async () => {
    await using opened = new AsyncDisposableStack()
    try {
      return keepOpen(await bounded(file, opened.use(await open(file))), opened)
    } catch (cause) {
      throw cause instanceof CliError ? cause : fileError(file, cause)
    }
  },
})

/** By the bounds of the daemon. A pipe has no size; it is read to its end. */
const bounded = async (file: string, handle: FileHandle): Promise<ByteSource> => {
  const stats = await handle.stat()
  if (!stats.isFile()) return bytesInMemory(await handle.readFile())
  const read = await readBounded(handle, isPackageFile(file) ? 'package' : 'manifest', stats.size)
  if (read.result === 'bytes') return read.source
  throw new FileRefused(file, read.code, read.message)
}

/** Every file below a directory by its path there; without editors' leftovers and version control. */
export const readTree = async (directory: string): Promise<ReadonlyMap<string, Uint8Array>> => {
  const files = new Map<string, Uint8Array>()
  try {
    for (const path of await filesBelow(directory, /^\.git$|^#.*#$|~$|\.sw.$|\.tmp$/)) {
      files.set(relative(directory, path), await readFile(path))
    }
  } catch (cause) {
    throw fileError(directory, cause)
  }
  return files
}

const filesBelow = async (directory: string, without = leftovers): Promise<readonly string[]> => {
  const entries = await readdir(directory, { withFileTypes: true })
  const sorted = entries.filter(({ name }) => !without.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const files: string[] = []
  for (const entry of sorted) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) files.push(...(await filesBelow(path, without)))
    else if (
      entry.isFile() ||
      (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isFile() === true)
    ) {
      files.push(path)
    }
  }
  return files
}

const statOf = async (file: string): ReturnType<typeof stat> => {
  try {
    return await stat(file)
  } catch (cause) {
    throw fileError(file, cause)
  }
}

/** What a failed file operation means, without the names of system calls. */
export const fileError = (file: string, cause: unknown): CliError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'not allowed to open it',
    EISDIR: 'this is a directory',
    ENOTDIR: 'part of the path is no directory',
    EEXIST: 'it is there already',
    ENOSPC: 'no space is left',
  }
  return new CliError(
    `${printable(file)}: ${known[code] ?? (cause instanceof Error ? cause.message : String(cause))}`,
    { cause },
  )
}
