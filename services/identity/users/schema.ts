// Bodies of users. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { idText, nameOf } from '../identity-route.ts'

const Password = Type.String({ minLength: 1, maxLength: 4096 })
const flag = Type.Optional(nullable(Type.Boolean()))

/** Options that have no effect here, as passwords do not expire and users are not locked, are kept for clients. */
const UserOptions = Type.Object(
  {
    ignore_change_password_upon_first_use: flag,
    ignore_password_expiry: flag,
    ignore_lockout_failure_attempts: flag,
    ignore_user_inactivity: flag,
    lock_password: flag,
  },
  closed,
)

const fields = {
  domain_id: Type.Optional(idText),
  enabled: Type.Optional(Type.Boolean()),
  password: Type.Optional(nullable(Password)),
  default_project_id: Type.Optional(nullable(idText)),
  description: Type.Optional(nullable(Type.String())),
  email: Type.Optional(nullable(Type.String())),
  options: Type.Optional(UserOptions),
}

export const CreateUser = Type.Object({ user: Type.Object({ ...fields, name: nameOf() }) })

export const UpdateUser = Type.Object({
  user: Type.Object({ ...fields, name: Type.Optional(nameOf()) }, { minProperties: 1 }),
})

export const ChangePassword = Type.Object({ user: Type.Object({ password: Password, original_password: Password }) })
