// The command line: what each command takes. What it does is loaded when it is called.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_STATE_DIRECTORY } from '../state-directory.ts'
import { fail } from './fail.ts'

const WRONG_USAGE = 2

function port(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError('a port is a number from 0 to 65535')
  return number
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a count is a whole number from 1')
  return number
}

const stateDir = () =>
  new Option('--state-dir <dir>', 'where everything of the cloud lies')
    .env('KILONOVA_STATE_DIR')
    .default(DEFAULT_STATE_DIRECTORY)
const json = () => new Option('--json', 'print JSON')

function upOptions(command: Command): Command {
  return command
    .addOption(stateDir())
    .option('--port <n>', 'the port that everything answers on', port, 8774)
    .option('--listen <address>', 'the address to listen on', '127.0.0.1')
    .option('--config <file>', 'the configuration; default: kilonova.toml in the state directory')
    .addOption(
      new Option('--driver <name>', 'real guests, or a host without any')
        .choices(['libvirt', 'fake'])
        .default('libvirt'),
    )
    .option('--fake-hosts <n>', 'hosts of the driver fake', count, 1)
}

const program = new Command('kilonova')
  .description('A whole OpenStack-compatible cloud in one process.')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'kilonova: ')) })
  .showSuggestionAfterError()
  .showHelpAfterError('See: ./kilonova --help')

upOptions(program.command('demo'))
  .description('boot a real server from nothing and log in')
  .addOption(json())
  .option('--rm', 'remove the server, and stop what the demo started')
  .action(async (options) => (await import('./demo.ts')).demo(options))

upOptions(program.command('up'))
  .description('run the cloud until Ctrl-C')
  .option('--detach', 'return when it answers')
  .addOption(new Option('--roles <list>', 'what this process does').default('api,conductor,agent'))
  .option('--memory', 'keep nothing on disk; with --driver fake')
  .action(async (options) => (await import('./up.ts')).up(options))

program
  .command('down')
  .description('stop the detached cloud; guests go on')
  .addOption(stateDir())
  .action(async (options) => (await import('./down.ts')).down(options))

program
  .command('status')
  .description('what runs')
  .addOption(stateDir())
  .addOption(json())
  .action(async (options) => (await import('./status.ts')).status(options))

program
  .command('openrc')
  .description('print what makes `openstack` work: eval "$(./kilonova openrc)"')
  .argument('[user]', 'admin or demo', 'admin')
  .addOption(stateDir())
  .action(async (user, options) => (await import('./openrc.ts')).openrc(user, options))

program
  .command('doctor')
  .description('check host and cloud')
  .addOption(stateDir())
  .addOption(json())
  .action(async (options) => (await import('./doctor.ts')).doctor(options))

program
  .command('audit')
  .description('compare everything that exists with what the records say')
  .addOption(stateDir())
  .addOption(json())
  .action(async (options) => (await import('./audit.ts')).audit(options))

program
  .command('tasks')
  .description('durable work in flight')
  .argument('[verb]', '`retry` to run a stuck task again')
  .argument('[id]', 'the task')
  .addOption(stateDir())
  .addOption(json())
  .option('--stuck', 'only those that need somebody')
  .option('--steps', 'list every task.step there is')
  .action(async (verb, id, options) => (await import('./tasks.ts')).tasks(verb, id, options))

program
  .command('explain')
  .description('why a server is in the state it is in')
  .argument('<server>', 'its id or name')
  .addOption(stateDir())
  .addOption(json())
  .action(async (server, options) => (await import('./explain.ts')).explain(server, options))

program
  .command('db')
  .description('the database: sync, version or purge')
  .argument('<verb>', 'sync, version or purge')
  .addOption(stateDir())
  .option('--config <file>', 'the configuration; default: kilonova.toml in the state directory')
  .option('--before <date>', 'purge: what ended before this date; default: 30 days ago')
  .action(async (verb, options) => (await import('./db.ts')).db(verb, options))

// Run by the launcher; here for --help.
program.command('test').description('run every test, or those that match').argument('[pattern]')
program.command('bench').description('run the benchmarks, or one').argument('[name]')

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE
  else process.exitCode = fail(error)
}
