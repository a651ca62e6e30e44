import type { Id } from '@kilonova/base/ids'

/** A server's uuid; also that of its libvirt domain, and its consumer's in placement. */
export type ServerId = Id<'server'>
