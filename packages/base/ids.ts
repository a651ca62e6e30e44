// A type for each kind of id, so that a port's id cannot be passed for a server's.
declare const kindOf: unique symbol

/** A string that names one thing of the given kind. */
export type Id<Kind extends string> = string & { readonly [kindOf]: Kind }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const HEX32 = /^[0-9a-f]{32}$/i

/** True for a uuid, with or without hyphens. */
export function isUuidLike(text: string): boolean {
  return UUID.test(text) || HEX32.test(text)
}

/** True for a hyphenated uuid. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
