// An XML encoder: elements as data in, text out. Values never become markup.

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (Element | string)[]
}

type Value = string | number | boolean | undefined
type Child = Element | string | number | undefined | false | readonly Child[]

const NAME = /^[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?$/

/** An element; attributes and children that are undefined (or false) are left out, lists of children are flattened. */
export function element(name: string, attributes: Record<string, Value> = {}, ...children: Child[]): Element {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  for (const word of [name, ...given.map(([key]) => key)]) {
    if (!NAME.test(word)) throw new TypeError(`${JSON.stringify(word)} is not an XML name`)
  }
  return {
    name,
    attributes: Object.fromEntries(given.map(([key, value]) => [key, String(value)])),
    children: (children.flat(Infinity as 1) as Child[]).flatMap((child) =>
      child === undefined || child === false
        ? []
        : [typeof child === 'number' ? String(child) : (child as Element | string)],
    ),
  }
}

/** The element as an XML document without declaration. */
export function encode({ name, attributes, children }: Element): string {
  const head = Object.entries(attributes).reduce((text, [key, value]) => `${text} ${key}="${escaped(value)}"`, name)
  if (children.length === 0) return `<${head}/>`
  const inside = children.map((child) => (typeof child === 'string' ? escaped(child) : encode(child)))
  return `<${head}>${inside.join('')}</${name}>`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** What XML 1.0 cannot carry (most control characters, lone surrogates) becomes U+FFFD. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\x20-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"'\t\n\r]/g, (char) => ENTITIES[char] ?? `&#${char.charCodeAt(0)};`)
}
