// The form of names that users may add beside the standard ones.
const CUSTOM_NAME = /^CUSTOM_[A-Z0-9_]{1,248}$/

/** True for CUSTOM_ and capital letters, digits and underscores, 255 in all at most. */
export function isCustomName(name: string): boolean {
  return CUSTOM_NAME.test(name)
}
