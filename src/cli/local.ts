import type { ByteSource } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { PackedSource } from '../parse/package-source.ts'

/** What sonctl does without a daemon, by the rules the daemon itself follows. Loaded when needed: most commands are about speed. */
export interface LocalTools {
  /** Everything to say about a manifest or a package. */
  readonly validate: (file: string, source: ByteSource) => Promise<readonly Diagnostic[]>
  /** The package that the files of a directory make. */
  readonly pack: (directory: string, files: ReadonlyMap<string, Uint8Array>) => Promise<PackedSource>
  /** JSON Schema by kind. */
  readonly schemas: () => Promise<Readonly<Record<string, object>>>
}

export const localTools: LocalTools = {
  validate: async (file, source) => (await import('../parse/validate.ts')).validateFile(file, source),
  pack: async (directory, files) => (await import('../parse/package-source.ts')).packSource(directory, files),
  schemas: async () => (await import('../parse/json-schemas.ts')).jsonSchemas(),
}
