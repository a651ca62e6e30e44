// The attributes of an image: which ones callers set, of what form, and which names are not theirs.
import { type Static, type TSchema, Type } from '@kilonova/api/type'
import { isValid } from '@kilonova/api/validate'
import { fault } from '../faults.ts'
import type { ImageRow } from '../schema/tables.ts'
import { CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES } from './image.ts'

/** PostgreSQL takes no NUL in a text. */
const NO_NUL = '^[^\\u0000]*$'
const UUID = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
const MAX_INT = 0x7fff_ffff

export const Uuid = Type.String({ pattern: UUID })
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: NO_NUL })
const NullableName = Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 255, pattern: NO_NUL })
const Count = Type.Integer({ minimum: 0, maximum: MAX_INT })
const oneOfOrNull = <Word extends string>(words: readonly Word[]) =>
  Type.Unsafe<Word | null>({ type: ['string', 'null'], enum: [...words, null] })
export const PropertyValue = Type.String({ maxLength: 65_535, pattern: NO_NUL })
const ImageReference = Type.Unsafe<string | null>({ type: ['string', 'null'], pattern: UUID })

export const Tags = Type.Array(Name)

/** What callers may set, with its form. */
export const SETTABLE = {
  name: NullableName,
  visibility: Type.Unsafe<(typeof VISIBILITIES)[number]>({ type: 'string', enum: [...VISIBILITIES] }),
  owner: NullableName,
  disk_format: oneOfOrNull(DISK_FORMATS),
  container_format: oneOfOrNull(CONTAINER_FORMATS),
  min_disk: Count,
  min_ram: Count,
  protected: Type.Boolean(),
  os_hidden: Type.Boolean(),
  tags: Tags,
} as const
export type Settable = { [Key in keyof typeof SETTABLE]?: Static<(typeof SETTABLE)[Key]> }

/** Custom properties of another form than text. */
export const TYPED_PROPERTIES = { kernel_id: ImageReference, ramdisk_id: ImageReference } as const

export const READ_ONLY = [
  'status',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'created_at',
  'updated_at',
  'self',
  'file',
  'schema',
  'direct_url',
] as const
const RESERVED = ['location', 'locations', 'deleted', 'deleted_at', 'stores']
const RESERVED_PREFIX = 'os_glance_'

export function isSettable(name: string): name is keyof typeof SETTABLE {
  return Object.hasOwn(SETTABLE, name)
}

/** Throws unless a caller may set an attribute or property of that name. */
export function checkAttributeName(name: string): void {
  if ((READ_ONLY as readonly string[]).includes(name)) throw fault('AttributeReadOnly', { name })
  if (RESERVED.includes(name) || name.startsWith(RESERVED_PREFIX)) throw fault('AttributeReserved', { name })
  const isName: boolean = isValid(Name, name)
  if (!isName) throw fault('Invalid', { message: `Invalid property name '${name.slice(0, 80)}'` })
}

/** Throws unless the value has the form of the attribute or property. */
export function checkAttributeValue(name: string, value: unknown): void {
  const schema: TSchema = isSettable(name)
    ? SETTABLE[name]
    : ((TYPED_PROPERTIES as Record<string, TSchema>)[name] ?? PropertyValue)
  if (isValid(schema, value)) return
  const said = String(JSON.stringify(value)).slice(0, 200)
  throw fault('Invalid', { message: `Provided object does not match schema 'image': ${said} is not valid for ${name}` })
}

/** The settable attributes as columns. */
export function columnsOf(attributes: Settable): Partial<ImageRow> {
  const { tags: _tags, protected: isProtected, os_hidden, ...columns } = attributes
  return {
    ...columns,
    ...(isProtected === undefined ? {} : { protected: isProtected ? 1 : 0 }),
    ...(os_hidden === undefined ? {} : { os_hidden: os_hidden ? 1 : 0 }),
  }
}
