import type { ImageRef } from '../model/names.ts'

/** A `*` stands for any text, slashes included: `registry.example/*`, `*:stable`. Without one the whole reference must be equal. */
const matches = (image: string, pattern: string): boolean => {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return image === pattern
  if (!image.startsWith(first)) return false
  const last = rest.pop() ?? ''
  let at = first.length
  for (const part of rest) {
    const found = image.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return image.length - last.length >= at && image.endsWith(last)
}

/** Whether the daemon's policy lets this image run. */
export const isImageAllowed = (image: ImageRef, allowed: readonly string[]): boolean =>
  allowed.some((pattern) => matches(image, pattern))
