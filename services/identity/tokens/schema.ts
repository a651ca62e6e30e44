// The body of POST /v3/auth/tokens.
import { nullable } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'

const text = Type.String({ maxLength: 255 })

const Domain = Type.Object({ id: Type.Optional(text), name: Type.Optional(text) }, closed)

const User = Type.Object(
  {
    id: Type.Optional(text),
    name: Type.Optional(text),
    password: Type.String({ maxLength: 4096 }),
    domain: Type.Optional(Domain),
  },
  closed,
)

const Project = Type.Object(
  { id: Type.Optional(text), name: Type.Optional(text), domain: Type.Optional(Domain) },
  closed,
)

const Scope = Type.Union([
  Type.Literal('unscoped'),
  Type.Object(
    {
      project: Type.Optional(Project),
      domain: Type.Optional(Domain),
      system: Type.Optional(Type.Object({ all: Type.Literal(true) }, closed)),
      unscoped: Type.Optional(nullable(Type.Object({}))),
    },
    closed,
  ),
])

const Identity = Type.Object({
  methods: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 8 }),
  password: Type.Optional(Type.Object({ user: User }, closed)),
  token: Type.Optional(Type.Object({ id: Type.String({ maxLength: 4096 }) }, closed)),
})

const Auth = Type.Object({ identity: Identity, scope: Type.Optional(Scope) }, closed)

export const CreateToken = Type.Object({ auth: Auth }, closed)

export type Auth = Static<typeof Auth>
export type PasswordUser = Static<typeof User>
export type DomainRef = Static<typeof Domain>
export type ScopeBody = Static<typeof Scope>
