import { type LineCounter, type ParsedNode, parseAllDocuments } from 'yaml'

type Documents = ReturnType<typeof parseAllDocuments<ParsedNode>>

/**
 * YAML documents by the library, which recurses for each level.
 *
 * @returns undefined when there was not stack enough; `bounds.ts` keeps texts far below that.
 */
export const parseText = (text: string, lineCounter: LineCounter): Documents | undefined => {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false, // takes quadratic time; done while converting
      version: '1.2',
      schema: 'core',
      resolveKnownTags: false,
      logLevel: 'silent',
    })
    const isOut = documents.some(({ errors }) => errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION'))
    return isOut ? undefined : documents
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
