// The tables and readers between libvirt's words and ours.
import assert from 'node:assert/strict'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { consoleTail, limitConsoleLog } from './console.ts'
import { parseCapabilities } from './inventory.ts'
import { hasProcess, lifecycleOf, powerStateOf } from './power-states.ts'

test('domain states', () => {
  // nostate, running, blocked, paused, shutdown, shutoff, crashed, pmsuspended, and one that is not known
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map(powerStateOf), [0, 1, 1, 3, 4, 4, 6, 7, 0])
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].filter(hasProcess), [1, 2, 3, 4, 7])
})

test('lifecycle events', () => {
  const words = Array.from({ length: 9 }, (_, event) => lifecycleOf(event, 0)?.event ?? '-')
  assert.deepEqual(words, ['-', '-', 'started', 'paused', 'resumed', 'stopped', '-', '-', '-'])
  assert.deepEqual(lifecycleOf(3, 7), { event: 'postcopy_started', powerState: 3 })
  assert.deepEqual(lifecycleOf(3, 2), { event: 'paused', powerState: 3 }, 'the host has no room for what it writes')
  assert.deepEqual(lifecycleOf(5, 0), { event: 'stopped', powerState: 4 })
})

const CAPABILITIES = `<capabilities><host><uuid>x</uuid>
  <cpu><arch>x86_64</arch><model>Nehalem</model><vendor>Intel</vendor>
    <topology sockets='1' dies='1' cores='2' threads='1'/><feature name='vmx'/><feature name='aes'/></cpu>
  <topology><cells num='1'><cell id='0'><memory unit='KiB'>2097152</memory>
    <cpus num='2'><cpu id='0' socket_id='0'/><cpu id='1' socket_id='0'/></cpus></cell></cells></topology></host>
  <guest><os_type>hvm</os_type><arch name='i686'><wordsize>32</wordsize><domain type='qemu'/></arch></guest>
  <guest><os_type>hvm</os_type><arch name='x86_64'><domain type='qemu'/><domain type='kvm'/></arch></guest>
</capabilities>`

test('capabilities', () => {
  assert.deepEqual(parseCapabilities(CAPABILITIES), {
    arch: 'x86_64',
    cpu: {
      arch: 'x86_64',
      model: 'Nehalem',
      vendor: 'Intel',
      topology: { cells: 1, sockets: 1, cores: 2, threads: 1 },
      features: ['aes', 'vmx'],
    },
    cells: [{ id: 0, cpus: [0, 1], memoryMb: 2048 }],
    supportedInstances: [
      ['i686', 'qemu', 'hvm'],
      ['x86_64', 'qemu', 'hvm'],
      ['x86_64', 'kvm', 'hvm'],
    ],
  })
})

test('the console is read from its end, over rotated logs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-console-'))
  try {
    const path = join(directory, 'console.log')
    assert.equal((await consoleTail(path, 100)).toString(), '')
    await writeFile(path, 'new\n')
    await writeFile(`${path}.0`, 'older\n')
    await writeFile(`${path}.1`, 'oldest\n')
    assert.equal((await consoleTail(path, 100)).toString(), 'oldest\nolder\nnew\n')
    assert.equal((await consoleTail(path, 8)).toString(), 'der\nnew\n')
    assert.equal((await consoleTail(path, 2)).toString(), 'w\n')
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('a console log that grew too large begins anew, and its writer goes on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-console-'))
  try {
    const path = join(directory, 'console.log')
    await limitConsoleLog(path, 10)
    const writer = await open(path, 'a')
    await writer.write('0123456789')
    await limitConsoleLog(path, 10)
    assert.equal((await consoleTail(path, 100)).toString(), '0123456789')
    await writer.write('abcde')
    await limitConsoleLog(path, 10)
    await writer.write('fgh')
    await writer.close()
    assert.equal((await consoleTail(path, 100)).toString(), 'abcdefgh')
  } finally {
    await rm(directory, { recursive: true })
  }
})
