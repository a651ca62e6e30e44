// The options of a configuration file as a Markdown page: a section for each table, a row for each key.
import type { Option, OptionTables } from '@kilonova/base/options'

const INTRODUCTION = [
  '# Options',
  '',
  'Written by `tools/generate-options.ts` from the declarations in the code: change those, then run',
  '`./kilonova node tools/generate-options.ts`. How to use them: [configure](configure.md).',
]

export function optionsPage(tables: OptionTables): string {
  const sections = Object.entries(tables)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([name, table]) => [
      '',
      `## [${name}]`,
      '',
      '| key | type | default | what it is |',
      '|---|---|---|---|',
      ...Object.entries(table).map(([key, option]) => row(key, option)),
    ])
  return `${[...INTRODUCTION, ...sections].join('\n')}\n`
}

function row(key: string, option: Option): string {
  const cells = [`\`${key}\``, typeText(option), `\`${JSON.stringify(option.default)}\``, option.help]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function typeText(option: Option): string {
  const choices = 'choices' in option ? option.choices?.map((choice) => `\`${choice}\``).join(', ') : undefined
  if (option.type === 'list' && choices) return `list of ${choices}`
  if (choices) return choices
  if (option.type !== 'integer' && option.type !== 'number') return option.type
  const { type, min, max } = option
  if (min !== undefined && max !== undefined) return `${type}, ${min} to ${max}`
  if (min !== undefined) return `${type}, from ${min}`
  return max === undefined ? type : `${type}, up to ${max}`
}
