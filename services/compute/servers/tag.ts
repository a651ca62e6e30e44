// What a tag may be, and how many a server may have.
import { Type } from '@kilonova/api/type'

export const MOST_TAGS = 50
export const MOST_LETTERS = 60

export const tag = (options: object = {}) =>
  Type.String({ minLength: 1, maxLength: MOST_LETTERS, pattern: '^[^,/]*$', ...options })
