import { StringDecoder } from 'node:string_decoder'

/**
 * Cuts a byte stream into JSON texts. OVSDB puts no delimiter between messages (RFC 7047 §4): a message ends where its
 * outermost bracket closes.
 */
export interface JsonSplitter {
  /** The texts that are complete with this chunk. Throws when a message is longer than allowed or is not an object. */
  push(chunk: Uint8Array): string[]
}

const quote = 0x22
const backslash = 0x5c
const opening = new Set([0x7b, 0x5b])
const closing = new Set([0x7d, 0x5d])
const space = new Set([0x20, 0x09, 0x0a, 0x0d])

export const createJsonSplitter = (maxLength = 256 * 1024 * 1024): JsonSplitter => {
  const decoder = new StringDecoder('utf8')
  let parts: string[] = [] // of a message whose end has not come yet
  let length = 0
  let depth = 0
  let inString = false
  let escaped = false

  return {
    push(chunk) {
      const text = decoder.write(chunk)
      const messages: string[] = []
      let start = 0
      for (let index = 0; index < text.length; index += 1) {
        const code = text.charCodeAt(index)
        if (inString) {
          if (escaped) escaped = false
          else if (code === backslash) escaped = true
          else if (code === quote) inString = false
        } else if (opening.has(code)) depth += 1
        else if (closing.has(code)) {
          depth -= 1
          if (depth < 0) throw new SyntaxError('a bracket closes that was never opened')
          if (depth > 0) continue
          messages.push(parts.join('') + text.slice(start, index + 1))
          parts = []
          length = 0
          start = index + 1
        } else if (depth === 0) {
          if (!space.has(code)) throw new SyntaxError('text between messages')
          start = index + 1
        } else if (code === quote) inString = true
      }
      const rest = text.slice(start)
      if (rest !== '') {
        parts.push(rest)
        length += rest.length
        if (length > maxLength) throw new RangeError(`a message is longer than ${maxLength} characters`)
      }
      return messages
    },
  }
}
