import type { ImageRef } from '../model/names.ts'

/** A `*` stands for any text, slashes included: `registry.example/*`, `*:stable`. Without one the whole reference must be equal. */
const matches = (image: string, pattern: string): boolean => {
  const star = pattern.indexOf('*')
  if (star < 0) return image === pattern
  if (!image.startsWith(pattern.slice(0, star))) return false
  const last = pattern.slice(pattern.lastIndexOf('*') + 1)
  let at = star
  for (const part of pattern.slice(star, pattern.length - last.length).split('*')) {
    const found = image.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return image.length - last.length >= at && image.endsWith(last)
}

/** Whether the daemon's policy lets this image run. */
export const isImageAllowed = (image: ImageRef, allowed: readonly string[]): boolean =>
  allowed.some((pattern) => matches(image, pattern))
