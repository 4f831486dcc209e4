import { beyondReason } from './bounds.ts'
import { type Place, type Report, wholeFile } from './report.ts'

/** Bytes of a text file that is still read; genuine descriptors have a hundred kilobytes at most. */
export const maximumTextBytes = 512 * 1024

const marks: readonly { readonly bytes: readonly number[]; readonly encoding: string }[] = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
]

/** What YAML 1.2 §5.1 does not allow in a stream. Surrogates are never left after decoding. */
// eslint-disable-next-line no-control-regex -- finding control characters is what it is for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/

const placeAt = (text: string, offset: number): Place => {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), path: '' }
}

/**
 * Text of a YAML or JSON file: UTF-8, or UTF-16 when a byte order mark says so (YAML 1.2 §5.2). All line ends become `\n`;
 * a lone carriage return is one too (§5.4).
 *
 * @returns undefined after an error has been reported.
 */
export const decodeText = (bytes: Uint8Array, report: Report): string | undefined => {
  if (bytes.length > maximumTextBytes) {
    report.error(wholeFile, 'TOO_LARGE', `the file has ${bytes.length} bytes; at most ${maximumTextBytes} are read`)
    return undefined
  }
  const mark = marks.find((known) => known.bytes.every((byte, index) => bytes[index] === byte))
  const encoding = mark?.encoding ?? 'utf-8'
  const lenient = new TextDecoder(encoding).decode(bytes).replaceAll(/\r\n?/g, '\n')
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    const place = placeAt(lenient, Math.max(0, lenient.indexOf('\ufffd')))
    report.error(place, 'NOT_TEXT', `the bytes here are not ${encoding.toUpperCase()}; save the file as UTF-8`)
    return undefined
  }
  const beyond = beyondReason(lenient)
  if (beyond !== undefined) {
    report.error(placeAt(lenient, beyond.offset), beyond.code, beyond.message)
    return undefined
  }
  const wrong = forbidden.exec(lenient)
  if (wrong === null) return lenient
  const code = lenient.charCodeAt(wrong.index).toString(16).padStart(4, '0').toUpperCase()
  const place = placeAt(lenient, wrong.index)
  report.error(place, 'CONTROL_CHARACTER', `the control character U+${code} is not allowed in YAML; remove it`)
  return undefined
}
