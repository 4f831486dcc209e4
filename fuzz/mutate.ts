import type { Chance } from './chance.ts'

/** What inputs are made of besides what is in them already. */
export interface Stock {
  readonly words: readonly string[]
  /** Another input that was worth keeping. */
  readonly other: () => Buffer
}

/** Words that have undone parsers before. */
const troublemakers: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '<<',
    '&a ',
    '*a',
    '!!str ',
    '!!binary ',
    '!<x> ',
    '---\n',
    '...\n',
  ],
  ...[
    '\0',
    '\ufeff',
    '\r\n',
    '\r',
    '\t',
    '\u2028',
    '\u202e',
    '\u001b[2J',
    '\ud800',
    'é',
    'e\u0301',
    '\u{1f600}',
    '\u00a0',
  ],
  ...[
    '../',
    '/../../etc/passwd',
    '/etc/passwd',
    '//',
    './',
    'C:\\',
    '-',
    '--',
    '-v/:/host',
    '$(id)',
    '`id`',
    ';id;',
    '|',
    "'",
    '"',
    '\\',
    '%2e%2e%2f',
    '%00',
  ],
  ...[
    'NaN',
    'Infinity',
    '-1',
    '0',
    '1e999',
    '0x7fffffff',
    '9007199254740993',
    '4294967296',
    '-0',
    '1.7976931348623159e308',
    'null',
    '~',
    'true',
    '[]',
    '{}',
  ],
  ...[
    'PK\u0003\u0004',
    'PK\u0001\u0002',
    'PK\u0005\u0006',
    'PK\u0006\u0006',
    '|2-\n',
    '>+\n',
    '? ',
    ': ',
    '- ',
    '# ',
    '[[[[[[[[',
    '{{{{{{{{',
    ',,,,',
  ],
]

const longest = 64 * 1024

type Change = (input: Buffer, chance: Chance, stock: Stock) => Buffer

const range = (input: Buffer, chance: Chance, most = 64): readonly [number, number] => {
  const start = chance.below(input.length + 1)
  return [start, Math.min(input.length, start + 1 + chance.below(most))]
}

const replaced = (input: Buffer, start: number, end: number, by: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, start), by, input.subarray(end)])

const word = (chance: Chance, { words }: Stock): Buffer => {
  const all = chance.below(2) === 0 || words.length === 0 ? troublemakers : words
  return Buffer.from(all[chance.below(all.length)] ?? '')
}

/** Where a line begins and ends, its end included. */
const line = (input: Buffer, chance: Chance): readonly [number, number] => {
  const at = chance.below(input.length + 1)
  const start = at === 0 ? 0 : input.lastIndexOf(10, at - 1) + 1
  const end = input.indexOf(10, at)
  return [start, end < 0 ? input.length : end + 1]
}

const changes: readonly [Change, ...Change[]] = [
  (input, chance) => {
    const copy = Buffer.from(input)
    if (copy.length > 0) {
      const at = chance.below(copy.length)
      copy[at] = (copy[at] ?? 0) ^ (1 << chance.below(8))
    }
    return copy
  },
  (input, chance) => replaced(input, ...range(input, chance, 1), Buffer.from([chance.below(256)])),
  (input, chance) => replaced(input, ...range(input, chance), new Uint8Array()),
  (input, chance) => {
    const [start, end] = range(input, chance)
    return replaced(input, end, end, input.subarray(start, end))
  },
  (input, chance) => {
    const [start, end] = range(input, chance, 16)
    const times = 2 ** (1 + chance.below(10))
    return replaced(input, start, end, Buffer.concat(Array.from({ length: times }, () => input.subarray(start, end))))
  },
  (input, chance, stock) => {
    const [start] = range(input, chance)
    return replaced(input, start, start, word(chance, stock))
  },
  (input, chance, stock) => replaced(input, ...range(input, chance, 16), word(chance, stock)),
  (input, chance, stock) => {
    const other = stock.other()
    const [start, end] = range(other, chance, 512)
    const [at, until] = range(input, chance)
    return replaced(input, at, chance.below(2) === 0 ? at : until, other.subarray(start, end))
  },
  (input, chance) => replaced(input, ...line(input, chance), new Uint8Array()),
  (input, chance) => {
    const [start, end] = line(input, chance)
    const [at] = line(input, chance)
    return replaced(input, at, at, input.subarray(start, end))
  },
  (input, chance) => {
    const [start] = line(input, chance)
    return replaced(input, start, start, Buffer.from(' '.repeat(1 + chance.below(4))))
  },
  // The value of a `key: value`.
  (input, chance, stock) => {
    const [start, end] = line(input, chance)
    const colon = input.indexOf(': ', start)
    return colon < 0 || colon >= end
      ? input
      : replaced(input, colon + 2, Math.max(colon + 2, end - 1), word(chance, stock))
  },
  // Sizes and offsets.
  (input, chance) => {
    if (input.length < 4) return input
    const copy = Buffer.from(input)
    const value = chance.pick([0, 1, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 0x80000000, input.length])
    const at = chance.below(copy.length - 3)
    if (chance.below(2) === 0) copy.writeUInt16LE(value & 0xffff, at)
    else copy.writeUInt32LE(value >>> 0, at)
    return copy
  },
  (input, chance) => input.subarray(0, chance.below(input.length + 1)),
]

/** The input with one to eight changes. */
export const mutate = (input: Buffer, chance: Chance, stock: Stock): Buffer => {
  let made = input
  for (let left = 2 ** chance.below(4); left > 0; left -= 1) made = chance.pick(changes)(made, chance, stock)
  return Buffer.from(made.subarray(0, longest))
}
