// Tokens: made, opened, checked against what holds now, revoked.
import type { Bearer } from '@kilonova/api/server'
import type { RoleName } from '../assignments/store.ts'
import { fault } from '../faults.ts'
import type { Parts } from '../parts.ts'
import type { TokenKeys } from './keys.ts'
import { ASKED_AFTER_END_MS } from './keys.ts'
import type { Revocations } from './revocations.ts'
import type { Method, Payload, Scope } from './seal.ts'
import { seal, unseal } from './seal.ts'
import type { Subject, Subjects } from './subjects.ts'

/** A token that holds, and everything a request context takes from it. */
export interface VerifiedToken extends Bearer {
  readonly userId: string
  readonly userName: string
  readonly userDomainId: string
  readonly userDomainName: string
  /** The user's own part of the token's generation. */
  readonly userGeneration: number
  readonly projectDomainName: string | null
  readonly domainName: string | null
  /** Own, inherited and implied, sorted by name. */
  readonly roleRefs: readonly RoleName[]
  readonly methods: readonly Method[]
  readonly auditIds: readonly string[]
  /** Milliseconds since 1970, as is `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface NewToken {
  userId: string
  scope: Scope
  methods: Method[]
  /** The user's generation when the proof was given: it counts for no later one. */
  userGeneration: number
  /** The token that it is made from: its audit id goes on, and its end is not put off. */
  parent?: VerifiedToken | undefined
}

const OPENED_AT_MOST = 10_000
const LONGEST = 255

interface Opened {
  payload: Payload
  epoch: number
  verified: VerifiedToken | undefined
}

export class Tokens {
  readonly #parts: Parts
  readonly #lifeMs: number
  readonly #keys: TokenKeys
  readonly #revocations: Revocations
  readonly #subjects: Subjects
  readonly #opened = new Map<string, Opened>()

  constructor(parts: Parts, rooms: { keys: TokenKeys; revocations: Revocations; subjects: Subjects; lifeMs: number }) {
    this.#parts = parts
    this.#lifeMs = rooms.lifeMs
    this.#keys = rooms.keys
    this.#revocations = rooms.revocations
    this.#subjects = rooms.subjects
  }

  /** A new token; Unauthorized if the user may have none for the scope. */
  async issue({
    userId,
    scope,
    methods,
    userGeneration,
    parent,
  }: NewToken): Promise<{ text: string; token: VerifiedToken }> {
    await this.#parts.changes.look()
    const subject = await this.#subjects.find(userId, scope)
    if (subject?.user.token_generation !== userGeneration) throw fault('Unauthorized', {})
    const issuedAt = this.#parts.clock.now()
    const auditId = this.#parts.random.bytes(16).toString('base64url')
    const payload: Payload = {
      userId,
      scope,
      methods,
      issuedAt,
      expiresAt: parent ? parent.expiresAt : issuedAt + this.#lifeMs,
      auditIds: [auditId, ...(parent ? [parent.auditIds[0]!] : [])],
      generation: subject.generation,
    }
    const text = seal(payload, await this.#keys.sealing(), this.#parts.random)
    return { text, token: verifiedOf(payload, subject) }
  }

  /** What the token says, as of at most two seconds ago; undefined if it does not hold (any more). */
  async verify(text: string, { allowExpired = false } = {}): Promise<VerifiedToken | undefined> {
    if (text.length > LONGEST) return undefined
    await this.#parts.changes.look()
    const opened = this.#opened.get(text) ?? (await this.#open(text))
    if (!opened) return undefined
    const end = opened.payload.expiresAt + (allowExpired ? ASKED_AFTER_END_MS : 0)
    if (this.#parts.clock.now() >= end) return undefined
    const revoked = this.#revocations.known() ?? (await this.#revocations.read())
    if (revoked.has(opened.payload.auditIds[0]!)) return undefined
    if (opened.epoch !== this.#parts.changes.epoch('subjects')) await this.#refresh(opened)
    return opened.verified
  }

  /** Ends the token; others of the same login live on. */
  async revoke(token: VerifiedToken): Promise<void> {
    await this.#revocations.add(token.auditIds[0]!, token.expiresAt + ASKED_AFTER_END_MS)
  }

  async #open(text: string): Promise<Opened | undefined> {
    const payload = unseal(text, await this.#keys.secrets())
    if (!payload) return undefined
    const opened: Opened = { payload, epoch: -1, verified: undefined }
    this.#opened.set(text, opened)
    if (this.#opened.size > OPENED_AT_MOST) this.#opened.delete(this.#opened.keys().next().value!)
    return opened
  }

  async #refresh(opened: Opened): Promise<void> {
    const epoch = this.#parts.changes.epoch('subjects')
    const { payload } = opened
    const subject = await this.#subjects.find(payload.userId, payload.scope)
    opened.verified = subject?.generation === payload.generation ? verifiedOf(payload, subject) : undefined
    opened.epoch = epoch
  }
}

function verifiedOf(payload: Payload, { user, userDomain, scoped, roles }: Subject): VerifiedToken {
  const project = payload.scope.kind === 'project' ? scoped : null
  const domain = payload.scope.kind === 'domain' ? scoped : null
  const { methods, auditIds, issuedAt, expiresAt } = payload
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: userDomain.id,
    userDomainName: userDomain.name,
    userGeneration: user.token_generation,
    projectId: project?.target.id ?? null,
    projectName: project?.target.name ?? null,
    projectDomainId: project?.domain.id ?? null,
    projectDomainName: project?.domain.name ?? null,
    domainId: domain?.target.id ?? null,
    domainName: domain?.target.name ?? null,
    systemScope: payload.scope.kind === 'system' ? 'all' : null,
    roles: roles.map((role) => role.name),
    roleRefs: roles,
    isAdmin: roles.some((role) => role.name === 'admin'),
    methods,
    auditIds,
    issuedAt,
    expiresAt,
  }
}
