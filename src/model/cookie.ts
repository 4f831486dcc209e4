import { must, parseCookie, type Cookie } from './names.ts'

/** Flow cookies: 16 bits that say "sond", 24 bits for the instance, 24 bits for the link. */

const digits = 6

const hex = (value: number): string => value.toString(16).padStart(digits, '0')

/** Both numbers are 0 .. 2^24-1; instances begin at 1, number 0 is the fabric's. */
export const makeCookie = (instance: number, link: number): Cookie => {
  const text = `0x50dd${hex(instance)}${hex(link)}`
  return must(parseCookie(text), text)
}

/** With what the cookies of an instance begin; of any instance where none is given. */
export const cookiePrefix = (instance?: number): string => `0x50dd${instance === undefined ? '' : hex(instance)}`

/** The instance's number in a cookie. */
export const cookieInstance = (cookie: Cookie): number => Number.parseInt(cookie.slice(6, 6 + digits), 16)
