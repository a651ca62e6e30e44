// Limits on what one image may carry.
import { fault } from '../faults.ts'
import type { ImageOptions } from '../options.ts'
import type { Image } from './image.ts'

/** Throws LimitExceeded when the image has too many properties or tags. */
export function checkQuotas(options: ImageOptions, { properties, tags }: Pick<Image, 'properties' | 'tags'>): void {
  checkLimit('properties', Object.keys(properties).length, options.image_property_quota)
  checkLimit('tags', tags.length, options.image_tag_quota)
}

export function checkLimit(what: 'properties' | 'tags' | 'members', attempted: number, limit: number): void {
  if (attempted > limit) throw fault('LimitExceeded', { what, attempted, limit })
}
