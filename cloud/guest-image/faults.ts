// What may go wrong for a reason that the person at the machine can mend.
import { faultsOf } from '@kilonova/base/fault'

export const fault = faultsOf({
  GuestArchitectureUnsupported: {
    status: 501,
    kind: 'guest-image',
    say: ({ architecture }: { architecture: string }) =>
      `The image kilonova-tiny can only be built on x86-64, and this machine is ${architecture}.`,
    mend: () => 'Upload an image of your own with `openstack image create`.',
  },
  GuestImageToolMissing: {
    status: 500,
    kind: 'guest-image',
    say: ({ tool }: { tool: string; debianPackage: string }) =>
      `The image kilonova-tiny cannot be built: ${tool} is not installed.`,
    mend: ({ debianPackage }) => `apt-get install ${debianPackage}`,
  },
  DebianPackageUnknown: {
    status: 500,
    kind: 'guest-image',
    say: ({ name }: { name: string }) =>
      `The image kilonova-tiny cannot be built: apt knows no Debian package ${name}.`,
    mend: () => 'apt-get update, and have a line for Debian main in /etc/apt/sources.list',
  },
  DebianArchiveUnreachable: {
    status: 500,
    kind: 'guest-image',
    say: ({ names }: { names: readonly string[] }) =>
      `The image kilonova-tiny cannot be built: apt-get could not download ${names.join(', ')}.`,
    mend: () => 'apt-get update, and check that this machine reaches its Debian archive',
  },
})
