// What the command line and the start of a cloud may answer; the status decides the exit code.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'

export const cloudFaults = {
  StateDirectoryInUse: {
    status: 409,
    kind: '',
    say: ({ path }: { path: string }) => `Another kilonova process uses ${path}.`,
    mend: ({ path }: { path: string }) =>
      `Use it (./kilonova status --state-dir ${path}), stop it (./kilonova down --state-dir ${path}), or give this one its own --state-dir and --port.`,
  },
  PortInUse: {
    status: 409,
    kind: '',
    say: ({ host, port, holder }: { host: string; port: number; holder: string | undefined }) =>
      `Port ${port} of ${host} is taken${holder ? ` by ${holder}` : ''}.`,
    mend: ({ port }: { port: number }) => `Stop what holds it, or choose another: ./kilonova up --port ${port + 1}.`,
  },
  AddressNotOurs: {
    status: 400,
    kind: '',
    say: ({ host }: { host: string }) => `Cannot listen on ${host}: this machine has no such address.`,
    mend: () => 'Give --listen an address of this machine; 0.0.0.0 is all of them.',
  },
  UnknownBinary: {
    status: 404,
    kind: '',
    say: ({ binary, nearest }: { binary: string; nearest: string }) =>
      `There is no service ${binary}; the nearest is ${nearest}.`,
  },
  NotRunning: {
    status: 404,
    kind: '',
    say: ({ path }: { path: string }) => `No cloud is running with the state directory ${path}.`,
    mend: () => 'Start one with: ./kilonova up --detach.',
  },
  CloudSilent: {
    status: 503,
    kind: '',
    say: ({ url }: { url: string }) => `No cloud answers on ${url}.`,
    mend: () => 'Look at it with: ./kilonova doctor.',
  },
  NoState: {
    status: 404,
    kind: '',
    say: ({ path }: { path: string }) => `There is no cloud in ${path}.`,
    mend: () => 'Start one with: ./kilonova up --detach, or name its directory with --state-dir.',
  },
  DidNotStart: {
    status: 500,
    kind: '',
    say: ({ why }: { why: string; log: string }) => `The cloud did not start: ${why}`,
    mend: ({ log }: { log: string }) => `Read ${log}, or run ./kilonova doctor.`,
  },
  DidNotStop: {
    status: 500,
    kind: '',
    say: ({ pid, seconds }: { pid: number; seconds: number }) => `Process ${pid} did not end within ${seconds} s.`,
    mend: ({ pid }: { pid: number; seconds: number }) => `It can be killed (kill -9 ${pid}): nothing is lost by that.`,
  },
  NoFreePrefix: {
    status: 500,
    kind: '',
    say: () => 'All of 172.24.4.0/24 to 172.24.255.0/24 are routed on this host; the public network needs one of them.',
    mend: () => 'Remove a route that is not used any more: ip route.',
  },
  DemoLacks: {
    status: 500,
    kind: '',
    say: ({ what }: { what: string }) => `The cloud has no longer what the demo uses: ${what}.`,
    mend: () => 'Make it again, or run the demo with a fresh --state-dir and another --port.',
  },
  DemoServerFailed: {
    status: 500,
    kind: '',
    say: ({ id, why }: { id: string; why: string }) => `The demo's server ${id} failed: ${why}`,
    mend: ({ id }: { id: string }) => `See: ./kilonova explain ${id}.`,
  },
  RootNeeded: {
    status: 403,
    kind: '',
    say: ({ why }: { why: string }) => `This needs root: ${why}.`,
    mend: () => 'Run it with sudo, or with --driver fake.',
  },
  StoreFull: {
    status: 507,
    kind: '',
    say: () => 'The database has no room left: nothing can be changed until there is; what is there can be read.',
    mend: () => 'Free space on the file system of the state directory.',
  },
  StoreUnreachable: {
    status: 503,
    kind: '',
    say: () => 'The database cannot be reached; nothing was changed. Try again.',
    mend: () => 'Check that PostgreSQL runs and that database.url is right.',
  },
  DatabaseBehind: {
    status: 409,
    kind: '',
    say: ({ pending }: { pending: string[] }) => `The database lacks these steps: ${pending.join(', ')}.`,
    mend: () => 'Run them with: ./kilonova db sync.',
  },
  WrongUsage: { status: 400, kind: '', say: ({ why }: { why: string }) => why },
  PluginUnusable: {
    status: 400,
    kind: '',
    say: ({ module, why }: { module: string; why: string; mend: string }) =>
      `The plug-in ${module} cannot be used: ${why}.`,
    mend: ({ mend }: { module: string; why: string; mend: string }) => mend,
  },
  ConfigUnusable: { status: 400, kind: '', say: ({ why }: { why: string }) => why },
} satisfies FaultTable

export const fault = faultsOf(cloudFaults)
