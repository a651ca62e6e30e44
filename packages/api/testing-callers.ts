// Callers for tests of routes: their tokens are their names.
import type { Bearer } from './server.ts'

export const PROJECTS = { alice: 'a'.repeat(32), bob: 'b'.repeat(32), admin: 'c'.repeat(32), guest: 'a'.repeat(32) }
export type Caller = keyof typeof PROJECTS

const ROLES: Record<Caller, string[]> = {
  alice: ['member', 'reader'],
  bob: ['member', 'reader'],
  guest: ['reader'],
  admin: ['admin', 'manager', 'member', 'reader'],
}

export function bearerOf(caller: Caller): Bearer {
  return {
    userId: caller,
    userName: caller,
    userDomainId: 'default',
    projectId: PROJECTS[caller],
    projectName: caller,
    projectDomainId: 'default',
    domainId: null,
    systemScope: null,
    roles: ROLES[caller],
    isAdmin: caller === 'admin',
  }
}

/** What an API authenticates with: undefined for a token that is no caller's name. */
export async function authenticateCaller(token: string): Promise<Bearer | undefined> {
  return token in PROJECTS ? bearerOf(token as Caller) : undefined
}
