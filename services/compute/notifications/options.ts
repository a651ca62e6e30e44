// The [notifications] table of the configuration. Names and defaults are Nova's and oslo.messaging's.
import type { OptionTable } from '@kilonova/base/options'

export const notificationOptions = {
  driver: {
    type: 'list',
    default: [],
    choices: ['messaging', 'messagingv2', 'log', 'noop'],
    help: 'where notifications go: messaging (or messagingv2) is the bus, log is the log; nowhere when empty',
  },
  notification_format: {
    type: 'string',
    default: 'unversioned',
    choices: ['unversioned', 'versioned', 'both'],
    help: 'in which form they are sent',
  },
  notify_on_state_change: {
    type: 'string',
    default: '',
    choices: ['', 'vm_state', 'vm_and_task_state'],
    help: 'which changes of a server send compute.instance.update; none when empty',
  },
  default_level: {
    type: 'string',
    default: 'INFO',
    choices: ['DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL'],
    help: 'the priority of unversioned notifications that tell no error',
  },
  event_retention: {
    type: 'integer',
    default: 86_400,
    min: 60,
    help: 'seconds for which events can be read again, and for which notifications wait to be delivered',
  },
} as const satisfies OptionTable
