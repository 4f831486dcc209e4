/** What a map or list holds under a key; undefined for every other value, and for what is only inherited. */
export const field = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (Reflect.get(value, key) as unknown) // Reflect.get gives any
    : undefined
