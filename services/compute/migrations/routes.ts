// The list of migrations, of all servers and kinds.
import { nextLink } from '@kilonova/api/paging'
import { route } from '../route.ts'
import { listMigrations } from './list.ts'
import { ListMigrations, MigrationsListed } from './schema.ts'
import { migrationView } from './view.ts'

export const migrationRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/os-migrations',
    policy: 'os-migrations:index',
    query: ListMigrations,
    success: 200,
    reply: MigrationsListed,
    handler: async (compute, call) => {
      const { rows, next } = await listMigrations(compute, call)
      const href = next && nextLink(call, `${call.url.versioned}/os-migrations`, next)
      const links = href ? { migrations_links: [{ rel: 'next', href }] } : {}
      return { migrations: rows.map((row) => migrationView(call, row)), ...links }
    },
  }),
]
