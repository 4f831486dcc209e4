/**
 * Shapes of answers. dockerode passes on whatever came with status 200, as bytes where it was no JSON: nothing at all from an engine that
 * is dying, a page of something else behind that address. None of it may be taken for an engine that has no containers.
 */

const shown = 60

/** Bears the code of the system that says the same of a socket: whoever is there does not speak the protocol. */
class UnusableAnswer extends Error {
  readonly code = 'EPROTO'
}

const unusable = (answer: unknown): UnusableAnswer => {
  const text = Buffer.isBuffer(answer) ? answer.toString('utf8') : JSON.stringify(answer)
  return new UnusableAnswer(
    text === '' ? 'its answer is empty' : `its answer is not one of Docker's: ${text.slice(0, shown)}`,
  )
}

const isObject = (answer: unknown): boolean =>
  typeof answer === 'object' && answer !== null && !Array.isArray(answer) && !Buffer.isBuffer(answer)

/** @throws UnusableAnswer when it is no list of objects */
export const listOf = async <T>(answer: Promise<T[]>): Promise<T[]> => {
  const list: unknown = await answer
  if (!Array.isArray(list) || !list.every(isObject)) throw unusable(list)
  return answer
}

/** @throws UnusableAnswer when it is no object */
export const objectOf = async <T>(answer: Promise<T>): Promise<T> => {
  const object: unknown = await answer
  if (!isObject(object)) throw unusable(object)
  return answer
}

/** @throws UnusableAnswer when it is not the word that Docker answers a ping with */
export const pongOf = async (answer: Promise<unknown>): Promise<void> => {
  const word = await answer
  if (!Buffer.isBuffer(word) || word.toString('utf8').trim() !== 'OK') throw unusable(word)
}
