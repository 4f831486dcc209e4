/** A parser as something that bytes can be thrown at. */
export interface Target {
  readonly name: string
  /** Inputs that the parser takes, to begin from. */
  readonly seeds: readonly Uint8Array[]
  /**
   * Settles for every input. Errors that the parser declares are caught here; whatever else it throws, and every promise that
   * it breaks, is a finding.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>
}

export interface OpenTargets {
  readonly targets: readonly Target[]
  readonly close: () => Promise<void>
}

/** What a target throws when a parser answered with something that it promises never to answer. */
export class BrokenPromiseError extends Error {}

export const promise = (kept: boolean, what: () => string): void => {
  if (!kept) throw new BrokenPromiseError(what())
}

export const textOf = (input: Uint8Array): string => new TextDecoder().decode(input)

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Runs `work`; an error that `isDeclared` is an answer too. */
export const tolerate = (isDeclared: (error: unknown) => boolean, work: () => void): void => {
  try {
    work()
  } catch (error) {
    if (!isDeclared(error)) throw error
  }
}

/** JSON values of an input, one a line; lines that are none are left out. */
export const jsonValues = (input: Uint8Array): readonly unknown[] =>
  textOf(input)
    .split('\n')
    .flatMap((line): readonly unknown[] => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })
