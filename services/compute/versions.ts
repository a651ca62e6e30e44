// The microversions that compute speaks.
export const MIN_VERSION = '2.1'
export const MAX_VERSION = '2.104'
