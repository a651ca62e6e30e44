// What a database may refuse.
import { faultsOf } from '@kilonova/base/fault'

export const fault = faultsOf({
  SchemaContracted: {
    status: 409,
    kind: '',
    say: ({ steps }: { steps: string[] }) =>
      `A newer version has taken away from the database what this one may use: ${steps.join(', ')}.`,
    mend: () => 'Start the newer version again, or restore the backup from before its upgrade.',
  },
})
