// Calls every declared procedure against a real daemon with a real guest: a shape that is wrong shows as an error of
// the protocol, on one side or the other.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LibvirtConnection } from './connection.ts'
import {
  affect,
  blockCommit,
  blockCopy,
  blockJobAbort,
  blockResize,
  createSnapshot,
  domainState,
  dumpDomain,
  migrate,
  migrateParams,
  startDomain,
  undefineDomain,
} from './constants.ts'
import type { ErrorCode } from './errors.ts'
import { errorCodes, isLibvirtError, LibvirtError } from './errors.ts'
import type { Procedure } from './procedure.ts'
import { blocks } from './procedures/block.ts'
import { connect } from './procedures/connect.ts'
import { domains } from './procedures/domain.ts'
import { guests } from './procedures/guest.ts'
import { migration } from './procedures/migration.ts'
import { node } from './procedures/node.ts'
import { qemu } from './procedures/qemu.ts'
import { resources } from './procedures/resource.ts'
import { saving } from './procedures/saving.ts'
import { secrets } from './procedures/secret.ts'
import { snapshots } from './procedures/snapshot.ts'
import type { EchoGuest, TestDaemon } from './testing.ts'
import { daemonFor, echoGuest } from './testing.ts'
import type { Domain } from './wire-types.ts'
import { domainOf, param, paramValues } from './wire-types.ts'

const tables = { blocks, connect, domains, guests, migration, node, qemu, resources, saving, secrets, snapshots }

/** A connection that notes what was called. */
class Caller {
  readonly connection: LibvirtConnection
  readonly called = new Set<string>([connect.open.name]) // opening has called it

  constructor(connection: LibvirtConnection) {
    this.connection = connection
  }

  ok<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    this.called.add(procedure.name)
    return this.connection.call(procedure, ...([args] as never))
  }

  /** Asserts that libvirt refuses, with that code and words. */
  async refused<Args>(procedure: Procedure<Args, unknown>, args: Args, code: ErrorCode, words: RegExp): Promise<void> {
    this.called.add(procedure.name)
    await assert.rejects(this.connection.call(procedure, ...([args] as never)), (error) => {
      assert.ok(error instanceof LibvirtError)
      assert.deepEqual([error.kind, error.codeName], ['libvirt', code], error.message)
      assert.equal(error.code, errorCodes[code])
      assert.match(error.message, words)
      return true
    })
  }

  async streamed<Args, Result>(procedure: Procedure<Args, Result>, args: Args) {
    this.called.add(procedure.name)
    return await this.connection.openStream(procedure, args)
  }
}

test('every procedure', { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  const call = new Caller(await daemon.open())
  const guest = await echoGuest(daemon.directory)

  await t.test('connect', () => connectProcedures(call))
  await t.test('node', () => nodeProcedures(call))
  await t.test('secrets', () => secretProcedures(call))
  await t.test('domains', () => domainProcedures(call, guest))
  const dom = await call.ok(domains.createXml, { xml: guest.xml, flags: startDomain.PAUSED })
  await t.test('guests', () => guestProcedures(call, dom))
  await t.test('resources', () => resourceProcedures(call, dom, daemon))
  await t.test('qemu', () => qemuProcedures(call, dom))
  await t.test('blocks and snapshots', () => blockProcedures(call, dom, guest, daemon))
  await t.test('migration', () => migrationProcedures(call, dom, daemon))
  await t.test('saving', () => savingProcedures(call, guest, daemon))
  await t.test('close', () => call.ok(connect.close, undefined))

  const declared = Object.values(tables).flatMap((table) => Object.values(table).map(({ name }) => name))
  assert.deepEqual(
    declared.filter((name) => !call.called.has(name)),
    [],
    'declared, but not called',
  )
})

async function connectProcedures(call: Caller): Promise<void> {
  const emulator = { arch: 'x86_64', virtType: 'qemu' }
  assert.deepEqual(await call.ok(connect.authList, undefined), [0])
  assert.equal(await call.ok(connect.supportsFeature, 10), true)
  assert.equal(await call.ok(connect.getType, undefined), 'QEMU')
  assert.ok((await call.ok(connect.getVersion, undefined)) > 1_000_000n)
  assert.ok((await call.ok(connect.getLibVersion, undefined)) > 1_000_000n)
  assert.notEqual(await call.ok(connect.getHostname, undefined), '')
  assert.equal(await call.ok(connect.getUri, undefined), 'qemu:///system')
  assert.equal(await call.ok(connect.isSecure, undefined), true)
  assert.ok((await call.ok(connect.getMaxVcpus, 'qemu')) > 0)
  const capabilities = await call.ok(connect.getCapabilities, undefined)
  assert.match(capabilities, /^<capabilities>/)
  assert.match(await call.ok(connect.getDomainCapabilities, emulator), /<domainCapabilities>/)
  const cpu = '<cpu><arch>x86_64</arch><model>qemu64</model></cpu>'
  await call.ok(connect.compareCpu, { xml: cpu })
  await call.ok(connect.compareHypervisorCpu, { ...emulator, xml: cpu })
  assert.match(await call.ok(connect.baselineHypervisorCpu, { ...emulator, xmlCpus: [cpu] }), /<cpu/)
  const { models, count } = await call.ok(connect.getCpuModelNames, { arch: 'x86_64' })
  assert.ok(count === models.length && models.includes('qemu64'))
  assert.deepEqual(await call.ok(connect.listAllDomains, {}), { domains: [], count: 0 })
  assert.deepEqual(await call.ok(connect.getAllDomainStats, { doms: [], stats: 0 }), [])
  const callback = await call.ok(connect.registerDomainEvent, { eventId: 0 })
  await call.ok(connect.deregisterDomainEvent, callback)
  // Machines without SMBIOS have none to tell.
  const sysinfo = await call.ok(connect.getSysinfo, {}).catch((error) => error)
  assert.ok(isLibvirtError(sysinfo, 'CONFIG_UNSUPPORTED') || /<sysinfo/.test(sysinfo))
}

async function nodeProcedures(call: Caller): Promise<void> {
  const info = await call.ok(node.getInfo, undefined)
  assert.ok(info.memory > 0n && info.cpus > 0 && info.model.length > 0)
  assert.ok((await call.ok(node.getFreeMemory, undefined)) > 0n)
  await call.ok(node.getCellsFreeMemory, { startCell: 0, maxCells: 1 })
  const cpu = await call.ok(node.getCpuStats, { cpu: -1, nparams: 0 })
  const { params } = await call.ok(node.getCpuStats, { cpu: -1, nparams: cpu.nparams })
  assert.ok(params.some(({ field, value }) => field === 'idle' && value > 0n))
  const memory = await call.ok(node.getMemoryStats, { nparams: 0, cell: -1 })
  assert.equal(
    (await call.ok(node.getMemoryStats, { nparams: memory.nparams, cell: -1 })).params.length,
    memory.nparams,
  )
  const map = await call.ok(node.getCpuMap, {})
  assert.equal(map.online, info.cpus)
  assert.equal((await call.ok(node.getFreePages, { pageSizes: [4], startCell: 0, cellCount: 1 })).length, 1)
  const { devices } = await call.ok(node.listAllDevices, {})
  const device = devices.find(({ name }) => name === 'computer')
  assert.ok(device)
  assert.deepEqual(await call.ok(node.lookupDevice, device.name), device)
  assert.match(await call.ok(node.getDeviceXmlDesc, device), /<device>/)
  await call.refused(node.getDeviceAutostart, 'none', 'NO_NODE_DEVICE', /none/)
}

async function secretProcedures(call: Caller): Promise<void> {
  const uuid = randomUUID()
  const usage = { usageType: 2, usageId: 'client.test' }
  const xml = `<secret ephemeral='no' private='no'><uuid>${uuid}</uuid><usage type='ceph'><name>client.test</name></usage></secret>`
  const secret = await call.ok(secrets.defineXml, { xml })
  assert.deepEqual(secret, { uuid, ...usage })
  assert.deepEqual(await call.ok(secrets.lookupByUuid, uuid), secret)
  assert.deepEqual(await call.ok(secrets.lookupByUsage, usage), secret)
  await call.ok(secrets.setValue, { secret, value: Buffer.from('key') })
  assert.equal(String(await call.ok(secrets.getValue, { secret })), 'key')
  assert.match(await call.ok(secrets.getXmlDesc, { secret }), /client\.test/)
  assert.deepEqual(await call.ok(secrets.listAll, {}), { secrets: [secret], count: 1 })
  await call.ok(secrets.undefine, { secret })
  await call.refused(secrets.lookupByUuid, uuid, 'NO_SECRET', /no secret/)
}

/** Leaves nothing behind. */
async function domainProcedures(call: Caller, guest: EchoGuest): Promise<void> {
  await call.refused(domains.lookupByUuid, guest.uuid, 'NO_DOMAIN', /no domain with matching uuid/)
  let dom = await call.ok(domains.defineXml, { xml: guest.xml, flags: 1 })
  assert.deepEqual(dom, guest.dom)
  assert.deepEqual(await call.ok(domains.lookupByUuid, guest.uuid), guest.dom)
  assert.deepEqual(await call.ok(domains.lookupByName, guest.name), guest.dom)
  assert.equal(await call.ok(domains.getOsType, { dom }), 'hvm')
  assert.equal(await call.ok(domains.rename, { dom, newName: 'other' }), 0)
  assert.equal(await call.ok(domains.rename, { dom, newName: guest.name }), 0)
  await call.ok(domains.setAutostart, { dom, autostart: true })
  assert.equal(await call.ok(domains.getAutostart, { dom }), true)
  const element = { dom, type: 2, key: 'k', uri: 'urn:test' }
  await call.ok(domains.setMetadata, { ...element, metadata: '<a/>', flags: affect.CONFIG })
  assert.match(await call.ok(domains.getMetadata, { dom, type: 2, uri: 'urn:test', flags: affect.CONFIG }), /<a\/>/)

  dom = await call.ok(domains.create, { dom, flags: startDomain.PAUSED })
  assert.ok(dom.id > 0)
  assert.deepEqual(await call.ok(domains.lookupById, dom.id), dom)
  assert.equal((await call.ok(domains.getState, { dom })).state, domainState.PAUSED)
  await call.ok(domains.resume, { dom })
  // The uuid alone is enough for libvirt.
  assert.equal((await call.ok(domains.getState, { dom: domainOf(guest.uuid) })).state, domainState.RUNNING)
  const info = await call.ok(domains.getInfo, { dom })
  assert.deepEqual([info.state, info.maxMemory, info.vcpus], [domainState.RUNNING, 32n * 1024n, 1])
  assert.equal((await call.ok(domains.getControlInfo, { dom })).state, 0)
  assert.match(await call.ok(domains.getXmlDesc, { dom }), /<name>echo<\/name>/)
  assert.equal(await call.ok(domains.isActive, { dom }), true)
  assert.equal(await call.ok(domains.isPersistent, { dom }), true)
  assert.equal(await call.ok(domains.isUpdated, { dom }), false)
  await call.ok(domains.suspend, { dom })
  await call.ok(domains.resume, { dom })
  await call.ok(domains.reset, { dom })
  await call.ok(domains.shutdown, { dom })
  await call.ok(domains.reboot, { dom })
  await call.ok(domains.destroy, { dom })
  await call.ok(domains.undefine, { dom, flags: undefineDomain.NVRAM })
  assert.deepEqual(await call.ok(connect.listAllDomains, {}), { domains: [], count: 0 })
}

async function resourceProcedures(call: Caller, dom: Domain, { directory }: TestDaemon): Promise<void> {
  const file = join(directory, 'second.raw')
  await writeFile(file, Buffer.alloc(65536))
  const disk = (more: string) =>
    `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${file}'/><target dev='sdb' bus='usb'/>${more}</disk>`
  const flags = affect.LIVE
  await call.ok(resources.attachDevice, { dom, xml: disk("<alias name='ua-second'/>"), flags })
  await call.ok(resources.detachDevice, { dom, xml: disk(''), flags })
  await call.refused(resources.detachDeviceAlias, { dom, alias: 'ua-none', flags }, 'INTERNAL_ERROR', /ua-none/)
  const boot = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${directory}/echo.raw'/><target dev='vda' bus='virtio'/></disk>`
  await call.ok(resources.updateDevice, { dom, xml: boot, flags })

  await call.refused(resources.setVcpus, { dom, vcpus: 3, flags }, 'INVALID_ARG', /max allowable/)
  assert.equal(await call.ok(resources.getVcpus, { dom, flags }), 1)
  const vcpus = await call.ok(resources.getVcpuInfo, { dom, maxInfo: 1, mapLength: 1 })
  assert.deepEqual([vcpus.info.length, vcpus.maps.length], [1, 1])
  await call.ok(resources.pinVcpu, { dom, vcpu: 0, map: Buffer.from([3]), flags })
  await call.refused(resources.getCpuStats, { dom, nparams: 0, startCpu: -1, cpus: 1 }, 'OPERATION_INVALID', /cgroup/)

  await call.ok(resources.setMemory, { dom, memory: 32 * 1024, flags })
  assert.equal(await call.ok(resources.getMaxMemory, { dom }), 32n * 1024n)
  await call.ok(resources.setMemoryStatsPeriod, { dom, period: 0, flags })
  const stats = await call.ok(resources.memoryStats, { dom, maxStats: 16 })
  assert.equal(stats.find(({ tag }) => tag === 6)?.value, 32n * 1024n)

  await call.refused(resources.interfaceStats, { dom, device: 'none' }, 'INVALID_ARG', /none/)
  const one = { dom, device: 'none', flags }
  await call.refused(resources.getInterfaceParameters, { ...one, nparams: 8 }, 'INVALID_ARG', /none/)
  const params = [param.uint('inbound.average', 1)]
  await call.refused(resources.setInterfaceParameters, { ...one, params }, 'INVALID_ARG', /none/)

  const [all] = await call.ok(connect.getAllDomainStats, { doms: [dom], stats: 0 })
  assert.deepEqual(all?.dom, dom)
  assert.equal(paramValues(all.params)['state.state'], domainState.RUNNING)
}

async function guestProcedures(call: Caller, dom: Domain): Promise<void> {
  const console = await call.streamed(guests.openConsole, { dom, flags: 1 })
  await call.ok(domains.resume, { dom })
  for await (const chunk of console.stream) if (String(chunk).includes('\n')) break
  await assert.rejects(call.streamed(guests.openChannel, { dom, name: 'none' }), /channel/)
  const shot = await call.streamed(guests.screenshot, { dom, screen: 0 })
  const picture = await shot.stream.toArray()
  assert.match(shot.result ?? '', /^image\//)
  assert.ok(Buffer.concat(picture).length > 1000)
  await call.ok(guests.sendKey, { dom, codeset: 0, holdTime: 0, keycodes: [28] })
  await call.ok(guests.injectNmi, { dom })

  await call.ok(guests.setAgentTimeout, { dom, timeout: 1 })
  const absent = ['AGENT_UNRESPONSIVE', /agent/] as const
  await call.refused(guests.fsFreeze, { dom, mountpoints: ['/'] }, ...absent)
  await call.refused(guests.fsThaw, { dom, mountpoints: [] }, ...absent)
  await call.refused(guests.fsTrim, { dom, minimum: 0 }, ...absent)
  await call.refused(guests.getFsInfo, { dom }, ...absent)
  await call.refused(guests.setUserPassword, { dom, user: 'root', password: 'x' }, ...absent)
  await call.refused(guests.getHostname, { dom }, ...absent)
  await call.refused(guests.getTime, { dom }, ...absent)
  await call.refused(guests.setTime, { dom, seconds: 1, nanoseconds: 0 }, ...absent)
  await call.refused(guests.getInfo, { dom, types: 0 }, ...absent)
  assert.deepEqual(await call.ok(guests.interfaceAddresses, { dom, source: 0 }), [])
}

async function qemuProcedures(call: Caller, dom: Domain): Promise<void> {
  const command = JSON.stringify({ execute: 'query-status' })
  const answer = JSON.parse(await call.ok(qemu.monitorCommand, { dom, command }))
  assert.equal(answer.return.status, 'running')
  const ping = { dom, command: JSON.stringify({ execute: 'guest-ping' }), timeout: 1 }
  await call.refused(qemu.agentCommand, ping, 'AGENT_UNRESPONSIVE', /agent/)
}

async function blockProcedures(call: Caller, dom: Domain, guest: EchoGuest, { directory }: TestDaemon): Promise<void> {
  const path = 'vda'
  assert.equal((await call.ok(blocks.getInfo, { dom, path })).capacity, 1024n * 1024n)
  assert.ok((await call.ok(blocks.stats, { dom, path })).readBytes > 0n)
  const { nparams } = await call.ok(blocks.statsFlags, { dom, path, nparams: 0 })
  const stats = paramValues((await call.ok(blocks.statsFlags, { dom, path, nparams })).params)
  assert.ok(Number(stats['rd_operations']) > 0)
  await call.ok(blocks.setIoTune, { dom, disk: path, params: [param.ullong('total_bytes_sec', 2_000_000)] })
  const tune = await call.ok(blocks.getIoTune, { dom, disk: path, nparams: 32 })
  assert.equal(paramValues(tune.params)['total_bytes_sec'], 2_000_000)
  assert.deepEqual(await call.ok(blocks.getErrors, { dom, maxErrors: 4 }), { errors: [], count: 0 })
  await call.ok(blocks.resize, { dom, disk: path, size: 2 * 1024 * 1024, flags: blockResize.BYTES })

  const overlay = join(directory, 'overlay.qcow2')
  const xml = `<domainsnapshot><name>one</name><disks><disk name='vda'><source file='${overlay}'/></disk></disks></domainsnapshot>`
  const snapshot = await call.ok(snapshots.createXml, { dom, xml, flags: createSnapshot.DISK_ONLY })
  assert.equal(snapshot.name, 'one')
  assert.equal((await call.ok(snapshots.listAll, { dom })).count, 1)
  assert.deepEqual(await call.ok(snapshots.lookupByName, { dom, name: 'one' }), snapshot)
  assert.match(await call.ok(snapshots.getXmlDesc, { snapshot }), /<domainsnapshot>/)
  assert.equal(await call.ok(snapshots.hasCurrent, { dom }), true)
  assert.deepEqual(await call.ok(snapshots.current, { dom }), snapshot)
  await call.refused(snapshots.revert, { snapshot, flags: 1 }, 'CONFIG_UNSUPPORTED', /revert/)
  await call.ok(snapshots.delete, { snapshot, flags: 2 })

  const job = { dom, path, bandwidth: 0 }
  const ready = blockJobs(call.connection)
  await call.ok(blocks.commit, { ...job, disk: path, flags: blockCommit.ACTIVE })
  await ready.of(3)
  assert.equal((await call.ok(blocks.getJobInfo, { dom, path })).found, true)
  await call.ok(blocks.jobSetSpeed, { dom, path, bandwidth: 10 })
  await call.ok(blocks.jobAbort, { dom, path, flags: blockJobAbort.PIVOT })
  await ready.of(0)
  assert.match(await call.ok(domains.getXmlDesc, { dom }), new RegExp(guest.disk))

  const destination = `<disk type='file'><source file='${join(directory, 'copy.raw')}'/><driver type='raw'/></disk>`
  const flags = blockCopy.TRANSIENT_JOB
  await call.ok(blocks.copy, { dom, path, destination, params: [param.ullong('bandwidth', 0)], flags })
  await ready.of(3)
  await call.ok(blocks.jobAbort, { dom, path })
  await ready.of(2)
  const second = xml.replaceAll('overlay', 'second')
  await call.ok(snapshots.createXml, { dom, xml: second, flags: createSnapshot.DISK_ONLY | createSnapshot.NO_METADATA })
  await call.ok(blocks.pull, job)
  await ready.of(0)
  await call.refused(blocks.rebase, { ...job, base: '/none' }, 'INVALID_ARG', /none/)
}

/** Waits for the next block job event of a status. */
function blockJobs(connection: LibvirtConnection) {
  const seen: number[] = []
  let wake = () => {}
  const subscribed = connection.subscribe('blockJob', ({ status }) => {
    seen.push(status)
    wake()
  })
  return {
    async of(status: number): Promise<void> {
      await subscribed
      while (!seen.includes(status)) await new Promise<void>((resolve) => (wake = resolve))
      seen.length = 0
    },
  }
}

async function migrationProcedures(call: Caller, dom: Domain, daemon: TestDaemon): Promise<void> {
  await call.ok(migration.setMaxDowntime, { dom, downtime: 200 })
  assert.equal(await call.ok(migration.getMaxDowntime, { dom }), 200n)
  await call.ok(migration.setMaxSpeed, { dom, bandwidth: 100 })
  assert.equal(await call.ok(migration.getMaxSpeed, { dom }), 100n)
  await call.refused(migration.startPostCopy, { dom }, 'OPERATION_INVALID', /post-copy/)
  assert.equal((await call.ok(migration.getJobInfo, { dom })).type, 0)
  assert.equal((await call.ok(migration.getJobStats, { dom })).type, 0)
  await call.refused(migration.abortJob, { dom }, 'OPERATION_INVALID', /no job is active/)
  const perform = {
    dom,
    destination: daemon.virshUri,
    params: [param.string(migrateParams.uri, 'tcp://127.0.0.1')],
    cookie: Buffer.alloc(0),
    flags: migrate.LIVE | migrate.PEER2PEER | migrate.UNSAFE,
  }
  await call.refused(migration.perform, perform, 'INTERNAL_ERROR', /migrate guest to the same host/)
}

/** Needs the guest running, and leaves it defined no more. */
async function savingProcedures(call: Caller, guest: EchoGuest, { directory }: TestDaemon): Promise<void> {
  const { dom } = guest
  const to = join(directory, 'saved')
  await call.ok(saving.coreDump, { dom, to: join(directory, 'core'), flags: dumpDomain.MEMORY_ONLY })
  const flags = dumpDomain.MEMORY_ONLY
  await call.ok(saving.coreDumpWithFormat, { dom, to: join(directory, 'core2'), format: 0, flags })
  await call.ok(saving.save, { dom, to })
  assert.match(await call.ok(saving.getImageXmlDesc, { file: to }), /<domain/)
  await call.ok(saving.restore, { from: to })
  await call.ok(domains.defineXml, { xml: guest.xml })
  await call.ok(saving.managedSave, { dom })
  assert.equal(await call.ok(saving.hasManagedSaveImage, { dom }), true)
  await call.ok(saving.managedSaveRemove, { dom })
  await call.ok(domains.undefine, { dom })
}
