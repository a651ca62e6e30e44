// What clients need to log in: environment lines and clouds.yaml.
import { writeAtomically } from '@kilonova/base/atomic-file'
import type { Credentials, StateDirectory } from './state-directory.ts'

export type UserName = keyof Credentials

/** The OS_… variables of a user. */
export function environmentOf(user: UserName, password: string, url: string): Record<string, string> {
  return {
    OS_AUTH_URL: `${url}/identity/v3`,
    OS_USERNAME: user,
    OS_PASSWORD: password,
    OS_PROJECT_NAME: user,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: 'RegionOne',
    OS_IDENTITY_API_VERSION: '3',
    OS_INTERFACE: 'public',
  }
}

const CLOUD_NAMES: Record<UserName, string> = { admin: 'kilonova', demo: 'kilonova-demo' }

/** clouds.yaml with the clouds kilonova (admin) and kilonova-demo. Passwords and urls are JSON strings, which YAML reads. */
export async function writeCloudsFile(state: StateDirectory, credentials: Credentials, url: string): Promise<void> {
  const text = (value: string): string => JSON.stringify(value)
  const clouds = (Object.keys(CLOUD_NAMES) as UserName[]).flatMap((user) => [
    `  ${CLOUD_NAMES[user]}:`,
    '    auth:',
    `      auth_url: ${text(`${url}/identity/v3`)}`,
    `      username: ${text(user)}`,
    `      password: ${text(credentials[user])}`,
    `      project_name: ${text(user)}`,
    '      user_domain_name: Default',
    '      project_domain_name: Default',
    '    region_name: RegionOne',
    '    identity_api_version: 3',
  ])
  await writeAtomically(state.cloudsFile, `${['clouds:', ...clouds].join('\n')}\n`, 0o600)
}
