// The [identity] table of the configuration.
import type { OptionTable, Values } from '@kilonova/base/options'

export const identityOptions = {
  token_expiration: {
    type: 'integer',
    default: 3600,
    min: 60,
    max: 30 * 86_400,
    help: 'seconds that a token lives',
  },
  token_key_rotation_interval: {
    type: 'integer',
    default: 86_400,
    min: 60,
    help: 'seconds after which new tokens are sealed with a new key; old keys stay until their tokens have expired',
  },
  public_endpoint: {
    type: 'string',
    default: '',
    help: 'base url of all services in the catalog, such as https://cloud.example.com; empty: as the caller reached us',
  },
  password_hash_cost: {
    type: 'integer',
    default: 14,
    min: 4,
    max: 20,
    help: "scrypt's N for new passwords, as a power of two",
  },
} as const satisfies OptionTable

export type IdentityOptions = Values<typeof identityOptions>
