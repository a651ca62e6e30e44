// What the rooms of compute need to tell of changes: the options, and who in this process waits for news.
import type { Values } from '@kilonova/base/options'
import { Bell } from './bell.ts'
import type { notificationOptions } from './options.ts'

export type NotificationOptions = Values<typeof notificationOptions>

export interface NotificationSettings {
  readonly options: NotificationOptions
  /** This process's host, as publisher of what happens on no compute host. */
  readonly host: string
}

export class Notifications {
  readonly options: NotificationOptions
  readonly host: string
  /** Rings after events were written. */
  readonly events = new Bell()
  /** Rings after notifications were written. */
  readonly outbox = new Bell()

  constructor({ options, host }: NotificationSettings) {
    this.options = options
    this.host = host
  }

  /** False when nobody is told: then notifications are not even made. */
  get on(): boolean {
    return this.options.driver.some((driver) => driver !== 'noop')
  }

  get unversioned(): boolean {
    return this.on && this.options.notification_format !== 'versioned'
  }

  get versioned(): boolean {
    return this.on && this.options.notification_format !== 'unversioned'
  }
}
