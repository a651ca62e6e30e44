// Tokens that let one connection each to a server's console.
import type { SchemaStep } from '@kilonova/store/schema'

export const consoleAuthTokens: SchemaStep = {
  name: '0005-console-auth-tokens',
  async up({ schema }) {
    const texts = ['server_id', 'user_id', 'host', 'console_type', 'address', 'access_url_base', 'sealed_token']
    const numbers = ['port', 'created_at', 'expires_at']
    let table = schema
      .createTable('compute_console_auth_tokens')
      .addColumn('token_hash', 'text', (column) => column.primaryKey())
    for (const name of texts) table = table.addColumn(name, 'text', (column) => column.notNull())
    for (const name of numbers) table = table.addColumn(name, 'bigint', (column) => column.notNull())
    await table.execute()
    const index = (column: string) =>
      schema
        .createIndex(`compute_console_auth_tokens_${column}`)
        .on('compute_console_auth_tokens')
        .column(column)
        .execute()
    await index('server_id')
    await index('expires_at')
  },
}
