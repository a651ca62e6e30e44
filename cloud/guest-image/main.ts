// Builds the image from a shell: `node main.ts DIRECTORY` prints its description as JSON.
import { errorChain, isFault } from '@kilonova/base/fault'
import { buildGuestImage } from './build.ts'

const [directory] = process.argv.slice(2)
if (!directory) {
  console.error('usage: node main.ts DIRECTORY')
  process.exit(2)
}
try {
  const image = await buildGuestImage({ directory, log: (line) => console.error(line) })
  console.log(JSON.stringify(image, null, 2))
} catch (error) {
  if (!isFault(error)) throw error
  console.error(`${errorChain(error)}${error.mend ? `\nTo mend it: ${error.mend}` : ''}`)
  process.exitCode = 1
}
