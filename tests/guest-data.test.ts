// What guests are told of themselves, as it is settled when their servers are made.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ServerWorld } from './server-world.ts'

describe('the config drive and the devices of a server', () => {
  let world: ServerWorld
  before(async () => {
    world = await ServerWorld.open()
    await world.startTasks()
  })
  after(() => world?.close())

  interface Device {
    type: string
    mac?: string
    tags: string[]
  }

  const hasDrive = async (id: string): Promise<boolean> => {
    const { disks_json, config_drive } = await world.row(id)
    const drives = (JSON.parse(disks_json) as { role: string }[]).filter(({ role }) => role === 'config')
    assert.equal(drives.length, config_drive)
    return drives.length === 1
  }
  const rebootHard = async (id: string): Promise<void> => {
    await world.commands.reboot(id, 'HARD')
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
  }

  it('seed-8.5.18-5: force_config_drive gives a drive to new servers, never to those that are there', async () => {
    const { options } = world.compute
    assert.equal(options.force_config_drive, false)
    const old = await world.build()
    const asked = await world.build({ config_drive: true })
    assert.deepEqual([await hasDrive(old), await hasDrive(asked)], [false, true])
    Object.assign(options, { force_config_drive: true })
    await world.run(world.restartHosts())
    await rebootHard(old)
    await world.commands.stop(old)
    await world.run(world.settled(old))
    await world.commands.start(old)
    await world.run(world.settled(old))
    const young = await world.build()
    assert.deepEqual([await hasDrive(old), await hasDrive(young)], [false, true])
    Object.assign(options, { force_config_drive: false })
    await rebootHard(young)
    assert.equal(await hasDrive(young), true)
  })

  it('seed-8.5.18-6: a NIC with a tag is among the devices, with its MAC address', async () => {
    const uuid = await world.privateNetwork()
    const id = await world.build({ networks: [{ uuid, tag: 'front' }, { uuid }] })
    const { devices_json, network_info_json } = await world.row(id)
    const vifs = JSON.parse(network_info_json) as { mac: string }[]
    assert.equal(vifs.length, 2)
    const tagged = (JSON.parse(devices_json) as Device[]).filter(({ tags }) => tags.length > 0)
    assert.deepEqual(
      tagged.map(({ type, mac, tags }) => ({ type, mac, tags })),
      [{ type: 'nic', mac: vifs[0]?.mac, tags: ['front'] }],
    )
  })
})
