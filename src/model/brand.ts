declare const brand: unique symbol

/** A string that was checked once, by the one function that makes it. */
export type Brand<Kind extends string> = string & { readonly [brand]: Kind }
