// Private daemons: started once, side by side, found again, stopped without harm; and moving a guest between two.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { domainState, migrate, migrateParams, undefineDomain } from './constants.ts'
import { DaemonFailed, findDaemon, hostSocket, startDaemon } from './daemon.ts'
import { placesIn } from './daemon-files.ts'
import type { DomainEventOf } from './events.ts'
import { connect } from './procedures/connect.ts'
import { domains } from './procedures/domain.ts'
import { migration } from './procedures/migration.ts'
import { daemonFor, echoGuest } from './testing.ts'
import { param } from './wire-types.ts'

const run = promisify(execFile)

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp('/tmp/libvirt-test-')
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

test('a directory has one daemon, however often it is started', { timeout: 300_000 }, async (t) => {
  const directory = await emptyDirectory(t)
  const started = await Promise.all([1, 2, 3].map(() => startDaemon({ directory })))
  t.after(() => started[0]?.stop())
  const again = await startDaemon({ directory })
  const found = await findDaemon({ directory })
  assert.deepEqual(new Set([...started, again, found].map((daemon) => daemon?.pid)).size, 1)
  const { stdout } = await run('virsh', ['-c', again.virshUri, 'uri'])
  assert.match(stdout, /qemu/)
  await again.stop()
  assert.equal(await findDaemon({ directory }), undefined)
  await again.stop()
})

test('it survives the process that started it', { timeout: 300_000 }, async (t) => {
  const directory = await emptyDirectory(t)
  const program = "import { startDaemon } from './daemon.ts'; await startDaemon({ directory: process.argv[1] })"
  await run(process.execPath, ['--input-type=module', '-e', program, directory], { cwd: import.meta.dirname })
  const daemon = await findDaemon({ directory })
  assert.ok(daemon)
  await daemon.stop()
})

test('two lie side by side, and a guest outlives the stop of its own', { timeout: 300_000 }, async (t) => {
  const [one, two] = [await daemonFor(t), await daemonFor(t)]
  const [first, second] = [await one.open(), await two.open()]
  const guest = await echoGuest(one.directory)
  const twin = await echoGuest(two.directory)
  const dom = await first.call(domains.createXml, { xml: guest.xml })
  assert.deepEqual((await second.call(connect.listAllDomains, {})).domains, [])
  await second.call(domains.defineXml, { xml: twin.xml })
  assert.equal((await first.call(connect.listAllDomains, {})).count, 1)
  const uuids = [one, two].map(({ directory }) => readFile(join(directory, 'host-uuid'), 'utf8'))
  assert.notEqual(await uuids[0], await uuids[1])

  const pid = await readFile(join(one.directory, 'run', 'qemu', `${guest.name}.pid`), 'utf8')
  await one.stop()
  process.kill(Number(pid), 0)
  await startDaemon({ directory: one.directory })
  const back = await one.open()
  assert.deepEqual((await back.call(connect.listAllDomains, {})).domains, [dom])
  assert.equal((await back.call(domains.getInfo, { dom })).state, domainState.RUNNING)
  assert.equal(await readFile(join(one.directory, 'host-uuid'), 'utf8'), await uuids[0])
})

test('a running guest moves from one to the other', { timeout: 300_000 }, async (t) => {
  const source = await daemonFor(t, { hostname: 'host-a' })
  const target = await daemonFor(t, { hostname: 'host-b' })
  const [from, to] = [await source.open(), await target.open()]
  assert.equal(await to.call(connect.getHostname), 'host-b')
  const guest = await echoGuest(source.directory)
  const dom = await from.call(domains.defineXml, { xml: guest.xml })
  const running = await from.call(domains.create, { dom })
  const completed = Promise.withResolvers<DomainEventOf<'jobCompleted'>>()
  await from.subscribe('jobCompleted', completed.resolve)
  await from.call(migration.perform, {
    dom: running,
    destination: target.virshUri,
    params: [param.string(migrateParams.uri, 'tcp://127.0.0.1')],
    cookie: Buffer.alloc(0),
    flags: migrate.LIVE | migrate.PEER2PEER | migrate.PERSIST_DEST | migrate.UNDEFINE_SOURCE | migrate.UNSAFE,
  })
  const { stats } = JSON.parse(JSON.stringify(await completed.promise))
  assert.ok(stats.memory_processed > 0)
  assert.deepEqual((await from.call(connect.listAllDomains, {})).domains, [])
  assert.equal((await to.call(domains.getState, { dom })).state, domainState.RUNNING)
  await to.call(domains.destroy, { dom })
  await to.call(domains.undefine, { dom, flags: undefineDomain.NVRAM })
})

test('only its own process is stopped, and what is of another boot is forgotten', { timeout: 300_000 }, async (t) => {
  const directory = await emptyDirectory(t)
  const daemon = await startDaemon({ directory })
  await daemon.stop()
  const { pidFile } = placesIn(directory)
  const known = join(directory, 'run', 'known')
  await writeFile(known, '')
  const stranger = spawn('sleep', ['60'])
  t.after(() => stranger.kill())
  await writeFile(pidFile, String(stranger.pid))
  assert.equal(await findDaemon({ directory }), undefined)

  const second = await startDaemon({ directory })
  assert.notEqual(second.pid, stranger.pid)
  await access(known)
  await second.stop()

  await writeFile(join(directory, 'boot'), 'another\n')
  const third = await startDaemon({ directory })
  await assert.rejects(access(known))
  await third.stop()
  assert.equal(stranger.exitCode ?? stranger.signalCode, null)
})

for (const [directory, words] of [
  [`/tmp/${'x'.repeat(90)}`, /too long/],
  ['/var/lib/libvirt/mine', /under \/var\/lib\/libvirt/],
  ['/tmp/a"b', /characters/],
] as const) {
  test(`refuses ${directory.slice(0, 30)}`, async () => {
    await assert.rejects(
      startDaemon({ directory }),
      (error) => error instanceof DaemonFailed && words.test(error.message),
    )
  })
}

test('one that cannot start says why', { timeout: 300_000 }, async (t) => {
  const directory = await emptyDirectory(t)
  const tls = { address: '127.0.0.1', port: 1, pki: '/nowhere' }
  await assert.rejects(
    startDaemon({ directory, tls }),
    (error) => error instanceof DaemonFailed && /nowhere/.test(error.message),
  )
})

test("the host's own daemon is told only when it answers", async () => {
  const socket = await hostSocket()
  assert.ok(socket === undefined || socket.startsWith('/run/libvirt/'))
})
