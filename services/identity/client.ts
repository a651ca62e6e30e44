// How other services ask identity, in process.
import { Remembered } from './changes.ts'
import { fault } from './faults.ts'
import type { Identity } from './identity.ts'
import type { VerifiedToken } from './tokens/tokens.ts'

export type { VerifiedToken } from './tokens/tokens.ts'

export interface IdentityClient {
  /** The bearer of a token, or undefined if it does not hold: what `createApi` takes as `authenticate`. */
  authenticate(token: string): Promise<VerifiedToken | undefined>
  /** As authenticate, but throws Unauthorized (401). */
  verifyToken(token: string): Promise<VerifiedToken>
  /** True for an enabled or disabled project; domains are none. */
  projectExists(id: string): Promise<boolean>
  /** Null for what does not exist. */
  projectName(id: string): Promise<string | null>
  /** Null for what does not exist. */
  userName(id: string): Promise<string | null>
}

const NAMES_AT_MOST = 10_000

/** Answers are at most two seconds old. */
export function identityClient({ changes, tokens, projects, users }: Identity): IdentityClient {
  const names = new Remembered<string | undefined>(changes, 'subjects', NAMES_AT_MOST)

  async function nameOf(kind: 'project' | 'user', id: string): Promise<string | undefined> {
    await changes.look()
    return names.getOr(`${kind} ${id}`, async () => {
      if (kind === 'user') return (await users.get(id))?.name
      return (await projects.rows.find({ id, is_domain: 0 }))?.name
    })
  }

  return {
    authenticate: (token) => tokens.verify(token),
    async verifyToken(token) {
      const verified = await tokens.verify(token)
      if (!verified) throw fault('Unauthorized', {})
      return verified
    },
    projectExists: async (id) => (await nameOf('project', id)) !== undefined,
    projectName: async (id) => (await nameOf('project', id)) ?? null,
    userName: async (id) => (await nameOf('user', id)) ?? null,
  }
}
